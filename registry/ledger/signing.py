"""Which key signs the next checkpoint, and whose checkpoints are taken for ours? Read from the ledger's own events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from registry.ledger import keys
from registry.ledger.actions_known import declare_action
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, epoch_of, parse, verify_note
from registry.ledger.event import BodyInvalid, read
from registry.ledger.faults import LedgerFault
from registry.ledger.models import LedgerCheckpoint, LedgerEvent
from registry.ledger.succession import Succession, SuccessionInvalid, succession

ROTATED = declare_action("ledger.key_rotated", "The ledger was handed over to a new signing key.")
DECLARED = declare_action(
    "ledger.rollback_declared", "A second person confirmed that entries are lost; a new epoch began.", always=True
)


def key_file() -> Path:
    """Return the file of this installation's signing key."""
    return Path(settings.LEDGER_KEY_FILE)


def register_name() -> str:
    """Return the name of this register, under which every key signs."""
    return str(settings.REGISTER_NAME)


def succession_of(using: str, *, trusted: Ed25519PublicKey | None = None, name: str = "") -> Succession:
    """Return the chain of keys and epochs that the events tell; by default this installation's own key is trusted.

    Raises SuccessionInvalid where the chain does not hold, and DomainError when there is no key to trust.
    """
    name = name or register_name()
    rows = list(LedgerEvent.objects.using(using).filter(action__in=[ROTATED, DECLARED]).order_by("subject_seq"))
    rotations = [_state(row) for row in rows if row.action == ROTATED]
    rollbacks = [_state(row) for row in rows if row.action == DECLARED]
    if trusted is not None:
        return succession(name, trusted, rotations=rotations, rollbacks=rollbacks)
    held = keys.holding(key_file()) or [keys.load(key_file())]
    if len(held) > 1:
        for key in held:
            try:
                chain = succession(name, key.public_key(), rotations=rotations, rollbacks=rollbacks)
            except SuccessionInvalid:
                continue  # a key that waits for its turn, or one of a history that was given up
            if _signed_the_newest(chain, using):
                return chain
    return succession(name, held[0].public_key(), rotations=rotations, rollbacks=rollbacks)


def _signed_the_newest(chain: Succession, using: str) -> bool:
    newest = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    try:
        return newest is None or chain.read(newest.note).size == newest.size
    except NoteInvalid:
        return False


def own_succession(using: str) -> Succession:
    """Return the chain as this installation goes by; LedgerFault where it does not hold."""
    try:
        return succession_of(using)
    except SuccessionInvalid as error:
        raise LedgerFault("ledger-succession-invalid", f"The chain of signing keys does not hold: {error}.") from error


def signing_key(chain: Succession) -> Ed25519PrivateKey:
    """Return the private key that signs now; DomainError ``signing-key-not-in-force`` when it is not here."""
    return keys.find(key_file(), chain.key)


def read_by_any_key(note: str, chain: Succession) -> Checkpoint:
    """Return what ``note`` states if a key that lies here signed it, whatever the ledger says of that key.

    For notes kept outside by a history that this database does not have any more. Raises NoteInvalid.
    """
    stated = parse(note)
    for key in keys.holding(key_file()):
        try:
            return verify_note(note, key.public_key(), name=chain.name)
        except NoteInvalid:
            continue
    where = "of this register" if epoch_of(stated.origin, chain.name) else f"of {stated.origin}"
    raise NoteInvalid(f"no key that lies here signed the checkpoint {where} over {stated.size} entries")


def _state(row: LedgerEvent) -> Mapping[str, Any]:
    try:
        return read(bytes(row.body)).state
    except BodyInvalid as error:
        raise LedgerFault("ledger-event-damaged", f"The event {row.id} is damaged: {error}.") from error
