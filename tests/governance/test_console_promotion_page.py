"""Does the promotion page show all that bears on a decision, and take decisions only from those who may decide?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import Approval, PromotionRequest
from registry.ledger.models import LedgerEvent
from registry.lifecycle import Stage
from registry.models import ModelVersion, User
from registry.storage import artifacts
from tests import builders
from tests.cast import Cast, signed_in
from tests.conftest import Alter
from tests.governance.console_sample import BIDI, SCRIPT, a_rich_promotion

pytestmark = pytest.mark.django_db
SAID = "I compared the intervals with the limits and read the notes on calibration."


@pytest.fixture
def request_(cast: Cast) -> PromotionRequest:
    """Return an open request whose validation passed, with curves, groups and importances."""
    return a_rich_promotion(cast)


def address(asked: PromotionRequest) -> str:
    return reverse("admin:promotion", args=[asked.pk])


def decide(person: User, asked: PromotionRequest, **changes: Any) -> Any:
    """Post the decision form as ``person``; a value of None leaves the field out."""
    assert asked.run is not None
    asked.run.refresh_from_db()
    data = {
        "act": "decide",
        "decision": "approve",
        "statement": SAID,
        "confirm": "on",
        "evidence_digest": asked.run.evidence_digest,
    } | changes
    return signed_in(person).post(address(asked), {key: value for key, value in data.items() if value is not None})


def text_of(client: Client, asked: PromotionRequest) -> str:
    answer = client.get(address(asked))
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_part_of_the_evidence_is_on_the_one_page(cast: Cast, request_: PromotionRequest) -> None:
    page = text_of(signed_in(cast.ravi), request_)
    assert request_.run is not None
    request_.run.refresh_from_db()
    assert page.count(request_.run.evidence_digest) >= 2
    assert request_.covers_digest in page
    assert request_.version.manifest_digest in page
    for word in ("0.7312", "0.6981 to 0.7643", "at least 0.65 for the whole 95 % interval", "n = 812"):
        assert word in page
    for drawing in ("ROC curve", "Reliability diagram", "Rates by group", "Global importance (SHAP)"):
        assert f"<title>{drawing}</title>" in page
    assert "<title>Lineage</title>" in page
    assert "loans/2026-09" in page
    assert "SOD-03" in page
    assert "2 eligible people" in page


def test_the_page_says_which_answer_is_declared_good_and_what_nobody_can_change(
    cast: Cast, request_: PromotionRequest
) -> None:
    stated = {"threshold": 0.5, "positive_label": 1, "favourable": "low", "immutable": ["age", "sex"]}
    ModelVersion.objects.filter(pk=request_.version_id).update(scoring=stated)
    page = text_of(signed_in(cast.ravi), request_)
    assert "favourable = low" in page
    assert "immutable = age, sex" in page


def test_a_result_is_told_by_word_and_sign_and_not_by_colour_alone(cast: Cast, request_: PromotionRequest) -> None:
    page = text_of(signed_in(cast.ravi), request_)
    assert '<span class="state good"><span class="sign" aria-hidden="true">✓</span> met</span>' in page
    assert '<span class="state bad"><span class="sign" aria-hidden="true">✕</span> not met</span>' in page


def test_who_answers_for_the_requester_sees_why_they_may_not_decide(cast: Cast, request_: PromotionRequest) -> None:
    page = text_of(signed_in(cast.ada), request_)
    assert "You may not decide on this request:" in page
    assert "requested this promotion or answers for the account that did" in page
    assert "Record my decision" not in page


def test_who_answers_for_the_requester_is_refused_when_posting(cast: Cast, request_: PromotionRequest) -> None:
    before = LedgerEvent.objects.count()
    answer = decide(cast.ada, request_)
    assert answer.status_code == 403
    assert "You may not decide on this" in answer.content.decode()
    assert Approval.objects.count() == 0
    assert LedgerEvent.objects.count() == before


@pytest.mark.parametrize("name", ["otto", "adam", "olga", "vera"])
def test_roles_that_do_not_decide_are_refused(cast: Cast, request_: PromotionRequest, name: str) -> None:
    answer = decide(getattr(cast, name), request_)
    assert answer.status_code == 403
    assert Approval.objects.count() == 0


def test_an_eligible_person_approves_in_a_session_with_a_statement(cast: Cast, request_: PromotionRequest) -> None:
    answer = decide(cast.ravi, request_)
    assert answer.status_code == 302
    row = Approval.objects.get()
    assert (row.approver, row.decision, row.statement) == (cast.ravi, "approve", SAID)
    assert request_.run is not None
    assert row.evidence_digest == request_.run.evidence_digest
    event = json.loads(bytes(LedgerEvent.objects.get(action="approval.approve").body))
    assert "session" in json.dumps(event)
    page = text_of(signed_in(cast.ravi), request_)
    assert SAID in page
    assert "1 of 2 approvals count" in page
    assert "Take your approval back" in page


def test_two_different_people_bring_the_version_to_approved(cast: Cast, request_: PromotionRequest) -> None:
    decide(cast.ravi, request_)
    assert decide(cast.ravi, request_).status_code == 409
    decide(cast.pia, request_)
    request_.version.refresh_from_db()
    assert request_.version.stage == Stage.APPROVED
    assert Approval.objects.count() == 2


def test_an_approval_is_withdrawn_and_stands_as_withdrawn(cast: Cast, request_: PromotionRequest) -> None:
    decide(cast.ravi, request_)
    answer = signed_in(cast.ravi).post(address(request_), {"act": "withdraw", "withdraw-reason": "New facts."})
    assert answer.status_code == 302
    row = Approval.objects.get()
    assert row.withdrawn_reason == "New facts."
    assert "New facts." in text_of(signed_in(cast.pia), request_)


def test_a_rejection_closes_the_request_and_the_dissent_stays_in_view(cast: Cast, request_: PromotionRequest) -> None:
    assert decide(cast.pia, request_, decision="reject", statement="The gap is not explained.").status_code == 302
    request_.refresh_from_db()
    assert request_.state == PromotionRequest.State.REJECTED
    page = text_of(signed_in(cast.ravi), request_)
    assert "The gap is not explained." in page
    assert "The request is closed; nothing more is decided here." in page
    assert decide(cast.ravi, request_).status_code in {403, 409}


@pytest.mark.parametrize(
    "changes",
    [{"statement": ""}, {"statement": "   "}, {"confirm": None}, {"decision": None}, {"decision": "maybe"}],
    ids=["no-statement", "blank-statement", "not-confirmed", "no-decision", "another-decision"],
)
def test_an_incomplete_decision_is_refused_and_keeps_what_was_typed(
    cast: Cast, request_: PromotionRequest, changes: dict[str, Any]
) -> None:
    answer = decide(cast.ravi, request_, **changes)
    assert answer.status_code == 400
    assert Approval.objects.count() == 0
    if "statement" not in changes:
        assert SAID in answer.content.decode()


def test_a_decision_on_other_evidence_than_was_shown_is_refused(cast: Cast, request_: PromotionRequest) -> None:
    answer = decide(cast.ravi, request_, evidence_digest="0" * 64)
    assert answer.status_code == 409
    assert "The evidence has changed since it was shown to you." in answer.content.decode()
    assert Approval.objects.count() == 0


def test_a_failed_validation_cannot_be_approved(cast: Cast) -> None:
    asked = a_rich_promotion(cast, passed=False)
    page = text_of(signed_in(cast.ravi), asked)
    assert "Validation did not pass. You can reject; approving will be refused." in page
    assert decide(cast.ravi, asked).status_code == 409
    assert Approval.objects.count() == 0


def test_nothing_is_decided_before_validation_has_concluded(cast: Cast) -> None:
    asked = builders.an_open_promotion(cast, concluded=False)
    page = text_of(signed_in(cast.ravi), asked)
    assert "validation has not concluded" in page
    assert '<meta http-equiv="refresh" content="5">' in page
    assert decide(cast.ravi, asked).status_code == 400


def test_evidence_that_was_altered_is_said_and_nothing_can_be_decided(
    cast: Cast, request_: PromotionRequest, alter: Alter
) -> None:
    assert request_.run is not None
    stored = artifacts().path(request_.run.results.get(requirement_key="auc").evidence_sha256)
    alter(stored, b"{}")
    page = text_of(signed_in(cast.ravi), request_)
    assert "Some evidence cannot be read or is not what its digest says." in page
    assert "Record my decision" not in page


def test_names_of_users_never_become_markup(cast: Cast) -> None:
    asked = a_rich_promotion(cast, group=f"{SCRIPT}{BIDI}evil", name=SCRIPT)
    page = text_of(signed_in(cast.ravi), asked)
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert BIDI not in page
    assert "⟨U+202E⟩" in page


def test_the_form_needs_its_own_token_against_forgery(cast: Cast, request_: PromotionRequest) -> None:
    answer = signed_in(cast.ravi, enforce_csrf_checks=True).post(address(request_), {"act": "decide"})
    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()
    assert Approval.objects.count() == 0


def test_looking_at_the_page_records_nothing(cast: Cast, request_: PromotionRequest) -> None:
    before = LedgerEvent.objects.count()
    text_of(signed_in(cast.ravi), request_)
    assert LedgerEvent.objects.count() == before
    assert request_.gate_decisions.count() == 0


def test_the_page_forbids_script_style_and_caching(cast: Cast, request_: PromotionRequest) -> None:
    answer = signed_in(cast.ravi).get(address(request_))
    page = answer.content.decode()
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    for forbidden in ("<script", " style=", "<style", "javascript:", " onclick="):
        assert forbidden not in page
