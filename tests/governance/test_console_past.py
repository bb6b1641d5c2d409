"""How does the console look as of a day that has passed, and what can be done meanwhile? Read, and come back."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audits.models import Finding
from governance.actions.deployments import report_deployment
from registry.actions.inventory import edit_model
from registry.ledger.clock import database_now
from registry.models import Environment
from tests import builders
from tests.api.calls import nothing_written
from tests.cast import Cast, signed_in
from tests.governance.asking_the_gate import ask

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
BANNER = 'class="notice past"'


def go_to(client: Client, moment: datetime | None) -> None:
    """Set the instant, or come back to now, by the form in the header."""
    form = {"act": "now"}
    if moment is not None:
        local = timezone.localtime(moment)
        form = {"act": "set", "day": local.date().isoformat(), "time": local.time().isoformat(), "next": "/console/"}
    assert client.post(reverse("admin:as_of"), form).status_code == 302


def page(client: Client, name: str, *args: object, status: int = 200) -> str:
    """Return the text of a page."""
    answer = client.get(reverse(f"admin:{name}", args=args))
    assert answer.status_code == status, (name, answer.status_code)
    return answer.content.decode()


def a_register(cast: Cast) -> tuple[datetime, str, object]:
    """Let a version run by the gate's leave; edit its model afterwards. Returns an instant between the two."""
    promotion = builders.an_approved_promotion(cast)
    version, place = promotion.version, Environment.objects.get(pk="production")
    sha256 = version.model_artifact().artifact_id
    decision = ask(cast, version)
    report_deployment(version, environment=place, artifact_sha256=sha256, decision_id=decision.pk, actor=cast.ci_bot)
    second = builders.a_version(cast, "2.0", model=version.model, data=b"other bytes")
    report_deployment(
        second, environment=builders.an_environment(cast, "shadow"), artifact_sha256=second.model_artifact().artifact_id,
        decision_id=None, actor=cast.ci_bot,
    )  # fmt: skip
    moment = database_now()
    edit_model(version.model, intended_use="Decide on cars.", actor=cast.ci_bot)
    return moment, sha256, promotion


def test_one_page_says_what_decided_then_on_which_data_validated_how_and_who_let_it(cast: Cast) -> None:
    moment, sha256, _promotion = a_register(cast)
    client = signed_in(cast.otto)
    assert "Decide on cars." in page(client, "model", "consumer-credit-default")
    go_to(client, moment)
    text = page(client, "model", "consumer-credit-default")
    assert BANNER in text
    assert "Decide on consumer loans." in text
    assert "Decide on cars." not in text
    for told in (sha256, "loans/2026-09", "loans/2026-10", "test-policy/1", "Ravi", "Pia", str(cast.pia.pk)):
        assert told in text, told
    go_to(client, None)
    text = page(client, "model", "consumer-credit-default")
    assert BANNER not in text
    assert "Decide on cars." in text


def test_every_reading_page_is_marked_and_has_no_form_but_that_of_the_header(cast: Cast) -> None:
    moment, _sha256, promotion = a_register(cast)
    finding = Finding.objects.order_by("opened_at").first()
    for person in (cast.ravi, cast.olga):
        client = signed_in(person)
        go_to(client, moment)
        pages = [
            page(client, "models"), page(client, "model", "consumer-credit-default"), page(client, "promotions"),
            page(client, "promotion", promotion.pk), page(client, "findings"), page(client, "finding", finding.pk),
            page(client, "policies"), page(client, "policy", "test-policy", 1),
        ]  # fmt: skip
        for text in pages:
            main = text[text.index("<main") :]
            assert BANNER in main
            acting = [form for form in main.split("<form")[1:] if 'method="post"' in form.split(">")[0]]
            assert all("/as-of/" in form.split(">")[0] for form in acting)
            assert str(timezone.localtime(moment).year) in main


def test_a_page_of_the_present_says_so_while_an_instant_is_set(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    go_to(client, database_now())
    for name in ("index", "audit", "policy_draft", "records", "password"):
        text = page(client, name)
        assert "as-of-not-here" in text
        assert BANNER in text


def test_nothing_is_done_while_an_instant_is_set(cast: Cast) -> None:
    moment, _sha256, promotion = a_register(cast)
    client = signed_in(cast.ravi)
    go_to(client, moment)
    finding = Finding.objects.order_by("opened_at").first()
    with nothing_written():
        for name, args in (
            ("model", ["consumer-credit-default"]), ("promotion", [promotion.pk]), ("finding", [finding.pk]),
            ("policies", []), ("policy", ["test-policy", 1]), ("policy_draft", []), ("standing", []), ("password", []),
        ):  # fmt: skip
            answer = client.post(reverse(f"admin:{name}", args=args), {"act": "close", "close-statement": "So be it."})
            assert (answer.status_code, answer["X-Cadastre-Code"]) == (409, "as-of-only-reads"), name
    assert client.post(reverse("admin:logout")).status_code == 200


def test_what_came_later_is_not_there(cast: Cast) -> None:
    moment = database_now()
    _moment, _sha256, promotion = a_register(cast)
    client = signed_in(cast.ravi)
    go_to(client, moment)
    assert "consumer-credit-default" not in page(client, "models")
    page(client, "model", "consumer-credit-default", status=404)
    page(client, "promotion", promotion.pk, status=404)
    page(client, "policy", "test-policy", 1, status=404)


@pytest.mark.parametrize(
    ("day", "clock"), [("", ""), ("yesterday", ""), ("2026-02-30", ""), ("2100-01-01", ""), ("2001-01-01", "12:00"),
                       ("2026-03-03", "25:00"), ("9999-12-31", ""), ("0001-01-01", "")]
)  # fmt: skip
def test_a_day_that_cannot_be_is_refused_with_a_reason(cast: Cast, day: str, clock: str) -> None:
    client = signed_in(cast.ravi)
    answer = client.post(reverse("admin:as_of"), {"act": "set", "day": day, "time": clock}, follow=True)
    text = answer.content.decode()
    assert BANNER not in text
    assert 'class="notice error"' in text


def test_a_day_alone_is_its_last_instant_and_today_is_now(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    before = database_now()
    client.post(reverse("admin:as_of"), {"act": "set", "day": timezone.localdate().isoformat(), "time": ""})
    kept = datetime.fromisoformat(client.session["as_of"])
    assert before <= kept <= database_now()


def test_the_way_back_never_leads_to_another_site(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    answer = client.post(reverse("admin:as_of"), {"act": "now", "next": "https://example.com/"})
    assert answer["Location"] == reverse("admin:index")
