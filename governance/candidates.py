"""Who might be thought to decide on a promotion request, and what stands against each? One answer for API and console."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, Q

from governance.gate.eligibility import Obstacle, person_obstacles
from governance.gate.rules import PolicyRules
from governance.models import Approval, PromotionRequest
from registry.models import RoleGrant, User

NO_RULES = Obstacle("no-rules", "cannot decide: the stored policy is not the text of its digest")


@dataclass(frozen=True)
class Candidate:
    """One person before the request: their roles now, what stands against them, their hands in it, their decision."""

    person: User
    roles: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]
    contributions: tuple[str, ...]
    decided: Approval | None


def candidates(request: PromotionRequest, rules: PolicyRules | None) -> list[Candidate]:
    """Return the active holders of a permitted role and whoever had a hand in the version or asked, by user name.

    Without rules (a policy whose text is not that of its digest) nobody may decide.
    """
    contributions: dict[UUID, list[str]] = {}
    for made in request.version.contributions.order_by("recorded_at"):
        contributions.setdefault(made.person_id, []).append(made.kind)
    requesters = {request.requested_by_id, request.requested_for_id}
    live = RoleGrant.objects.filter(ended_at__isnull=True)
    holders = live.filter(role__in=rules.approvals.roles if rules else ()).values("person")
    people = User.objects.filter(Q(pk__in=holders, is_active=True) | Q(pk__in={*contributions, *requesters}))
    decided = {row.approver_id: row for row in request.approvals.filter(withdrawn_at__isnull=True)}
    found = []
    for person in people.order_by("username").prefetch_related(
        Prefetch("grants", queryset=live, to_attr="live_grants")
    ):
        roles = tuple(sorted(grant.role for grant in person.live_grants)) if person.may_act else ()
        against = _against(person, roles, requesters, set(contributions), rules)
        hands = tuple(contributions.get(person.pk, ()))
        found.append(Candidate(person, roles, against, hands, decided.get(person.pk)))
    return found


def _against(
    person: User, roles: tuple[str, ...], requesters: set[UUID], contributors: set[UUID], rules: PolicyRules | None
) -> tuple[Obstacle, ...]:
    if rules is None:
        return (NO_RULES,)
    return person_obstacles(
        str(person.pk),
        active=person.may_act,
        is_person=person.is_person,
        roles=roles,
        requesters={str(pk) for pk in requesters},
        contributors={str(pk) for pk in contributors},
        rules=rules.approvals,
    )
