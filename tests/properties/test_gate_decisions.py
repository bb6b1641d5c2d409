"""Does the gate agree with a careful clerk on any facts, and does every single precondition hold it back?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from governance.gate import contract as c
from governance.gate import rules as r
from governance.gate.decide import decide
from tests.drawing import examples
from tests.governance.gate_facts import (
    ADA,
    EVALUATION,
    EVIDENCE,
    MANIFEST,
    NOW,
    OLGA,
    OTHER,
    PIA,
    POLICY,
    RAVI,
    SHA,
    TRAINING,
    VERA,
    approval,
    change,
    satisfied,
)
from tests.governance.reference_gate import clerk_allows

HOUSE = examples(200)
PEOPLE = [ADA, OLGA, VERA, RAVI, PIA]
BOTH = frozenset({"approver", "risk_manager"})
DIGESTS = [EVIDENCE, MANIFEST, POLICY, SHA, OTHER, ""]
INSTANTS = [
    NOW + gap
    for gap in (
        timedelta(days=-400),
        timedelta(days=-91),
        timedelta(days=-1),
        timedelta(seconds=-1),
        timedelta(0),
        timedelta(microseconds=1),
        timedelta(minutes=5),
        timedelta(days=100),
    )
]
ROLE_SETS = [
    frozenset(),
    frozenset({"approver"}),
    frozenset({"risk_manager"}),
    frozenset({"developer", "validator"}),
    BOTH,
]

CHANGES: dict[str, list[Any]] = {
    "artifact": [None],
    "artifact.sha256": DIGESTS,
    "artifact.role": ["model", "card", ""],
    "artifact.format": ["skops", "onnx", "pickle", ""],
    "artifact.version_count": [0, 1, 2],
    "asked.artifact_sha256": DIGESTS,
    "asked.environment": ["production", "staging", ""],
    "version": [None],
    "version.stage": ["approved", "rejected", "retired", "suspended", "validation_failed", "", "APPROVED"],
    "version.retired": [True, False],
    "version.manifest_digest": DIGESTS,
    "version.artifact_digests": [frozenset(), frozenset({SHA}), frozenset({OTHER})],
    "environment": [None, c.EnvironmentFacts("production", False), c.EnvironmentFacts("staging", True)],
    "tier": [None, c.TierFacts(1, "1", True), c.TierFacts(3, "1", True), c.TierFacts(2, "0", False)],
    "policy": [None],
    "policy.digest": DIGESTS,
    "policy.rules": [None],
    "policy.rules.effective_from": [date(2026, 11, 21), date(2026, 11, 22)],
    "policy.rules.superseded_on": [date(2026, 11, 21), date(2026, 11, 22)],
    "policy.rules.applies_to": [r.AppliesTo((1,), ("production",)), r.AppliesTo((1, 2, 3), ("staging",))],
    "policy.rules.requirements": [()],
    "policy.rules.controls": [(), ("DAT-03",), ("INV-02", "INV-03"), ("INV-02", "OWN-99")],
    "policy.rules.artifact_formats": [("onnx",), ("skops", "pickle")],
    "policy.rules.evidence": [r.EvidenceRules(1), r.EvidenceRules(400)],
    "policy.rules.lineage": [r.LineageRules(False, True), r.LineageRules(True, False), r.LineageRules(False, False)],
    "request": [None],
    "request.state": ["open", "withdrawn", "superseded", "OPEN", ""],
    "request.version_id": ["v2", ""],
    "request.environment": ["staging", ""],
    "request.opened_at": INSTANTS,
    "request.requested_by": PEOPLE,
    "request.requested_for": PEOPLE,
    "request.manifest_digest": DIGESTS,
    "request.policy_digest": DIGESTS,
    "request.evidence_digest": DIGESTS,
    "request.contributors": [frozenset(), frozenset({PIA}), frozenset({OLGA, VERA}), frozenset(PEOPLE)],
    "validation": [None],
    "validation.state": ["queued", "running", "quarantined", "concluded", ""],
    "validation.outcome": ["failed", "insufficient", "error", "", "PASSED"],
    "validation.concluded_at": [None, *INSTANTS],
    "validation.evidence_digest": DIGESTS,
    "validation.evidence_verified": [True, False],
    "validation.artifact_sha256": DIGESTS,
    "validation.dataset_digests": [frozenset({TRAINING}), frozenset({EVALUATION}), frozenset(), frozenset({OTHER})],
    "validation.policy_digest": DIGESTS,
    "validation.results": [(), (c.ResultFacts("extra", "family.extra", "error", "blocking", "1", "2", "3"),)],
    "validation.results.0": [c.ResultFacts("auc", "family.auc", "not_met", "advisory", "1", "2", "3")],
    "validation.results.0.key": ["auc", "ece", "ratio", "extra"],
    "validation.results.0.check": ["family.auc", "family.other"],
    "validation.results.0.status": ["met", "not_met", "insufficient", "error"],
    "validation.results.0.severity": ["blocking", "advisory"],
    "validation.results.1.status": ["met", "not_met", "insufficient", "error"],
    "findings": [(), (c.FindingFacts("f", "high", "A finding", True),)],
    "approvals": [()],
    "lineage.training_digests": [frozenset(), frozenset({OTHER})],
    "lineage.evaluation_digests": [frozenset(), frozenset({OTHER})],
    "record.owner_named": [False],
    "record.owner_active": [False],
    "record.intended_use_stated": [False],
    "ledger.anchor_healthy": [False],
    "ledger.divergences": [(c.DivergenceFacts("d", "version", "loans/1", ("stage",)),)],
    "ledger.checkpoint_age_seconds": [None, 10**6],
    "ledger.anchors.1.waiting_seconds": [0, 3600, 3601],
} | {
    f"approvals.{number}.{name}": values
    for number in range(3)
    for name, values in {
        "decision": ["approve", "reject"],
        "decided_at": INSTANTS,
        "expires_at": INSTANTS,
        "withdrawn": [True, False],
        "manifest_digest": DIGESTS,
        "evidence_digest": DIGESTS,
        "approver_active": [False],
        "approver_is_person": [False],
        "approver_is_contributor": [True],
    }.items()
}  # fmt: skip


@st.composite
def some_rules(draw: st.DrawFn) -> r.PolicyRules:
    severities = draw(st.lists(st.sampled_from(["blocking", "advisory"]), min_size=1, max_size=3))
    return r.PolicyRules(
        slug="policy",
        title="Policy",
        edition="2026-11",
        effective_from=date(2026, 11, 1),
        applies_to=r.AppliesTo((1, 2), ("production", "staging")),
        requirements=tuple(
            r.RequirementRule(key, f"family.{key}", ">=", 0.5, severity, "clause", "mend")
            for key, severity in zip(("auc", "ece", "ratio"), severities, strict=False)
        ),
        approvals=r.ApprovalRules(
            quorum=draw(st.integers(0, 3)),
            roles=("approver", "risk_manager"),
            valid_days=draw(st.sampled_from([1, 90])),
            second_line_required=draw(st.booleans()),
            second_line_roles=("risk_manager", "validator"),
        ),
        evidence=r.EvidenceRules(180),
        artifact_formats=("skops", "onnx"),
    )


@st.composite
def people_who_said_yes(draw: st.DrawFn, rules: r.PolicyRules) -> tuple[c.ApprovalFacts, ...]:
    """Return approvals, in most cases enough of them; each person holds the same roles in all of theirs."""
    enough = draw(st.permutations([OLGA, RAVI, PIA]))[: max(2, rules.approvals.quorum)]
    names = draw(
        st.one_of(st.just(enough), st.just(enough), st.lists(st.sampled_from([OLGA, RAVI, PIA, ADA]), max_size=4))
    )
    roles = {name: draw(st.sampled_from([BOTH, BOTH, *ROLE_SETS])) for name in PEOPLE}
    return tuple(approval(name, *roles[name], id=f"approval-{number}") for number, name in enumerate(names))


@st.composite
def some_facts(draw: st.DrawFn) -> c.GateFacts:
    """Return facts that satisfy a drawn policy, with up to four members changed, for the worse or for nothing."""
    rules = draw(some_rules())
    results = tuple(
        c.ResultFacts(rule.key, rule.check, "met", rule.severity, "1", "2", "3") for rule in rules.requirements
    )
    facts = replace(satisfied(rules), approvals=draw(people_who_said_yes(rules)))
    facts = change(facts, "validation.results", results)
    for path in draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=4)):
        value = draw(st.sampled_from(CHANGES[path]))
        with suppress(KeyError, IndexError):  # the member went with its paper
            facts = change(facts, path, value)
    return facts


def leaves(value: Any, path: str = "") -> list[str]:
    """Return the paths of all members, containers too, that a test may change."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = [leaf for field in fields(value) for leaf in leaves(getattr(value, field.name), f"{path}{field.name}.")]
        return ([path.rstrip(".")] if path else []) + inner
    if isinstance(value, tuple):
        inner = [leaf for index, item in enumerate(value) for leaf in leaves(item, f"{path}{index}.")]
        return [path.rstrip("."), *inner]
    return [path.rstrip(".")]


@HOUSE
@given(facts=some_facts())
def test_the_gate_and_the_clerk_agree_on_any_facts(facts: c.GateFacts) -> None:
    decision = decide(facts, NOW)
    assert decision.allowed is clerk_allows(facts.as_json(), NOW)
    assert decision.allowed is (not decision.reasons)
    if decision.allowed:
        assert NOW < decision.valid_until <= NOW + timedelta(minutes=15)


@HOUSE
@given(facts=some_facts(), data=st.data())
def test_an_allow_holds_at_every_instant_of_its_validity(facts: c.GateFacts, data: st.DataObject) -> None:
    decision = decide(facts, NOW)
    if decision.allowed:
        last = decision.valid_until - timedelta(microseconds=1)
        seconds = data.draw(st.floats(0, (last - NOW).total_seconds()))
        assert decide(facts, NOW + timedelta(seconds=seconds)).allowed
        assert decide(facts, last).allowed


@examples(100)
@given(rules=some_rules(), data=st.data())
def test_taking_away_any_one_paper_approval_or_result_turns_yes_into_no(
    rules: r.PolicyRules, data: st.DataObject
) -> None:
    needed = [PIA, RAVI, OLGA][: max(2, rules.approvals.quorum)]
    results = tuple(
        c.ResultFacts(rule.key, rule.check, "met", rule.severity, "1", "2", "3") for rule in rules.requirements
    )
    facts = replace(satisfied(rules), approvals=tuple(approval(name, *BOTH) for name in needed))
    facts = change(facts, "validation.results", results)
    assert decide(facts, NOW).allowed
    paper = data.draw(
        st.sampled_from(["artifact", "version", "environment", "tier", "policy", "request", "validation"])
    )
    assert not decide(replace(facts, **{paper: None}), NOW).allowed
    gone = data.draw(st.integers(0, len(needed) - 1))
    fewer = tuple(one for index, one in enumerate(facts.approvals) if index != gone)
    assert not decide(replace(facts, approvals=fewer), NOW).allowed
    for index, rule in enumerate(rules.requirements):
        rest = results[:index] + results[index + 1 :]
        assert decide(change(facts, "validation.results", rest), NOW).allowed is (rule.severity == "advisory")


def test_the_drawn_facts_are_allowed_often_enough_to_mean_something() -> None:
    answers: list[bool] = []

    @examples(200)
    @given(facts=some_facts())
    def collect(facts: c.GateFacts) -> None:
        answers.append(clerk_allows(facts.as_json(), NOW))

    collect()
    assert 0.1 < sum(answers) / len(answers) < 0.9


BOUND = {
    "asked.artifact_sha256", "artifact.sha256", "version.id", "version.manifest_digest", "environment.slug",
    "asked.environment", "policy.digest", "request.version_id", "request.environment", "request.manifest_digest",
    "request.policy_digest", "request.evidence_digest", "validation.evidence_digest", "validation.artifact_sha256",
    "validation.policy_digest", "approvals.0.manifest_digest", "approvals.0.evidence_digest",
    "approvals.1.manifest_digest", "approvals.1.evidence_digest",
}  # fmt: skip


@examples(100)
@given(path=st.sampled_from(sorted(BOUND)), text=st.text(max_size=70))
def test_no_other_text_in_a_bound_member_is_allowed(path: str, text: str) -> None:
    facts = satisfied()
    value: Any = facts
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, tuple) else getattr(value, step)
    if text != value:
        assert not decide(change(facts, path, text), NOW).allowed


def test_every_bound_member_is_a_member_of_the_facts() -> None:
    assert set(leaves(satisfied())) >= BOUND
