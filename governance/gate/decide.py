"""May it? A pure function from one snapshot of facts to an answer with reasons; everything doubtful is a no."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from governance.gate import eligibility
from governance.gate.codec import to_json
from governance.gate.contract import GateFacts
from governance.gate.control import CONTROLS, Control, ControlResult, ControlStatus, no_evidence
from governance.gate.eligibility import SMALLEST_GATED_QUORUM
from governance.gate.rules import AppliesTo, ApprovalRules, EvidenceRules, PolicyRules
from registry.catalogue import Entry

Outcome = Literal["allow", "deny"]
LONGEST_ALLOW = timedelta(minutes=15)
PASSING: frozenset[ControlStatus] = frozenset({"pass", "not_applicable"})
LEAST_CONTROLS = frozenset({"INV-01", "GATE-01", "GATE-04", "REQ-01", "SOD-03", "VAL-01", "VAL-03"})
"""Were one of these ever missing from the catalogue, an allow would mean less than it says; so it is never given."""
READING_ORDER = ("INV", "GATE", "TIER", "DAT", "VAL", "EVD", "FND", "REQ", "SOD", "APP", "AUD")
FOUNDATIONS = frozenset({"INV-01", "GATE-01", "GATE-03", "GATE-04"})
"""Where one of these fails there is nothing to judge the rest by; what then lacks evidence is not repeated."""
NO_POLICY = PolicyRules(
    slug="none",
    title="No policy",
    edition="",
    effective_from=date.max,
    applies_to=AppliesTo((), ()),
    requirements=(),
    approvals=ApprovalRules(quorum=SMALLEST_GATED_QUORUM, roles=(), valid_days=0),
    evidence=EvidenceRules(max_age_days=0),
    artifact_formats=(),
)
"""What controls that do not need a policy are handed when there is none: rules that nothing satisfies."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JudgedControl:
    """The result of one control, with its id and what holds when it passes."""

    control: str
    title: str
    result: ControlResult


@dataclass(frozen=True)
class Reason:
    """Why the answer is no: which control, by which clause, what was observed, what is required, how to mend it.

    ``item`` is the requirement key or the finding id where one control has several; else it is empty.
    """

    control: str
    clause: str
    text: str
    observed: str
    required: str
    mend: str
    item: str = ""


@dataclass(frozen=True)
class Decision:
    """The answer to one question. ``valid_until`` of a denial is the instant it was given: it permits nothing."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    controls: tuple[JudgedControl, ...]
    valid_until: datetime
    facts_digest: str

    @property
    def allowed(self) -> bool:
        """Whether the answer is yes."""
        return self.outcome == "allow"

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        data: dict[str, Any] = to_json(self)
        return data


def decide(facts: GateFacts, now: datetime) -> Decision:
    """Return the answer for these facts at this instant. Allow means: every control that is judged passes.

    ``now`` is the database's clock, time zone included (ValueError otherwise). A control that raises, one the policy
    names but nobody registered, one without evidence: each denies. The same facts and instant give the same answer.
    """
    if now.tzinfo is None or now.utcoffset() is None:
        raise ValueError("the instant of a decision needs a time zone")
    rules = facts.rules
    controls = tuple(sorted(_judge_all(facts, rules, now), key=_reading_order))
    if rules is not None and all(judged.result.status in PASSING for judged in controls):
        return Decision("allow", (), controls, _valid_until(facts, rules, now), facts.digest)
    return Decision("deny", tuple(_all_reasons(controls, rules)), controls, now, facts.digest)


def _judge_all(facts: GateFacts, rules: PolicyRules | None, now: datetime) -> list[JudgedControl]:
    entries = list(CONTROLS)
    registered = {entry.slug for entry in entries}
    wanted = registered if rules is None or rules.controls is None else set(rules.controls)
    judged = [_judge(entry, facts, rules, now) for entry in entries if entry.item.always or entry.slug in wanted]
    unknown = sorted((wanted | LEAST_CONTROLS) - registered)
    return judged + [_unknown(slug) for slug in unknown]


def _judge(entry: Entry[Control], facts: GateFacts, rules: PolicyRules | None, now: datetime) -> JudgedControl:
    item = entry.item
    if rules is None and item.needs_policy:
        result = no_evidence(
            "no policy in force", "a policy to judge by", "Have a policy published for this tier and place."
        )
    else:
        result = _safely(item, facts, rules or NO_POLICY, now)
    return JudgedControl(item.slug, item.title, replace(result, clause=result.clause or item.clause))


def _safely(item: Control, facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    try:
        result = item.judge(facts, rules, now)
    except Exception as error:  # whatever a rule raises, the answer is no
        log.error("control %s could not be judged", item.slug, exc_info=error)
        observed = f"the control raised {type(error).__name__}"
        return no_evidence(
            observed, "a control that can be judged", "Tell the administrator; the service's log says more."
        )
    if isinstance(result, ControlResult) and result.status in ("pass", "fail", "not_applicable", "no_evidence"):
        return result
    return no_evidence("the control gave no result", "a control that can be judged", "Tell the administrator.")


def _unknown(slug: str) -> JudgedControl:
    mend = "Install the control, or publish a policy that does not name it."
    return JudgedControl(slug, "Unknown control", no_evidence("not registered", "a registered control", mend))


def _reading_order(judged: JudgedControl) -> tuple[int, str]:
    family = judged.control.split("-", 1)[0]
    return (READING_ORDER.index(family) if family in READING_ORDER else len(READING_ORDER), judged.control)


def _all_reasons(controls: tuple[JudgedControl, ...], rules: PolicyRules | None) -> list[Reason]:
    """Give a reason for every control that does not pass, save those that only follow from a missing foundation."""
    open_ones = [judged for judged in controls if judged.result.status not in PASSING]
    lacks_ground = any(judged.control in FOUNDATIONS and judged.result.status == "fail" for judged in open_ones)
    if lacks_ground or rules is None:
        own = [judged for judged in open_ones if judged.result.status == "fail"]
        open_ones = own or open_ones
    return [reason for judged in open_ones for reason in _reasons(judged)]


def _reasons(judged: JudgedControl) -> list[Reason]:
    result = judged.result
    if not result.parts:
        text = f"{'No evidence for' if result.status == 'no_evidence' else 'Not met'}: {judged.title}"
        return [Reason(judged.control, result.clause, text, result.observed, result.required, result.mend)]
    return [
        Reason(
            judged.control, part.clause or result.clause, part.text, part.observed, part.required, part.mend, part.key
        )
        for part in result.parts
    ]


def _valid_until(facts: GateFacts, rules: PolicyRules, now: datetime) -> datetime:
    ends = [now + LONGEST_ALLOW]
    ends += [eligibility.approval_expiry(one, rules) for one in eligibility.counting(facts, rules, now)]
    if facts.validation and facts.validation.concluded_at:
        ends.append(facts.validation.concluded_at + timedelta(days=rules.evidence.max_age_days))
    return min(ends)
