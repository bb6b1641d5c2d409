"""Does the auditor find dossiers, the proof of the ledger, and the answers of the gate?"""

from __future__ import annotations

import pytest
from django.urls import reverse

from audits.actions.evidence import store_evidence
from audits.models import Dossier
from governance.actions.gates import decide_gate
from registry.ledger.clock import database_now
from tests import builders
from tests.cast import Cast, signed_in
from tests.conftest import Alter
from tests.governance.console_sample import SCRIPT

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 the bytes of a dossier"


def an_issued_dossier(cast: Cast) -> Dossier:
    """Return a dossier whose PDF is stored; what a real one holds is the business of the dossier's own tests."""
    version = builders.a_version(cast)
    stored = store_evidence(PDF, kind="dossier_pdf", media_type="application/pdf")
    now = database_now()
    return Dossier.objects.create(
        version=version, state="issued", as_of=now, facts_sha256="1" * 64, pdf_sha256=stored.sha256,
        requested_by=cast.otto, requested_at=now, issued_at=now,
    )  # fmt: skip


def test_the_auditor_asks_for_a_dossier_and_sees_it_queued(cast: Cast) -> None:
    version = builders.a_version(cast)
    otto = signed_in(cast.otto)
    assert otto.post(reverse("admin:audit"), {"version": version.pk, "language": "de"}).status_code == 302
    assert Dossier.objects.get().requested_by == cast.otto
    page = otto.get(reverse("admin:audit")).content.decode()
    assert "queued" in page
    assert '<meta http-equiv="refresh"' in page


def test_the_table_names_the_kind_and_the_version_it_is_compared_with(cast: Cast) -> None:
    version = builders.a_version(cast)
    earlier = builders.a_version(cast, "0.9", model=version.model, data=b"the bytes of 0.9")
    otto = signed_in(cast.otto)
    asked = {"version": version.pk, "language": "en"}
    assert otto.post(reverse("admin:audit"), asked).status_code == 302
    more = {"kind": "differences", "compared_with": earlier.pk}
    assert otto.post(reverse("admin:audit"), asked | more).status_code == 302
    page = otto.get(reverse("admin:audit")).content.decode()
    assert "<td>Differences between two versions</td><td>0.9</td>" in page
    assert "<td>Full dossier</td><td>–</td>" in page


def test_the_pdf_is_handed_out_as_a_file_with_its_exact_bytes(cast: Cast) -> None:
    dossier = an_issued_dossier(cast)
    answer = signed_in(cast.otto).get(reverse("admin:dossier_pdf", args=[dossier.pk]))
    assert answer.status_code == 200
    assert answer.content == PDF
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith('attachment; filename="dossier-consumer-credit-default-1.0-')
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert signed_in(cast.adam).get(reverse("admin:dossier_pdf", args=[dossier.pk])).status_code == 403


def test_a_pdf_whose_bytes_were_altered_is_not_handed_out(cast: Cast, alter: Alter) -> None:
    from registry.storage import artifacts

    dossier = an_issued_dossier(cast)
    stored = artifacts().path(dossier.pdf_sha256)
    alter(stored, b"%PDF-1.7 another")
    answer = signed_in(cast.otto).get(reverse("admin:dossier_pdf", args=[dossier.pk]))
    assert answer.status_code == 503
    assert b"another" not in answer.content


@pytest.mark.django_db(transaction=True)
def test_an_answer_of_the_gate_is_read_with_every_control(cast: Cast) -> None:
    asked = builders.an_open_promotion(cast)
    link = asked.version.model_artifact()
    assert link is not None
    row = decide_gate(artifact_sha256=link.artifact_id, environment="production", nonce="nonce-0001", actor=cast.ci_bot)
    page = signed_in(cast.otto).get(reverse("admin:decision", args=[row.pk])).content.decode()
    assert "The gate said no" in page
    for control in row.controls:
        assert control["control"] in page
    denied = signed_in(cast.ravi).get(reverse("admin:index")).content.decode()
    assert reverse("admin:decision", args=[row.pk]) in denied


def test_prose_with_markup_stays_text_on_the_page_of_the_model(cast: Cast) -> None:
    model = builders.a_model(cast, description=SCRIPT, intended_use=SCRIPT)
    page = signed_in(cast.otto).get(reverse("admin:model", args=[model.pk])).content.decode()
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") == 2
