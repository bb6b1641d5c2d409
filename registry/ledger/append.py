"""How does an act enter the ledger? The only writer of events, called last in the transaction of every action."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction

from registry.errors import DomainError
from registry.ledger import context, standing, tree
from registry.ledger.actions_known import declare_action, is_always_recorded, require_declared
from registry.ledger.clock import database_now
from registry.ledger.event import Event, new_event_id
from registry.ledger.models import LedgerEvent, LedgerPending
from registry.ledger.sequencer import try_sequence
from registry.ledger.subject import LedgerSubject

if TYPE_CHECKING:
    from registry.models.people import User

__all__ = ["append", "append_about_ledger", "declare_action"]

LEDGER_KIND = "ledger"
"""The kind of subject whose state lives in the ledger alone."""


def append(
    action: str, subject: LedgerSubject, *, actor: User, payload: Mapping[str, Any] | None = None
) -> LedgerEvent:
    """Record that ``actor`` did ``action`` to ``subject``, with the subject's new state as its row now has it.

    Runs inside the caller's transaction, so that the act and its event commit together or not at all. Events of one
    subject wait for each other; no others do. Once committed, the event waits for its place in the tree, which the
    first process to take the leader lock gives it.

    Raises DomainError: ``ledger-outside-transaction``, ``unknown-action``, ``actor-required``, ``register-read-only``,
    ``ledger-subject-missing``, ``event-too-large``, or what ``plain`` refuses.
    """
    using = _ready(action, actor)
    kind, key = subject.ledger_kind, subject.ledger_key()
    _take_turn(using, kind, key)
    row = type(subject).ledger_rows(using).filter(pk=subject.pk).first()
    if row is None or row.ledger_key() != key:
        message = f"The row of {kind} {key} is not there, so its state cannot be recorded."
        raise DomainError("ledger-subject-missing", message, subject_kind=kind, subject_key=key)
    return _write(using, action, (kind, key), state=row.ledger_state(), actor=actor, payload=payload or {})


def append_about_ledger(action: str, *, key: str, state: Mapping[str, Any], actor: User) -> LedgerEvent:
    """Record a fact about the ledger itself, which lives in no table; for the modules of this package."""
    using = _ready(action, actor)
    _take_turn(using, LEDGER_KIND, key)
    return _write(using, action, (LEDGER_KIND, key), state=state, actor=actor, payload={})


def _ready(action: str, actor: User) -> str:
    using = router.db_for_write(LedgerEvent)
    if not connections[using].in_atomic_block:
        raise DomainError("ledger-outside-transaction", "An event is written in the transaction of its act.")
    require_declared(action)
    if not actor.is_authenticated or actor._state.adding:
        raise DomainError("actor-required", "An act is done by a known person or service account.", kind="forbidden")
    if not is_always_recorded(action):
        standing.require_writable()
    return using


def _write(
    using: str,
    action: str,
    subject: tuple[str, str],
    *,
    state: Mapping[str, Any],
    actor: User,
    payload: Mapping[str, Any],
) -> LedgerEvent:
    kind, key = subject
    previous = (
        LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_key=key).order_by("-subject_seq").first()
    )
    now, circumstances = database_now(using), context.current()
    event = Event(
        id=new_event_id(now, after=previous.id if previous else None),
        instant=now,
        actor_id=str(actor.pk),
        actor_kind=str(actor.kind),
        action=action,
        subject_kind=kind,
        subject_key=key,
        subject_seq=previous.subject_seq + 1 if previous else 1,
        prev=tree.leaf_hash(bytes(previous.body)).hex() if previous else None,
        state=state,
        payload=payload,
        request_id=circumstances.request_id,
        credential=circumstances.credential_id,
        authentication=circumstances.authentication,
        on_behalf_of=circumstances.on_behalf_of,
    )
    return _insert(event, using)


def _take_turn(using: str, kind: str, key: str) -> None:
    """Wait until no other open transaction has written an event of this subject; SQLite has one writer anyway."""
    connection = connections[using]
    if connection.vendor == "postgresql":
        number = int.from_bytes(sha256(f"ledger {kind} {key}".encode()).digest()[:8], signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _insert(event: Event, using: str) -> LedgerEvent:
    body = event.body()
    stored: LedgerEvent = LedgerEvent.objects.using(using).create(
        id=event.id,
        body=body,
        action=event.action,
        subject_kind=event.subject_kind,
        subject_key=event.subject_key,
        subject_seq=event.subject_seq,
        actor_id=event.actor_id,
        instant=event.instant,
    )
    LedgerPending.objects.using(using).create(event_id=event.id, leaf_hash=tree.leaf_hash(body))
    transaction.on_commit(try_sequence, using=using, robust=True)
    return stored
