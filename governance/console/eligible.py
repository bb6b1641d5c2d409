"""Who may decide on a promotion request, who may not and why, and whose decision counts?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.candidates import candidates as all_candidates
from governance.console.refusals import obstacle_text
from governance.gate.contract import GateFacts
from governance.gate.eligibility import approval_obstacles, counting, required_quorum
from governance.gate.rules import PolicyRules
from governance.models import Approval, PromotionRequest
from registry.models import Contribution, User


@dataclass(frozen=True)
class Candidate:
    """One person before the request: their roles, and why they may not decide (empty: they may)."""

    person: User
    roles: tuple[str, ...]
    reasons: tuple[str, ...]
    hands: tuple[str, ...]
    decided: Approval | None

    @property
    def eligible(self) -> bool:
        """Whether nothing stands against their decision."""
        return not self.reasons


@dataclass(frozen=True)
class Given:
    """One decision, and why it does not count (empty: it counts)."""

    approval: Approval
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Quorum:
    """How many decisions count, and how many are needed."""

    given: int
    needed: int
    second_line_missing: bool

    @property
    def reached(self) -> bool:
        """Whether enough decisions count."""
        return self.given >= self.needed


def candidates(request: PromotionRequest, rules: PolicyRules | None) -> list[Candidate]:
    """Return everyone who might be thought to decide, those who may first, in the words of the page."""
    found = [
        Candidate(
            one.person,
            one.roles,
            tuple(obstacle_text(obstacle) for obstacle in one.obstacles),
            tuple(str(Contribution.Kind(kind).label) for kind in one.contributions),
            one.decided,
        )
        for one in all_candidates(request, rules)
    ]
    return sorted(found, key=lambda one: (not one.eligible, not one.person.is_person, str(one.person).casefold()))


def decisions(
    request: PromotionRequest, facts: GateFacts, rules: PolicyRules | None, now: datetime
) -> tuple[list[Given], Quorum]:
    """Return every decision on the request with why it does not count, and how far the quorum is."""
    by_id = {one.id: one for one in facts.approvals}
    rows = []
    for row in request.approvals.select_related("approver").order_by("decided_at", "id"):
        fact = by_id.get(str(row.pk))
        wrong = approval_obstacles(fact, facts, rules, now) if fact and rules and row.decision == "approve" else ()
        rows.append(Given(row, tuple(obstacle_text(one) for one in wrong)))
    if rules is None:
        return rows, Quorum(0, 2, second_line_missing=False)
    counted = counting(facts, rules, now)
    wanted = set(rules.approvals.second_line_roles)
    missing = rules.approvals.second_line_required and not any(wanted & set(one.approver_roles) for one in counted)
    return rows, Quorum(len(counted), required_quorum(facts, rules), missing)
