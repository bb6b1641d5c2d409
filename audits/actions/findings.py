"""How is an issue raised, and how does it end?"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from audits.models import Finding, ValidationRun
from registry import texts
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Model, ModelVersion, Role, User

declare_action("finding.opened", "An issue was raised.")
declare_action("finding.closed", "An issue was closed.")
declare_action("finding.accepted", "The risk of an issue was accepted.")

LONGEST_ACCEPTANCE = timedelta(days=366)


@transaction.atomic
def open_finding(
    model: Model,
    *,
    kind: str,
    source_key: str,
    title: str,
    severity: str,
    actor: User,
    version: ModelVersion | None = None,
    run: ValidationRun | None = None,
    detail: str = "",
    blocking: bool = False,
) -> tuple[Finding, bool]:
    """Raise an issue; one that is open already for the same version and source stays the one. The model's owner owns it."""
    Model.objects.select_for_update().get(pk=model.pk)
    known = Finding.objects.filter(
        model=model, version=version, source_key=source_key, state=Finding.State.OPEN
    ).first()
    if known is not None:
        return known, False
    row = Finding.objects.create(
        model=model,
        version=version,
        run=run,
        kind=kind,
        source_key=source_key,
        title=texts.line(title, field="title", limit=300),
        detail=texts.prose(detail, field="detail"),
        severity=severity,
        blocking=blocking,
        owner=model.owner,
        opened_by=actor,
        opened_at=database_now(),
    )
    append("finding.opened", row, actor=actor)
    return row, True


@transaction.atomic
def close_finding(finding: Finding, *, actor: User, statement: str) -> Finding:
    """Close an issue, open or accepted, with a statement: by a validator or risk manager who neither owns it nor
    contributed to the version."""
    return _resolve(finding, Finding.State.CLOSED, actor=actor, statement=statement, until=None)


@transaction.atomic
def accept_finding(finding: Finding, *, actor: User, statement: str, until: datetime) -> Finding:
    """Accept the risk of an issue until a date within a year. It no longer blocks, and is printed in every report."""
    now = database_now()
    if until.tzinfo is None:
        raise DomainError("date-without-zone", "The date needs a time zone.", field="until")
    if until <= now:
        raise DomainError("date-in-the-past", "A risk is accepted until a date to come.", field="until")
    if until > now + LONGEST_ACCEPTANCE:
        raise DomainError(
            "date-too-far", "A risk is accepted for at most a year; then it is looked at again.", field="until"
        )
    return _resolve(finding, Finding.State.ACCEPTED, actor=actor, statement=statement, until=until)


def _resolve(finding: Finding, state: str, *, actor: User, statement: str, until: datetime | None) -> Finding:
    require_role(actor, Role.RISK_MANAGER, Role.VALIDATOR)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person decides about a finding.", kind="forbidden")
    said = texts.prose(statement, field="statement", required=True)
    Model.objects.select_for_update().get(pk=finding.model_id)
    if finding.owner_id == actor.pk:
        raise DomainError("own-finding", "A finding is resolved by someone else than its owner.", kind="forbidden")
    if finding.version is not None and finding.version.contributions.filter(person=actor).exists():
        raise DomainError(
            "contributor", "Whoever had a hand in the version does not resolve its findings.", kind="forbidden"
        )
    resolvable = Q(state=Finding.State.OPEN) | Q(state=Finding.State.ACCEPTED, accepted_until__lte=database_now())
    if state == Finding.State.CLOSED:
        resolvable |= Q(state=Finding.State.ACCEPTED)
    moved = Finding.objects.filter(resolvable, pk=finding.pk).update(
        state=state, resolved_by=actor, resolved_at=database_now(), resolution=said, accepted_until=until
    )
    if moved != 1:
        raise DomainError("finding-not-open", "The finding is no longer open.", kind="conflict")
    finding.refresh_from_db()
    append(f"finding.{state}", finding, actor=actor)
    return finding
