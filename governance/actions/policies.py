"""How does a policy come into force? Drafted by one person, published by another, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction

from audits.checks.contract import CHECKS
from governance.gate.control import CONTROLS
from governance.gate.rules import PolicyRules, parse_policy
from governance.models import PolicyVersion
from governance.plans import rules_of
from registry import texts
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Role, User

declare_action("policy.drafted", "A policy version was drafted.")
declare_action("policy.published", "A policy version was published by a second person.")


def draft_policy(text: str, *, actor: User) -> PolicyVersion:
    """Read a policy from YAML and keep it as a draft; the same text again is the same draft."""
    rules = parse_policy(
        text, known_checks=[entry.slug for entry in CHECKS], known_controls=[entry.slug for entry in CONTROLS]
    )
    return _draft(rules, actor=actor)


@transaction.atomic
def _draft(rules: PolicyRules, *, actor: User) -> PolicyVersion:
    require_role(actor, Role.RISK_MANAGER)
    newest = PolicyVersion.objects.select_for_update().filter(policy=rules.slug).order_by("-number").first()
    if newest is not None and newest.digest == rules.digest:
        return newest
    row = PolicyVersion(
        policy=rules.slug,
        number=newest.number + 1 if newest else 1,
        title=texts.line(rules.title, field="title"),
        body=rules.as_json(),
        digest=rules.digest,
        drafted_by=actor,
        drafted_at=database_now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not PolicyVersion.objects.filter(policy=row.policy, number=row.number).exists():
            raise
        raise DomainError(
            "policy-drafted-meanwhile", "Somebody else has drafted this policy just now. Look again.", kind="conflict"
        ) from error
    append("policy.drafted", row, actor=actor)
    return row


@transaction.atomic
def publish_policy(policy: PolicyVersion, *, actor: User) -> PolicyVersion:
    """Bring a draft into force from now on, or from the date it names. By a second risk manager or approver."""
    require_role(actor, Role.RISK_MANAGER, Role.APPROVER)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person publishes a policy.", kind="forbidden")
    family = PolicyVersion.objects.select_for_update().filter(policy=policy.policy).order_by("pk")
    locked = next(row for row in family if row.pk == policy.pk)
    if locked.drafted_by_id == actor.pk:
        raise DomainError("own-draft", "A policy is published by somebody else than its drafter.", kind="forbidden")
    rules = rules_of(locked)
    if rules is None:
        raise DomainError("policy-altered", "The draft is not the text that was drafted.", kind="conflict")
    later = PolicyVersion.objects.filter(policy=locked.policy, number__gt=locked.number)
    if later.filter(state=PolicyVersion.State.PUBLISHED).exists():
        raise DomainError("newer-version-published", "A newer version of this policy is published.", kind="conflict")
    now = database_now()
    named = datetime.combine(rules.effective_from, datetime.min.time(), tzinfo=now.tzinfo)
    moved = PolicyVersion.objects.filter(pk=locked.pk, state=PolicyVersion.State.DRAFT).update(
        state=PolicyVersion.State.PUBLISHED, published_by=actor, published_at=now, effective_from=max(now, named)
    )
    if moved != 1:
        raise DomainError("policy-not-a-draft", "The policy has been published already.", kind="conflict")
    locked.refresh_from_db()
    append("policy.published", locked, actor=actor)
    return locked


def policy_in_force(*, tier: int, environment: str, at: datetime) -> PolicyVersion | None:
    """Return the published policy for a tier and environment: the one that came into force last.

    A version replaces all earlier ones of its policy, also where it no longer applies. One whose stored text is not that
    of its digest might have applied: it is returned, and whoever reads its rules gets None (``rules_of``).
    """
    published = PolicyVersion.objects.filter(state=PolicyVersion.State.PUBLISHED, effective_from__lte=at)
    return applying(published, tier=tier, environment=environment, at=at)


def applying(published: Iterable[PolicyVersion], *, tier: int, environment: str, at: datetime) -> PolicyVersion | None:
    """Return of policy versions that were in force at ``at`` the one that applies (``policy_in_force``)."""
    newest: dict[str, PolicyVersion] = {}
    for candidate in sorted(published, key=lambda one: one.number):
        newest[candidate.policy] = candidate
    for candidate in sorted(newest.values(), key=lambda one: (one.effective_from or at, one.policy), reverse=True):
        rules = rules_of(candidate)
        if rules is None or rules.applies(tier=tier, environment=environment, on=at.date()):
            return candidate
    return None
