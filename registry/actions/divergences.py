"""How is a row that is not what the ledger says found, recorded, and resolved by a person?"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby

from django.db import transaction

from registry import texts
from registry.actions.inventory import require_role
from registry.actions.people import register_account
from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.belonging import models_of
from registry.ledger.clock import database_now
from registry.ledger.plain import plain
from registry.ledger.replay import Difference, differences, last_event
from registry.ledger.restoring import restore_row
from registry.models import Contribution, Divergence, Model, Role, RoleGrant, User

FOUND = declare_action("divergence.found", "A row was not what the ledger says.")
CHANGED = declare_action("divergence.changed", "A row that was not what the ledger says was changed again.")
RESTORED = declare_action("divergence.restored", "A row was put back from the ledger.")
EXPLAINED = declare_action("divergence.explained", "A person explained why a row is not what the ledger says.")
MAY_RESTORE = (Role.ADMINISTRATOR, Role.RISK_MANAGER)
MAY_EXPLAIN = (Role.RISK_MANAGER,)

log = logging.getLogger("cadastre.ledger")


def reconcile(*, model: str | None = None) -> list[Divergence]:
    """Compare the tables with the ledger, record what differs, and return what was found anew or changed again.

    Everything, or the subjects of one model. One that a person explained is found again only when it changes again.
    """
    found = sorted(differences(model=model), key=lambda one: (one.kind, one.key))
    recorded = []
    for (kind, key), of_one in groupby(found, key=lambda one: (one.kind, one.key)):
        row = _record(kind, key, list(of_one))
        if row is not None:
            recorded.append(row)
    return recorded


@transaction.atomic
def _record(kind: str, key: str, found: Iterable[Difference]) -> Divergence | None:
    lines = [asdict(one) for one in found]
    digest, fields = digest_of(plain(lines)), sorted({line["field"] or "(row)" for line in lines})
    actor = register_account()
    if actor is None:
        log.error("%s %s is not what the ledger says, and nobody is there to record it for", kind, key)
        return None
    known = Divergence.objects.select_for_update().filter(subject_kind=kind, subject_key=key)
    open_one = known.filter(resolved_at__isnull=True).first()
    if open_one is None:
        last = known.order_by("-found_at", "-id").first()
        if last is not None and last.resolution == Divergence.Resolution.EXPLAINED and last.digest == digest:
            return None
        row, is_new = Divergence.objects.get_or_create(
            subject_kind=kind,
            subject_key=key,
            resolved_at=None,
            defaults={
                "concerns": models_of(kind, key), "fields": fields, "digest": digest, "found_at": database_now(),
            },
        )  # fmt: skip
        if is_new:
            append(FOUND, row, actor=actor)
            log.error("%s %s is not what the ledger says: %s", kind, key, ", ".join(fields))
        return row if is_new else None
    if open_one.digest == digest:
        return None
    open_one.digest, open_one.fields = digest, fields
    open_one.concerns = sorted({*open_one.concerns, *models_of(kind, key)})
    open_one.save(update_fields=["digest", "fields", "concerns"])
    append(CHANGED, open_one, actor=actor)
    return open_one


@transaction.atomic
def restore_from_ledger(divergence: Divergence, *, reason: str, actor: User) -> Divergence:
    """Make the row again what its newest event says; by an administrator or risk manager whom it does not concern."""
    locked = _to_resolve(divergence, MAY_RESTORE, actor)
    said = texts.prose(reason, field="reason", limit=4000, required=True)
    written = restore_row(locked.subject_kind, locked.subject_key)
    return _resolve(locked, Divergence.Resolution.RESTORED, said, actor=actor, written=written)


@transaction.atomic
def explain_divergence(divergence: Divergence, *, explanation: str, actor: User) -> Divergence:
    """Let the row stand as it is, with the reason in the ledger; by a risk manager whom it does not concern."""
    locked = _to_resolve(divergence, MAY_EXPLAIN, actor)
    said = texts.prose(explanation, field="explanation", limit=4000, required=True)
    return _resolve(locked, Divergence.Resolution.EXPLAINED, said, actor=actor, written=[])


def _to_resolve(divergence: Divergence, roles: tuple[Role, ...], actor: User) -> Divergence:
    require_role(actor, *roles)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person resolves a divergence.", kind="forbidden")
    locked = Divergence.objects.select_for_update(no_key=True).get(pk=divergence.pk)
    if locked.resolved_at is not None:
        raise DomainError("divergence-resolved", "This divergence is resolved already.", kind="conflict")
    if actor.pk in _concerned(locked):
        message = (
            "Whoever answers for what differs, or did the last act on it, does not resolve it; another person does."
        )
        raise DomainError("divergence-concerns-you", message, kind="forbidden")
    return locked


def _concerned(divergence: Divergence) -> set[object]:
    """Return the ids of the people it is about: the subject, who acted on it last, owners and contributors."""
    ids = {str(owner) for owner in Model.objects.filter(pk__in=divergence.concerns).values_list("owner_id", flat=True)}
    makers = Contribution.objects.filter(version__model__in=divergence.concerns).values_list("person_id", flat=True)
    ids |= {str(person) for person in makers}
    event = last_event(divergence.subject_kind, divergence.subject_key)
    if event is not None:
        ids |= {event.actor_id, str(event.state.get("person"))}
    if divergence.subject_kind == User.ledger_kind:
        ids.add(divergence.subject_key)
    if divergence.subject_kind == RoleGrant.ledger_kind:
        grants = RoleGrant.objects.filter(pk=divergence.subject_key).values_list("person_id", flat=True)
        ids |= {str(person) for person in grants}
    return set(User.objects.filter(pk__in=[one for one in ids if one != "None"]).values_list("pk", flat=True))


def _resolve(row: Divergence, how: Divergence.Resolution, said: str, *, actor: User, written: list[str]) -> Divergence:
    row.resolution, row.explanation = how, said
    row.resolved_by, row.resolved_at = actor, database_now()
    row.save(update_fields=["resolution", "explanation", "resolved_by", "resolved_at"])
    append(
        RESTORED if how == Divergence.Resolution.RESTORED else EXPLAINED, row, actor=actor, payload={"fields": written}
    )
    return row
