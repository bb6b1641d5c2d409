"""Did enough of the right people say yes to exactly this, and nobody no?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from governance.gate import eligibility
from governance.gate.contract import OPEN_REQUEST, ApprovalFacts, GateFacts
from governance.gate.control import ControlResult, control, failed, no_evidence, not_applicable, passed
from governance.gate.eligibility import Obstacle
from governance.gate.rules import PolicyRules

ASK = "Open a promotion request: cadastre promote."
ASK_AGAIN = "Withdraw the request and open a new one, so that it covers what is there now."
FIND_ANOTHER = "Have another person approve who has no part in this version and may decide."


@control(
    "REQ-01",
    title="A promotion request is open and covers what is there now",
    clause="Cadastre: exact manifest",
    always=True,
)
def request_current(facts: GateFacts, _rules: PolicyRules, now: datetime) -> ControlResult:
    """The request is open, for this version and environment, and nothing it froze has changed since."""
    required = "an open request for this version and environment, with unchanged manifest and policy"
    request, version, policy = facts.request, facts.version, facts.policy
    if request is None or version is None or policy is None:
        return no_evidence("no promotion request", required, ASK)
    if request.state != OPEN_REQUEST:
        return failed(f"the newest request is {request.state}", required, ASK)
    if request.opened_at > now:
        return failed("the request is dated later than now", required, ASK_AGAIN)
    changed = [
        name
        for name, same in (
            ("version", request.version_id == version.id),
            ("environment", request.environment == facts.asked.environment),
            ("manifest", bool(version.manifest_digest) and request.manifest_digest == version.manifest_digest),
            ("policy", bool(policy.digest) and request.policy_digest == policy.digest),
        )
        if not same
    ]
    if changed:
        return failed(f"changed since it was opened: {', '.join(changed)}", required, ASK_AGAIN)
    return passed(f"request {request.id}", required)


@control(
    "SOD-01",
    title="The requester does not approve",
    clause="PRA SS1/23 P2.4; OSFI E-23 3.4",
    always=True,
    needs_policy=False,
)
def requester_apart(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """Nobody who requested the promotion, or answers for the account that did, is among those who said yes."""
    asked = eligibility.requesters(facts.request)
    return _apart([one for one in _yes(facts) if one.approver in asked], "approved by nobody who requested it")


@control(
    "SOD-02", title="No contributor approves", clause="PRA SS1/23 P4.1; OSFI E-23 3.4", always=True, needs_policy=False
)
def contributors_apart(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """Nobody who had a hand in the version is among those who said yes."""
    known = facts.request.contributors if facts.request else frozenset()
    involved = [one for one in _yes(facts) if one.approver_is_contributor or one.approver in known]
    return _apart(involved, "approved by nobody who contributed to it")


@control("SOD-03", title="Enough distinct eligible people have approved", clause="PRA SS1/23 P2.4", always=True)
def quorum_met(facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    """As many distinct people as the policy asks for have an approval that counts; the second line too, if asked."""
    wanted = eligibility.required_quorum(facts, rules)
    if facts.version is None:
        return no_evidence("no version", "approvals of a version", ASK)
    required = f"{wanted} eligible people in the role of {' or '.join(rules.approvals.roles) or 'nobody'}"
    if rules.approvals.second_line_required:
        required += f", one of them {' or '.join(rules.approvals.second_line_roles)}"
    if wanted == 0 and not rules.approvals.second_line_required:
        return not_applicable("no approval is required")
    counted = eligibility.counting(facts, rules, now)
    if len(counted) < wanted:
        return failed(f"{len(counted)} count", required, "Ask the people whom the request lists as eligible to decide.")
    second = set(rules.approvals.second_line_roles) & set(rules.approvals.roles)
    if rules.approvals.second_line_required and not any(second & one.approver_roles for one in counted):
        return failed(f"{len(counted)} count, none of the second line", required, "Ask the second line to decide.")
    return passed(f"{len(counted)} count", required)


@control(
    "SOD-04", title="Only people decide", clause="Cadastre: four eyes are two people", always=True, needs_policy=False
)
def people_decide(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """No approval was given by a service account."""
    accounts = [one for one in _yes(facts) if not one.approver_is_person]
    return _apart(accounts, "approved by people, not by service accounts")


@control("APP-01", title="Approvals are for what is there now", clause="EU AI Act Annex IV 2(g)", always=True)
def approvals_bound(facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    """When approvals are missing: say which were given for another manifest or on other evidence."""
    obstacles = (eligibility.OTHER_MANIFEST, eligibility.OTHER_EVIDENCE)
    return _aspect(facts, rules, now, obstacles, "approvals bound to the present manifest and evidence")


@control("APP-02", title="Approvals have not run out", clause="PRA SS1/23 P4.5", always=True)
def approvals_in_time(facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    """When approvals are missing: say which have expired."""
    obstacles = (eligibility.EXPIRED, eligibility.FROM_THE_FUTURE)
    return _aspect(facts, rules, now, obstacles, "approvals within their time")


@control(
    "APP-05", title="Approvers are active and hold a permitted role now", clause="ISO/IEC 42001 A.3.2", always=True
)
def approvers_entitled(facts: GateFacts, rules: PolicyRules, now: datetime) -> ControlResult:
    """When approvals are missing: say whose giver has left or lost the role."""
    return _aspect(
        facts, rules, now, (eligibility.INACTIVE, eligibility.NO_ROLE), "approvers active and entitled today"
    )


@control("REQ-02", title="Nobody has rejected it", clause="PRA SS1/23 P4.2", always=True, needs_policy=False)
def nobody_rejected(facts: GateFacts, _rules: PolicyRules, _now: datetime) -> ControlResult:
    """A rejection stands, on whatever evidence and by whomever, until it is withdrawn or a new request is opened."""
    no = [one for one in facts.approvals if one.decision == "reject" and not one.withdrawn]
    if no:
        mend = "Answer the objection and have it withdrawn, or open a new request for a mended version."
        return failed(f"rejected {len(no)} times: {_listed(no)}", "no standing rejection", mend)
    return passed("none", "no standing rejection")


def _yes(facts: GateFacts) -> list[ApprovalFacts]:
    return [one for one in facts.approvals if one.decision == "approve" and not one.withdrawn]


def _listed(approvals: Iterable[ApprovalFacts]) -> str:
    return ", ".join(sorted(f"approval {one.id}" for one in approvals))


def _apart(wrong: list[ApprovalFacts], required: str) -> ControlResult:
    if wrong:
        return failed(_listed(wrong), required, "Have it withdrawn. " + FIND_ANOTHER)
    return passed("no such approval", required)


def _aspect(
    facts: GateFacts, rules: PolicyRules, now: datetime, obstacles: tuple[Obstacle, ...], required: str
) -> ControlResult:
    given = _yes(facts)
    if not given:
        return not_applicable(required)
    bad = [one for one in given if set(obstacles) & set(eligibility.approval_obstacles(one, facts, rules, now))]
    enough = len(eligibility.counting(facts, rules, now)) >= eligibility.required_quorum(facts, rules)
    if bad and not enough:
        return failed(f"does not count: {_listed(bad)}", required, FIND_ANOTHER)
    return passed(f"{len(given) - len(bad)} of {len(given)}", required)
