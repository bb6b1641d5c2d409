"""Whose approval counts, and why do the others not? One rule for the gate, the action and the console."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.gate.contract import ApprovalFacts, GateFacts, RequestFacts
from governance.gate.rules import ApprovalRules, PolicyRules

SMALLEST_GATED_QUORUM = 2
"""Four eyes are two people: in a gated environment no policy can ask for fewer."""


@dataclass(frozen=True)
class Obstacle:
    """One reason why a person may not approve, or why an approval does not count; ``code`` is stable."""

    code: str
    text: str


WITHDRAWN = Obstacle("withdrawn", "was withdrawn")
OTHER_MANIFEST = Obstacle("other-manifest", "was given for another manifest than the present one")
OTHER_EVIDENCE = Obstacle("other-evidence", "was given on other evidence than the present one")
EXPIRED = Obstacle("expired", "has expired")
FROM_THE_FUTURE = Obstacle("from-the-future", "is dated later than now")
INACTIVE = Obstacle("inactive", "is not active")
NOT_A_PERSON = Obstacle("not-a-person", "is a service account; only people decide")
NO_ROLE = Obstacle("no-role", "holds none of the roles that may approve")
REQUESTER = Obstacle("requester", "requested this promotion or answers for the account that did")
CONTRIBUTOR = Obstacle("contributor", "contributed to this version")


def required_quorum(facts: GateFacts, rules: PolicyRules) -> int:
    """Return how many distinct people must approve: the policy's number, and never below two where the gate guards."""
    gated = facts.environment is None or facts.environment.gated
    return max(rules.approvals.quorum, SMALLEST_GATED_QUORUM) if gated else rules.approvals.quorum


def person_obstacles(
    person: str,
    *,
    active: bool,
    is_person: bool,
    roles: Collection[str],
    requesters: Collection[str],
    contributors: Collection[str],
    rules: ApprovalRules,
) -> tuple[Obstacle, ...]:
    """Return why ``person`` may not decide on a request; empty means they may. Ids are of people, not accounts."""
    checks = (
        (not is_person, NOT_A_PERSON),
        (not active, INACTIVE),
        (not set(roles) & set(rules.roles), NO_ROLE),
        (person in requesters, REQUESTER),
        (person in contributors and person not in requesters, CONTRIBUTOR),
    )
    return tuple(obstacle for holds, obstacle in checks if holds)


def approval_obstacles(
    approval: ApprovalFacts, facts: GateFacts, rules: PolicyRules, now: datetime
) -> tuple[Obstacle, ...]:
    """Return why this approval does not count; empty means it counts towards the quorum."""
    manifest = facts.version.manifest_digest if facts.version else ""
    evidence = facts.validation.evidence_digest if facts.validation else ""
    checks = (
        (approval.withdrawn, WITHDRAWN),
        (not manifest or approval.manifest_digest != manifest, OTHER_MANIFEST),
        (not evidence or approval.evidence_digest != evidence, OTHER_EVIDENCE),
        (now >= approval_expiry(approval, rules), EXPIRED),
        (approval.decided_at > now, FROM_THE_FUTURE),
    )
    found = tuple(obstacle for holds, obstacle in checks if holds)
    return found + person_obstacles(
        approval.approver,
        active=approval.approver_active,
        is_person=approval.approver_is_person,
        roles=approval.approver_roles,
        requesters=requesters(facts.request),
        contributors=_contributors(approval, facts.request),
        rules=rules.approvals,
    )


def approval_expiry(approval: ApprovalFacts, rules: PolicyRules) -> datetime:
    """Return when the approval ends: as it says, and never later than the policy lets one live."""
    return min(approval.expires_at, approval.decided_at + timedelta(days=rules.approvals.valid_days))


def counting(facts: GateFacts, rules: PolicyRules, now: datetime) -> tuple[ApprovalFacts, ...]:
    """Return the approvals that count, one per person: of two by one person, the one that ends first."""
    by_person: dict[str, ApprovalFacts] = {}
    for approval in facts.approvals:
        if approval.decision != "approve" or approval_obstacles(approval, facts, rules, now):
            continue
        kept = by_person.get(approval.approver)
        if kept is None or approval_expiry(approval, rules) < approval_expiry(kept, rules):
            by_person[approval.approver] = approval
    return tuple(by_person[person] for person in sorted(by_person))


def requesters(request: RequestFacts | None) -> frozenset[str]:
    """Return the ids of who requested the promotion and who answers for that account."""
    return frozenset({request.requested_by, request.requested_for}) if request else frozenset()


def _contributors(approval: ApprovalFacts, request: RequestFacts | None) -> frozenset[str]:
    known = request.contributors if request else frozenset()
    return known | {approval.approver} if approval.approver_is_contributor else known
