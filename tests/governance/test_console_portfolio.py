"""Does a risk manager ask for a portfolio report on its page, and does everybody else only read?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.actions.dossiers import build_dossier
from audits.actions.evidence import read_evidence
from audits.models import Dossier
from tests.builders import a_model
from tests.cast import Cast, signed_in

pytestmark = pytest.mark.django_db


def test_without_a_report_the_page_says_who_asks_for_one(cast: Cast) -> None:
    page = reverse("admin:portfolio")
    assert "Ask for one above" in signed_in(cast.ravi).get(page).content.decode()
    of_the_owner = signed_in(cast.olga).get(page).content.decode()
    assert "A risk manager or an auditor asks for one here." in of_the_owner
    assert '<button class="primary"' not in of_the_owner


def test_a_report_is_asked_for_built_and_handed_out(cast: Cast) -> None:
    a_model(cast)
    ravi, page = signed_in(cast.ravi), reverse("admin:portfolio")
    assert ravi.post(page, {"language": "en"}).status_code == 302
    waiting = ravi.get(page).content.decode()
    assert "<progress" in waiting
    assert '<meta http-equiv="refresh"' in waiting
    issued = build_dossier(str(Dossier.objects.get().pk))
    assert (issued.state, issued.failure) == ("issued", None)
    assert reverse("admin:dossier_bundle", args=[issued.pk]) in ravi.get(page).content.decode()
    answer = ravi.get(reverse("admin:dossier_pdf", args=[issued.pk]))
    assert answer.content == read_evidence(issued.pdf_sha256)
    assert answer["Content-Disposition"].startswith('attachment; filename="dossier-register-portfolio-')
    assert "Portfolio report" in signed_in(cast.otto).get(reverse("admin:audit")).content.decode()


def test_a_newer_report_supersedes_and_a_later_day_is_refused(cast: Cast) -> None:
    ravi, page = signed_in(cast.ravi), reverse("admin:portfolio")
    for _time in range(2):
        ravi.post(page, {"language": "en"})
        build_dossier(str(Dossier.objects.order_by("-requested_at").first().pk))  # type: ignore[union-attr]  # just made
    assert "superseded" in ravi.get(page).content.decode()
    later = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    refused = ravi.post(page, {"language": "en", "as_of": later})
    assert refused.status_code == 400
    assert "A dossier shows what was recorded up to an instant." in refused.content.decode()
    assert Dossier.objects.count() == 2


def test_who_only_reads_cannot_ask(cast: Cast) -> None:
    assert signed_in(cast.olga).post(reverse("admin:portfolio"), {"language": "en"}).status_code == 403
    assert not Dossier.objects.exists()
