"""How do people act on the ledger itself? They retire its key, and they declare what was lost."""

from __future__ import annotations

from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger import rotation
from registry.models import LedgerEvent, Role, User


def rotate_ledger_key(*, actor: User) -> LedgerEvent:
    """Retire the key that signs checkpoints and let a new one sign from here on; by an administrator.

    The event carries the signatures of both keys, so that whoever trusts the old key can go on to the new one.
    """
    require_role(actor, Role.ADMINISTRATOR)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person retires the key.", kind="forbidden")
    return rotation.rotate(actor=actor)
