"""When people and machines decide at the same instant, does one order of events hold?"""

from __future__ import annotations

import pytest

from audits.models import ValidationRun
from governance.actions.approvals import approve, reject, withdraw_approval
from governance.actions.gates import decide_gate
from governance.actions.promotions import open_promotion, withdraw_promotion
from governance.models import Approval, GateDecision, PromotionRequest
from registry.ledger.event import read
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import ModelVersion
from tests import builders
from tests.cast import in_session_of, make_cast
from tests.races.racing import at_once, codes, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def saying(verb, request, person, *, digest=None):
    """Return the act of a person who decides in a session of their own."""

    def act():
        with in_session_of(person):
            return verb(
                PromotionRequest.objects.get(pk=request.pk),
                actor=person,
                statement="The evidence supports it.",
                evidence_digest=digest or request.run.evidence_digest,
            )

    return act


def ready(cast):
    request = builders.an_open_promotion(cast)
    request.run.refresh_from_db()
    return request


def asking(version, nonce, actor):
    sha256 = version.model_artifact().artifact_id
    return lambda: decide_gate(artifact_sha256=sha256, environment="production", nonce=nonce, actor=actor)


def test_two_promotions_of_one_model_at_once_leave_one_open():
    cast = make_cast()
    first = builders.a_promotable_version(cast, "1.0")
    second = builders.a_version(cast, "2.0", model=first.model, data=b"the bytes of version 2.0")
    place = builders.an_environment(cast)
    works = [
        lambda version=version: open_promotion(
            ModelVersion.objects.get(pk=version.pk), environment=place, actor=cast.ci_bot
        )
        for version in (first, second, first, second)
    ]
    ends = at_once(works)
    assert codes(ends) == []
    assert PromotionRequest.objects.filter(state="open").count() == 1
    assert ValidationRun.objects.count() == PromotionRequest.objects.count()
    assert set(PromotionRequest.objects.exclude(state="open").values_list("state", flat=True)) <= {"superseded"}
    assert differences() == []


def test_the_same_promotion_asked_for_eight_times_at_once_is_one_request_and_one_run():
    cast = make_cast()
    version = builders.a_promotable_version(cast)
    place = builders.an_environment(cast)
    ends = at_once([lambda: open_promotion(version, environment=place, actor=cast.ci_bot)] * 8)
    assert codes(ends) == []
    assert len({request.pk for request, _ in ends}) == 1
    assert [created for _, created in ends].count(True) == 1
    assert ValidationRun.objects.count() == 1


def test_one_person_approving_in_two_windows_at_once_approves_once():
    cast = make_cast()
    request = ready(cast)
    ends = at_once([saying(approve, request, cast.ravi)] * 4)
    assert sorted(codes(ends)) == ["already-decided"] * 3
    assert len(won(ends)) == Approval.objects.count() == 1
    assert LedgerEvent.objects.filter(action="approval.approve").count() == 1


def test_two_approvers_at_once_reach_the_quorum_once():
    cast = make_cast()
    request = ready(cast)
    ends = at_once([saying(approve, request, cast.ravi), saying(approve, request, cast.pia)])
    assert codes(ends) == []
    assert Approval.objects.count() == 2
    assert ModelVersion.objects.get().stage == "approved"
    moves = [read(bytes(one.body)).payload["to"] for one in LedgerEvent.objects.filter(action="version.stage_moved")]
    assert moves.count("approved") == 1
    assert differences() == []


def test_approvals_a_rejection_and_a_withdrawal_at_once_never_approve_a_closed_request():
    cast = make_cast()
    request = ready(cast)

    def taken_back():
        return withdraw_promotion(
            PromotionRequest.objects.get(pk=request.pk), actor=cast.ci_bot, reason="Asked too early."
        )

    ends = at_once(
        [
            saying(approve, request, cast.ravi),
            saying(approve, request, cast.pia),
            saying(reject, request, cast.vera),
            taken_back,
        ]
    )
    assert set(codes(ends)) <= {"request-closed"}
    request.refresh_from_db()
    assert request.state in {"rejected", "withdrawn"}
    version = ModelVersion.objects.get()
    assert version.stage == ("rejected" if request.state == "rejected" else "validated")
    late = Approval.objects.filter(decided_at__gt=request.closed_at)
    assert not late.exclude(decision="reject").exists()
    assert asking(version, "after-all-of-it", cast.ci_bot)().outcome == "deny"
    assert differences() == []


def test_a_promotion_against_approvals_of_the_request_it_supersedes():
    cast = make_cast()
    request = ready(cast)
    other = builders.a_version(cast, "2.0", model=request.model, data=b"the bytes of version 2.0")
    ends = at_once(
        [
            saying(approve, request, cast.ravi),
            lambda: open_promotion(other, environment=builders.an_environment(cast), actor=cast.ci_bot),
            saying(approve, request, cast.pia),
        ]
    )
    assert set(codes(ends)) <= {"request-closed"}
    request.refresh_from_db()
    assert request.state == "superseded"
    assert PromotionRequest.objects.filter(state="open").get().version == other
    assert request.version.__class__.objects.get(pk=request.version_id).stage == "validated"
    assert asking(request.version, "the-older-version", cast.ci_bot)().outcome == "deny"


@pytest.mark.parametrize("round_number", range(4))
def test_the_gate_never_allows_with_fewer_than_two_live_approvals(round_number):
    cast = make_cast()
    request = builders.an_approved_promotion(cast)
    mine = Approval.objects.get(approver=cast.pia)

    def taken_back():
        with in_session_of(cast.pia):
            return withdraw_approval(Approval.objects.get(pk=mine.pk), actor=cast.pia, reason="I was mistaken.")

    questions = [asking(request.version, f"nonce-{round_number}-{number}", cast.ci_bot) for number in range(3)]
    ends = at_once([questions[0], taken_back, *questions[1:]])
    assert codes(ends) == []
    mine.refresh_from_db()
    order = list(LedgerEvent.objects.filter(action__in=["approval.withdrawn", "gate.decided"]).order_by("id"))
    for decision in GateDecision.objects.all():
        if decision.outcome == "allow":
            assert decision.decided_at < mine.withdrawn_at
            live = [one for one in decision.facts["approvals"] if not one["withdrawn"]]
            assert len({one["approver"] for one in live}) == 2
        else:
            assert decision.decided_at > mine.withdrawn_at
    assert len(order) == 4
    assert asking(request.version, f"nonce-{round_number}-last", cast.ci_bot)().outcome == "deny"


def test_one_nonce_at_four_questions_at_once_is_answered_once():
    cast = make_cast()
    request = builders.an_approved_promotion(cast)
    ends = at_once([asking(request.version, "the-very-same-nonce", cast.ci_bot)] * 4)
    assert sorted(codes(ends)) == ["nonce-used"] * 3
    assert GateDecision.objects.count() == LedgerEvent.objects.filter(action="gate.decided").count() == 1


def test_one_nonce_about_unknown_bytes_is_answered_once_too():
    cast = make_cast()
    ends = at_once(
        [lambda: decide_gate(artifact_sha256="0" * 64, environment="nowhere", nonce="same-nonce", actor=cast.ci_bot)]
        * 3
    )
    assert sorted(codes(ends)) == ["nonce-used"] * 2
    assert [decision.outcome for decision in won(ends)] == ["deny"]
