"""How is the ledger handed over to a new signing key? By an event that the old key and the new one both sign."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import router, transaction

from registry.errors import DomainError
from registry.ledger import keys, sequencer, signing
from registry.ledger.append import append_about_ledger
from registry.ledger.checkpoint import verifier_key
from registry.ledger.leader import leading
from registry.ledger.models import LedgerEvent, LedgerPending
from registry.ledger.succession import Rotation

if TYPE_CHECKING:
    from registry.models.people import User

SUBJECT = "keys"
PATIENCE_SECONDS = 10.0


def rotate(*, actor: User) -> LedgerEvent:
    """Let the next key sign from here on: everything pending is signed by the present one first, then it is retired.

    The next key is the file ``<key>.next`` where somebody put one, and is drawn at random else. The new key takes the
    place of the old one in the file after the commit; until then it is found where it lies.
    """
    using = router.db_for_write(LedgerEvent)
    path = signing.key_file()
    with sole_leader(using):
        while LedgerPending.objects.using(using).exists():
            sequencer.place_batch(using)
        chain, head = signing.own_succession(using), sequencer.head(using)
        present = signing.signing_key(chain)
        if head is None:
            raise DomainError(
                "ledger-empty", "Nothing has been signed yet, so there is no key to retire.", kind="conflict"
            )
        if _lies_next(path, chain.key):
            keys.hand_over(path)  # the rotation before this one ended in a crash
        following = keys.load_or_create(keys.next_file(path))
        new = verifier_key(chain.name, following.public_key())
        if new in (used := chain.keys()):
            raise DomainError("signing-key-used-before", "The next key has signed this ledger before.", kind="conflict")
        rotation = Rotation(chain.name, head.size, bytes(head.root).hex(), used[-1], new)
        state = rotation.signed(present, following)
        event = append_about_ledger(signing.ROTATED, key=SUBJECT, state=state, actor=actor)
        transaction.on_commit(lambda: keys.hand_over(path), using=using)
    sequence_once_free(using)
    return event


def _lies_next(path: Path, public: Ed25519PublicKey) -> bool:
    """Tell whether the key that signs already still lies in the file of the next one."""
    following = keys.next_file(path)
    return following.exists() and keys.key_id(keys.load(following).public_key()) == keys.key_id(public)


def sequence_once_free(using: str) -> None:
    """Give the event its place after the commit: while this process leads, its own sequencer cannot."""
    transaction.on_commit(sequencer.try_sequence, using=using, robust=True)


@contextmanager
def sole_leader(using: str) -> Iterator[None]:
    """Lead for the length of a ``with`` block, in one transaction; wait a while for a sequencer that is at work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with leading(using) as leads:
            if leads:
                yield
                return
        if time.monotonic() > deadline:
            raise DomainError("ledger-busy", "The ledger is being written all the time; try again.", kind="unavailable")
        time.sleep(0.05)
