"""How is a person's name taken out of the register while the ledger goes on verifying, and what stands against it?"""

from __future__ import annotations

import secrets
from hashlib import sha256

from django.db import transaction

from registry import texts
from registry.actions.inventory import require_role
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import CommitmentSalt, LegalHold, Role, User

ERASED = declare_action("person.erased", "The name and address of a person were erased.")
PLACED = declare_action("legal_hold.placed", "What is known of a person must be kept.")
LIFTED = declare_action("legal_hold.lifted", "What is known of a person need not be kept any more.")
MAY_ERASE = (Role.ADMINISTRATOR, Role.RISK_MANAGER)
MAY_HOLD = (Role.RISK_MANAGER,)


def commitment_of(person: User, salt: bytes) -> str:
    """Return the SHA-256 of the salt and the canonical JSON of what is personal; without the salt it says nothing."""
    said = {"username": person.username, "display_name": person.display_name, "email": person.email}
    return sha256(salt + canonical_json(said)).hexdigest()


def commit_to(person: User) -> None:
    """Keep a fresh salt, and write the commitment into the row; for the action that makes the row, before its event."""
    salt = secrets.token_bytes(32)
    CommitmentSalt.objects.create(person=person, salt=salt)
    person.commitment = commitment_of(person, salt)
    person.save(update_fields=["commitment"])


@transaction.atomic
def erase_person(person: User, *, reason: str, actor: User) -> User:
    """Erase name, address, password and salt of a person who is shut out; what they did stays, under their id.

    Raises ``person-still-active``, ``already-erased``, ``not-oneself``, or ``legal-hold`` while one stands. The reason is
    in the ledger for ever, so it names nobody.
    """
    said = _require(actor, MAY_ERASE, reason)
    locked = _locked(person)
    if actor.pk == locked.pk:
        raise DomainError("not-oneself", "Nobody erases themselves.", kind="forbidden")
    if locked.is_active:
        raise DomainError("person-still-active", "Shut the person out first; then erase.", kind="conflict")
    if locked.legal_holds.filter(lifted_at__isnull=True).exists():
        message = "A legal hold stands, and wins over erasure. A risk manager lifts it first."
        raise DomainError("legal-hold", message, kind="conflict")
    now = database_now()
    CommitmentSalt.objects.filter(person=locked).delete()
    locked.username, locked.email = f"erased-{locked.pk}", ""
    locked.display_name = f"[erased, {now:%Y-%m-%d}]"
    locked.last_login, locked.erased_at = None, now
    locked.set_unusable_password()
    locked.save()
    append(ERASED, locked, actor=actor, payload={"reason": said})
    return locked


@transaction.atomic
def place_legal_hold(person: User, *, reason: str, actor: User) -> LegalHold:
    """Have what is known of a person kept, until the hold is lifted; by a risk manager."""
    said = _require(actor, MAY_HOLD, reason)
    locked = _locked(person)
    if locked.legal_holds.filter(lifted_at__isnull=True).exists():
        raise DomainError("legal-hold-stands", "A legal hold on this person stands already.", kind="conflict")
    hold = LegalHold.objects.create(person=locked, reason=said, placed_by=actor, placed_at=database_now())
    append(PLACED, hold, actor=actor)
    return hold


@transaction.atomic
def lift_legal_hold(hold: LegalHold, *, reason: str, actor: User) -> LegalHold:
    """End a legal hold; by a risk manager."""
    said = _require(actor, MAY_HOLD, reason)
    _locked(hold.person)
    lifted = LegalHold.objects.filter(pk=hold.pk, lifted_at__isnull=True).update(
        lifted_at=database_now(), lifted_by=actor, lifted_because=said
    )
    if lifted != 1:
        raise DomainError("legal-hold-lifted", "That legal hold has been lifted already.", kind="conflict")
    hold.refresh_from_db()
    append(LIFTED, hold, actor=actor)
    return hold


def _require(actor: User, roles: tuple[Role, ...], reason: str) -> str:
    require_role(actor, *roles)
    if not actor.is_person:
        raise DomainError("not-a-person", "A person does this.", kind="forbidden")
    return texts.prose(reason, field="reason", limit=4000, required=True)


def _locked(person: User) -> User:
    """Hold the row, so that a hold and an erasure wait for each other."""
    found = User.objects.select_for_update().get(pk=person.pk)
    if not found.is_person:
        raise DomainError("not-a-person", "A service account is no person; its name is not personal.")
    if found.erased_at is not None:
        raise DomainError("already-erased", "What was known of this person has been erased.", kind="conflict")
    return found
