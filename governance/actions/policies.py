"""How does a policy come into force? Drafted by one person, published by another, never changed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audits.checks.contract import CHECKS
from governance.gate.control import CONTROLS
from governance.gate.rules import PolicyRules, parse_policy
from governance.models import PolicyVersion
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
    row = PolicyVersion.objects.create(
        policy=rules.slug,
        number=newest.number + 1 if newest else 1,
        title=rules.title,
        body=rules.as_json(),
        digest=rules.digest,
        drafted_by=actor,
        drafted_at=database_now(),
    )
    append("policy.drafted", row, actor=actor)
    return row


@transaction.atomic
def publish_policy(policy: PolicyVersion, *, actor: User) -> PolicyVersion:
    """Bring a draft into force from now on, or from the date it names. By a second risk manager or approver."""
    require_role(actor, Role.RISK_MANAGER, Role.APPROVER)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person publishes a policy.", kind="forbidden")
    locked = PolicyVersion.objects.select_for_update().get(pk=policy.pk)
    if locked.drafted_by_id == actor.pk:
        raise DomainError("own-draft", "A policy is published by somebody else than its drafter.", kind="forbidden")
    rules = PolicyRules.from_json(locked.body)
    if rules.digest != locked.digest:
        raise DomainError("policy-altered", "The draft is not the text that was drafted.", kind="conflict")
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
    """Return the published policy for a tier and environment: the one that came into force last."""
    candidates = PolicyVersion.objects.filter(state=PolicyVersion.State.PUBLISHED, effective_from__lte=at).order_by(
        "-effective_from", "-published_at"
    )
    for candidate in candidates:
        rules = PolicyRules.from_json(candidate.body)
        if rules.applies(tier=tier, environment=environment, on=at.date()):
            return candidate
    return None
