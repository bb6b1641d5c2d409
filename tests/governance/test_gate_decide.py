"""Does the gate say yes to what satisfies every rule, and no, with its reason, to everything else?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from governance.gate.contract import AnchorFacts, DivergenceFacts, GateFacts
from governance.gate.control import CONTROLS, Control, ControlResult, control
from governance.gate.decide import decide
from governance.gate.rules import AnchorRules, AppliesTo, ApprovalRules
from tests.governance.gate_facts import (
    ADA,
    EVALUATION,
    NOW,
    OLGA,
    OTHER,
    PIA,
    RAVI,
    VERA,
    approval,
    change,
    requirement,
    result,
    satisfied,
    some_rules,
)

LATER = NOW + timedelta(seconds=1)

DIVERGENCE = DivergenceFacts("d", "version", "loans/1", ("stage",))
BROKEN: list[tuple[str, str, Any, str]] = [
    ("an unknown artifact", "artifact", None, "INV-01"),
    ("facts about another artifact", "artifact.sha256", OTHER, "INV-01"),
    ("an artifact of two versions", "artifact.version_count", 2, "GATE-01"),
    ("an artifact of no version", "artifact.version_count", 0, "GATE-01"),
    ("the model card instead of the model", "artifact.role", "card", "GATE-01"),
    ("an unknown version", "version", None, "GATE-01"),
    ("a version without the artifact", "version.artifact_digests", frozenset({OTHER}), "GATE-01"),
    ("a retired version", "version.retired", True, "GATE-02"),
    ("a rejected version", "version.stage", "rejected", "GATE-02"),
    ("a suspended version", "version.stage", "suspended", "GATE-02"),
    ("a version at the stage retired", "version.stage", "retired", "GATE-02"),
    ("a version that failed validation", "version.stage", "validation_failed", "GATE-02"),
    ("a stage nobody knows", "version.stage", "blessed", "GATE-02"),
    ("an unknown environment", "environment", None, "GATE-03"),
    ("facts about another environment", "environment.slug", "staging", "GATE-03"),
    ("no risk tier", "tier", None, "TIER-01"),
    ("a tier by an old rule", "tier.current", False, "TIER-01"),
    ("no policy", "policy", None, "GATE-04"),
    ("an unreadable policy", "policy.rules", None, "GATE-04"),
    ("a policy for other tiers", "tier.tier", 3, "GATE-04"),
    ("a policy without requirements", "policy.rules.requirements", (), "GATE-04"),
    ("a policy for elsewhere", "policy.rules.applies_to", AppliesTo((1, 2), ("staging",)), "GATE-04"),
    ("a policy from tomorrow", "policy.rules.effective_from", date(2026, 11, 22), "GATE-04"),
    ("a policy superseded today", "policy.rules.superseded_on", date(2026, 11, 21), "GATE-04"),
    ("a pickle", "artifact.format", "pickle", "GATE-05"),
    ("no intended use", "record.intended_use_stated", False, "INV-02"),
    ("no owner", "record.owner_named", False, "INV-03"),
    ("an owner who left", "record.owner_active", False, "INV-03"),
    ("no training data", "lineage.training_digests", frozenset(), "DAT-03"),
    ("no evaluation data", "lineage.evaluation_digests", frozenset(), "DAT-03"),
    ("no validation run", "validation", None, "VAL-01"),
    ("a run still queued", "validation.state", "queued", "VAL-01"),
    ("a quarantined run", "validation.state", "quarantined", "VAL-01"),
    ("a run without an end", "validation.concluded_at", None, "VAL-01"),
    ("a run on another artifact", "validation.artifact_sha256", OTHER, "VAL-01"),
    ("a run on part of the data", "validation.dataset_digests", frozenset({EVALUATION}), "VAL-01"),
    ("a run by another policy", "validation.policy_digest", OTHER, "VAL-01"),
    ("changed evidence", "validation.evidence_verified", False, "EVD-01"),
    ("no evidence digest", "validation.evidence_digest", "", "EVD-01"),
    ("a request that shows another run", "request.evidence_digest", OTHER, "EVD-01"),
    ("stale evidence", "validation.concluded_at", NOW - timedelta(days=180), "EVD-02"),
    ("evidence from the future", "validation.concluded_at", LATER, "EVD-02"),
    ("a blocking requirement not met", "validation.results.0.status", "not_met", "VAL-03"),
    ("a blocking requirement insufficient", "validation.results.0.status", "insufficient", "VAL-03"),
    ("a blocking requirement in error", "validation.results.1.status", "error", "VAL-03"),
    ("a result of another check", "validation.results.0.check", "performance.accuracy", "VAL-03"),
    ("a missing result", "validation.results", (), "VAL-03"),
    ("a failed run that met everything", "validation.outcome", "failed", "VAL-03"),
    ("a blocking finding", "findings.0.blocking", True, "FND-01"),
    ("no request", "request", None, "REQ-01"),
    ("a withdrawn request", "request.state", "withdrawn", "REQ-01"),
    ("a request from the future", "request.opened_at", LATER, "REQ-01"),
    ("a request for another version", "request.version_id", "v2", "REQ-01"),
    ("a request for elsewhere", "request.environment", "staging", "REQ-01"),
    ("a manifest that changed", "version.manifest_digest", OTHER, "REQ-01"),
    ("a manifest that cannot be worked out", "version.manifest_digest", "", "REQ-01"),
    ("a policy that changed", "policy.digest", OTHER, "REQ-01"),
    ("no approvals", "approvals", (), "SOD-03"),
    ("one approval", "approvals", (approval(RAVI, "risk_manager"),), "SOD-03"),
    ("one person twice", "approvals.0.approver", RAVI, "SOD-03"),
    ("no second line", "approvals.1.approver_roles", frozenset({"approver"}), "SOD-03"),
    ("a withdrawn approval", "approvals.0.withdrawn", True, "SOD-03"),
    ("an approval of another manifest", "approvals.0.manifest_digest", OTHER, "APP-01"),
    ("an approval of other evidence", "approvals.1.evidence_digest", OTHER, "APP-01"),
    ("an expired approval", "approvals.0.expires_at", NOW, "APP-02"),
    ("an approval older than the policy lets one live", "approvals.0.decided_at", NOW - timedelta(days=90), "APP-02"),
    ("an approval from the future", "approvals.0.decided_at", LATER, "APP-02"),
    ("an approver who left", "approvals.0.approver_active", False, "APP-05"),
    ("an approver who lost the role", "approvals.0.approver_roles", frozenset({"developer"}), "APP-05"),
    ("an approver without any role", "approvals.1.approver_roles", frozenset(), "APP-05"),
    ("approval by the requesting account", "request.requested_by", PIA, "SOD-01"),
    ("approval by who answers for the request", "request.requested_for", RAVI, "SOD-01"),
    ("approval by a contributor", "request.contributors", frozenset({ADA, PIA}), "SOD-02"),
    ("approval marked as a contributor's", "approvals.1.approver_is_contributor", True, "SOD-02"),
    ("approval by a service account", "approvals.0.approver_is_person", False, "SOD-04"),
    ("a rejection", "approvals", (*satisfied().approvals, approval(OLGA, decision="reject")), "REQ-02"),
    ("an unhealthy anchor", "ledger.anchor_healthy", False, "AUD-01"),
    ("no checkpoint", "ledger.checkpoint_age_seconds", None, "AUD-01"),
    ("an event that waits too long", "ledger.anchors.1.waiting_seconds", 3601, "AUD-01"),
    ("a row changed behind the ledger", "ledger.divergences", (DIVERGENCE,), "AUD-02"),
]  # fmt: skip


def test_facts_that_satisfy_every_control_are_allowed() -> None:
    decision = decide(satisfied(), NOW)
    assert decision.outcome == "allow"
    assert decision.reasons == ()
    assert {judged.result.status for judged in decision.controls} == {"pass"}
    assert {judged.control for judged in decision.controls} == {entry.slug for entry in CONTROLS}
    assert decision.valid_until == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(("what", "path", "value", "by"), BROKEN, ids=[row[0] for row in BROKEN])
def test_one_broken_precondition_is_a_denial_that_names_its_control(what: str, path: str, value: Any, by: str) -> None:
    decision = decide(change(satisfied(), path, value), NOW)
    assert decision.outcome == "deny", what
    assert by in {reason.control for reason in decision.reasons}
    assert decision.valid_until == NOW
    for reason in decision.reasons:
        assert reason.text
        assert reason.required
        assert reason.mend
        assert reason.clause


def test_every_registered_control_denies_at_least_one_of_these() -> None:
    assert {entry.slug for entry in CONTROLS} == {row[3] for row in BROKEN}


def test_unknown_bytes_give_one_reason_and_not_twenty() -> None:
    facts = replace(
        satisfied(), artifact=None, version=None, tier=None, policy=None, request=None, validation=None, approvals=()
    )
    decision = decide(facts, NOW)
    assert [reason.control for reason in decision.reasons] == ["INV-01"]
    assert "cadastre register" in decision.reasons[0].mend


def test_each_unmet_requirement_is_a_reason_of_its_own() -> None:
    facts = change(satisfied(), "validation.results.0.status", "not_met")
    facts = change(facts, "validation.results.1.status", "insufficient")
    facts = change(facts, "validation.outcome", "failed")
    reasons = [reason for reason in decide(facts, NOW).reasons if reason.control == "VAL-03"]
    assert [(reason.item, reason.observed, reason.required) for reason in reasons] == [
        ("auc", "0.71, n = 812", "at least 0.7"),
        ("ratio", "0.71, n = 812", "at least 0.7"),
    ]
    assert [reason.text for reason in reasons] == [
        "auc (performance.roc_auc) is not met",
        "ratio (fairness.selection_rate_ratio) lacks evidence",
    ]
    assert {reason.clause for reason in reasons} == {"PRA SS1/23 P4.1"}
    assert {reason.mend for reason in reasons} == {"Train it better."}


def test_an_advisory_requirement_that_is_not_met_does_not_deny() -> None:
    assert decide(change(satisfied(), "validation.results.2.status", "not_met"), NOW).allowed


def test_a_result_that_calls_itself_blocking_denies_whatever_the_policy_says() -> None:
    facts = change(satisfied(), "validation.results.2.status", "not_met")
    facts = change(facts, "validation.results.2.severity", "blocking")
    assert [reason.item for reason in decide(facts, NOW).reasons] == ["psi"]


def test_two_results_of_one_blocking_requirement_deny() -> None:
    facts = satisfied()
    twice = (*facts.validation.results, result("auc", "performance.roc_auc", "blocking"))
    assert [reason.item for reason in decide(change(facts, "validation.results", twice), NOW).reasons] == ["auc"]


def test_each_blocking_finding_is_a_reason_with_its_title() -> None:
    facts = change(satisfied(), "findings.0.blocking", True)
    (reason,) = decide(facts, NOW).reasons
    assert (reason.control, reason.item, reason.text) == (
        "FND-01",
        "finding-1",
        "Open finding: PSI of a feature is high",
    )


def test_a_withdrawn_rejection_no_longer_stands() -> None:
    withdrawn = approval(OLGA, decision="reject", withdrawn=True)
    facts = satisfied()
    assert decide(replace(facts, approvals=(*facts.approvals, withdrawn)), NOW).allowed


def test_a_rejection_stands_even_when_it_has_expired_and_its_giver_has_left() -> None:
    old = approval(
        OLGA, decision="reject", expires_at=NOW - timedelta(days=1), approver_active=False, manifest_digest=OTHER
    )
    facts = satisfied()
    assert not decide(replace(facts, approvals=(*facts.approvals, old)), NOW).allowed


def test_an_expired_approval_beside_enough_others_does_no_harm() -> None:
    facts = satisfied()
    third = approval(OLGA, "approver", expires_at=NOW - timedelta(days=1))
    decision = decide(replace(facts, approvals=(*facts.approvals, third)), NOW)
    assert decision.allowed


def test_an_approval_of_a_contributor_denies_even_beside_enough_others() -> None:
    facts = satisfied()
    decision = decide(replace(facts, approvals=(*facts.approvals, approval(VERA, "approver"))), NOW)
    assert [reason.control for reason in decision.reasons] == ["SOD-02"]


def test_missing_approvals_are_one_reason_while_nobody_has_answered() -> None:
    decision = decide(replace(satisfied(), approvals=()), NOW)
    assert [(reason.control, reason.observed) for reason in decision.reasons] == [("SOD-03", "0 count")]
    assert (
        decision.reasons[0].required
        == "2 eligible people in the role of approver or risk_manager, one of them risk_manager"
    )


def test_a_gated_environment_asks_for_two_people_whatever_the_policy_says() -> None:
    lax = some_rules(approvals=ApprovalRules(quorum=0, roles=("approver", "risk_manager"), valid_days=90))
    assert decide(satisfied(lax), NOW).allowed
    alone = replace(satisfied(lax), approvals=(approval(PIA, "approver"),))
    assert [reason.control for reason in decide(alone, NOW).reasons] == ["SOD-03"]


def test_an_environment_that_is_not_gated_may_ask_for_nobody() -> None:
    lax = some_rules(approvals=ApprovalRules(quorum=0, roles=(), valid_days=90))
    facts = replace(change(satisfied(lax), "environment.gated", False), approvals=())
    decision = decide(facts, NOW)
    assert decision.allowed
    statuses = {judged.control: judged.result.status for judged in decision.controls}
    assert statuses["SOD-03"] == "not_applicable"


@pytest.mark.parametrize("minutes", [1, 14])
def test_an_allow_ends_when_the_first_approval_ends(minutes: int) -> None:
    facts = change(satisfied(), "approvals.1.expires_at", NOW + timedelta(minutes=minutes))
    assert decide(facts, NOW).valid_until == NOW + timedelta(minutes=minutes)


def test_an_allow_ends_when_an_approval_outlives_the_policy() -> None:
    facts = change(satisfied(), "approvals.0.decided_at", NOW - timedelta(days=90) + timedelta(minutes=3))
    assert decide(facts, NOW).valid_until == NOW + timedelta(minutes=3)


def test_an_allow_ends_when_the_evidence_grows_stale() -> None:
    facts = change(satisfied(), "validation.concluded_at", NOW - timedelta(days=180) + timedelta(seconds=30))
    assert decide(facts, NOW).valid_until == NOW + timedelta(seconds=30)


def test_a_policy_may_leave_out_only_what_is_not_always_judged() -> None:
    facts = change(satisfied(some_rules(controls=("DAT-03",))), "record.intended_use_stated", False)
    assert decide(facts, NOW).allowed
    assert not decide(change(facts, "lineage.training_digests", frozenset()), NOW).allowed
    assert not decide(change(facts, "ledger.anchor_healthy", False), NOW).allowed


def test_a_policy_that_names_no_control_still_has_all_but_three_judged() -> None:
    judged = {judged.control for judged in decide(satisfied(some_rules(controls=())), NOW).controls}
    assert {entry.slug for entry in CONTROLS} - judged == {"DAT-03", "INV-02", "INV-03"}


def test_a_request_opened_this_instant_is_open() -> None:
    assert decide(change(satisfied(), "request.opened_at", NOW), NOW).allowed


def test_a_control_nobody_registered_denies() -> None:
    decision = decide(satisfied(some_rules(controls=("DAT-03", "XYZ-99"))), NOW)
    assert [(reason.control, reason.observed) for reason in decision.reasons] == [("XYZ-99", "not registered")]


def _with(judge: Any) -> Any:
    return CONTROLS.temporarily("XYZ-01", Control("XYZ-01", "A test control", "none", False, True, judge))


def test_a_control_that_raises_denies_and_says_so() -> None:
    def judge(*_arguments: Any) -> ControlResult:
        raise ZeroDivisionError("secret detail")

    with _with(judge):
        decision = decide(satisfied(), NOW)
    (reason,) = decision.reasons
    assert (reason.control, reason.observed) == ("XYZ-01", "the control raised ZeroDivisionError")
    assert "secret detail" not in repr(decision)


@pytest.mark.parametrize(
    "answer",
    [True, None, "pass", ControlResult("PASS", "", ""), ControlResult("maybe", "", "")],
)
def test_a_control_that_gives_no_proper_result_denies(answer: Any) -> None:
    with _with(lambda *_arguments: answer):
        decision = decide(satisfied(), NOW)
    assert decision.outcome == "deny"


def test_no_evidence_denies_and_not_applicable_does_not() -> None:
    with _with(lambda *_arguments: ControlResult("no_evidence", "nothing", "something", "Bring it.")):
        assert [reason.text for reason in decide(satisfied(), NOW).reasons] == ["No evidence for: A test control"]
    with _with(lambda *_arguments: ControlResult("not_applicable", "nothing", "nothing")):
        assert decide(satisfied(), NOW).allowed


def test_a_control_that_is_registered_twice_stops_at_import() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        control("INV-01", title="Again", clause="none")(lambda *_arguments: ControlResult("pass", "", ""))


def test_a_catalogue_that_lost_a_control_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    list(CONTROLS)
    monkeypatch.delitem(CONTROLS._entries, "SOD-03")
    decision = decide(satisfied(), NOW)
    assert [reason.control for reason in decision.reasons] == ["SOD-03"]


def test_the_same_facts_and_instant_give_the_same_answer() -> None:
    facts = change(satisfied(), "validation.results.0.status", "not_met")
    assert decide(facts, NOW) == decide(type(facts).from_json(facts.as_json()), NOW)
    assert decide(facts, NOW).facts_digest == facts.digest


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        decide(satisfied(), NOW.replace(tzinfo=None))


def test_reasons_come_in_the_order_in_which_they_are_mended() -> None:
    facts = change(replace(satisfied(), approvals=()), "ledger.anchor_healthy", False)
    facts = change(change(facts, "record.owner_named", False), "validation.results.0.status", "not_met")
    assert [reason.control for reason in decide(facts, NOW).reasons] == ["INV-03", "VAL-03", "SOD-03", "AUD-01"]


def test_a_requirement_without_a_result_is_a_reason() -> None:
    more = some_rules(requirements=(*some_rules().requirements, requirement("ece", "calibration.ece", "blocking")))
    (reason,) = decide(satisfied(more), NOW).reasons
    assert (reason.item, reason.text) == ("ece", "ece: no usable result")
    assert (reason.observed, reason.required) == ("0 results", "one result of calibration.ece >= 0.7")


def anchored_by(needed=None, hours=None, **waiting):
    """Return facts where the kinds have waited that long, under a policy that says how many and how long."""
    rules = replace(some_rules(), anchors=AnchorRules(needed, hours) if (needed, hours) != (None, None) else None)
    kinds = tuple(AnchorFacts(kind, seconds, "") for kind, seconds in waiting.items())
    return replace(satisfied(rules), ledger=replace(satisfied().ledger, anchors=kinds))


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        (anchored_by(file=0, rfc3161=0), None),
        (anchored_by(file=0, rfc3161=3601), "rfc3161"),
        (anchored_by(needed=1, file=0, rfc3161=3601), None),
        (anchored_by(needed=1, file=3601, rfc3161=0), None),
        (anchored_by(needed=3, file=0, rfc3161=0), "file, rfc3161"),
        (anchored_by(hours=24, file=0, rfc3161=24 * 3600), None),
        (anchored_by(hours=24, file=0, rfc3161=24 * 3600 + 1), "rfc3161"),
        (anchored_by(hours=0, file=0, rfc3161=1), "rfc3161"),
        (anchored_by(needed=2, hours=1, file=3601, rfc3161=3602, s3=0), "file"),
        (anchored_by(needed=1, file=3601), "file"),
    ],
)
def test_a_policy_says_how_many_anchors_are_needed_and_how_long_one_may_be_down(facts, named):
    answer = decide(facts, NOW)
    if named is None:
        assert answer.allowed, answer.reasons
        return
    (reason,) = answer.reasons
    assert reason.control == "AUD-01"
    assert named in reason.observed
    assert decide(GateFacts.from_json(facts.as_json()), NOW) == answer, "the facts alone decide"


def test_what_is_wrong_with_the_ledger_is_the_reason():
    ledger = replace(satisfied().ledger, anchor_healthy=False, fault="The ledger was rolled back.")
    (reason,) = decide(replace(satisfied(), ledger=ledger), NOW).reasons
    assert (reason.control, reason.observed) == ("AUD-01", "The ledger was rolled back.")
