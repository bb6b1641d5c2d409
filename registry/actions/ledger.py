"""How do people act on the ledger itself? They retire its key, and they declare what was lost."""

from __future__ import annotations

from datetime import timedelta

from registry import texts
from registry.actions.inventory import require_role
from registry.actions.people import register_account
from registry.errors import DomainError
from registry.ledger import context, heads, rollback, rotation
from registry.ledger.clock import database_now
from registry.models import LedgerEvent, Role, User

MAY_DECLARE = (Role.ADMINISTRATOR, Role.RISK_MANAGER)
HEADS_EVERY = timedelta(days=1)


def rotate_ledger_key(*, actor: User) -> LedgerEvent:
    """Retire the key that signs checkpoints and let a new one sign from here on; by an administrator.

    The event carries the signatures of both keys, so that whoever trusts the old key can go on to the new one.
    """
    require_role(actor, Role.ADMINISTRATOR)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person retires the key.", kind="forbidden")
    return rotation.rotate(actor=actor)


def record_heads_when_due() -> LedgerEvent | None:
    """Fix the last event of every subject if that is a day ago and something has happened since; by the register."""
    last = heads.last_recorded()
    if last is not None and last.instant > database_now() - HEADS_EVERY:
        return None
    if heads.is_up_to_date():
        return None
    actor = register_account()
    return heads.record_heads(actor=actor) if actor is not None else None


def request_rollback(*, reason: str, actor: User) -> LedgerEvent:
    """Ask to go on without entries that are lost for good, while the register is read-only; a second person confirms."""
    _require_person_in_session(actor)
    return rollback.request(reason=texts.prose(reason, field="reason", limit=4000, required=True), actor=actor)


def confirm_rollback(*, actor: User) -> LedgerEvent:
    """Declare the rollback that somebody else asked for: a new epoch begins, and the register may be written to again."""
    _require_person_in_session(actor)
    return rollback.confirm(actor=actor)


def _require_person_in_session(actor: User) -> None:
    require_role(actor, *MAY_DECLARE)
    if not actor.is_person or context.current().authentication != "session":
        raise DomainError("session-required", "This is done in a signed-in session of a person.", kind="forbidden")
