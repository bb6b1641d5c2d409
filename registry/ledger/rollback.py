"""How does a register go on when entries are lost for good? Two people declare it, and a new epoch begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import router, transaction

from registry.errors import DomainError
from registry.ledger import anchors, keys, sequencer, signing, standing
from registry.ledger.actions_known import declare_action
from registry.ledger.append import append_about_ledger
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, parse_verifier_key, verifier_key, verify_note
from registry.ledger.event import read
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerEvent
from registry.ledger.rotation import sequence_once_free, sole_leader
from registry.ledger.succession import Declaration, Succession
from registry.ledger.tree import EMPTY_ROOT

if TYPE_CHECKING:
    from registry.models.people import User

SUBJECT = "rollbacks"
REQUESTED = declare_action(
    "ledger.rollback_requested", "A person asked to go on without entries that are lost.", always=True
)


def request(*, reason: str, actor: User) -> LedgerEvent:
    """Record what is lost and why one goes on without it; it takes effect when a second person confirms it."""
    using = router.db_for_write(LedgerEvent)
    _require_read_only()
    with transaction.atomic(using=using):
        state = {
            **what_is_lost(using).facts(),
            "reason": reason,
            "requested_by": str(actor.pk),
            "request": None,
            "confirmed_by": None,
            "signature": None,
        }
        return append_about_ledger(REQUESTED, key=SUBJECT, state=state, actor=actor)


def confirm(*, actor: User) -> LedgerEvent:
    """Declare the rollback that another person asked for: from the next checkpoint on, a new epoch.

    Raises DomainError: ``register-not-read-only``, ``rollback-not-requested``, ``second-person-needed``,
    ``rollback-changed`` when more was found to be lost since.
    """
    using = router.db_for_write(LedgerEvent)
    _require_read_only()
    with sole_leader(using):
        row = open_request(using)
        if row is None:
            raise DomainError("rollback-not-requested", "Nobody has asked for a rollback yet.", kind="conflict")
        asked = read(bytes(row.body)).state
        if asked["requested_by"] == str(actor.person.pk):
            raise DomainError(
                "second-person-needed", "A rollback is confirmed by somebody else than who asked.", kind="forbidden"
            )
        lost = what_is_lost(using)
        if lost != Declaration.of(asked):
            message = "What is lost is not what was asked for any more. Ask again, and read it again."
            raise DomainError("rollback-changed", message, kind="conflict")
        state = {
            **lost.signed(signing.signing_key(signing.own_succession(using))),
            "reason": asked["reason"],
            "requested_by": asked["requested_by"],
            "request": str(row.id),
            "confirmed_by": str(actor.pk),
        }
        event = append_about_ledger(signing.DECLARED, key=SUBJECT, state=state, actor=actor)
        transaction.on_commit(standing.look_again, using=using)
    sequence_once_free(using)
    return event


def open_request(using: str) -> LedgerEvent | None:
    """Return the request that waits for a second person, or None."""
    last: LedgerEvent | None = (
        LedgerEvent.objects.using(using)
        .filter(subject_kind="ledger", subject_key=SUBJECT)
        .order_by("-subject_seq")
        .first()
    )
    return last if last is not None and last.action == REQUESTED else None


def told() -> dict[str, Any]:
    """Return for JSON the request that waits, if one does, and every declared rollback."""
    using = router.db_for_read(LedgerEvent)
    waiting = open_request(using)
    declared = LedgerEvent.objects.using(using).filter(action=signing.DECLARED).order_by("subject_seq")
    return {
        "waiting": _shown(waiting) if waiting else None,
        "declared": [_shown(row) for row in declared],
    }


def _shown(row: LedgerEvent) -> Mapping[str, Any]:
    event = read(bytes(row.body))
    return {"event": str(row.id), "instant": event.instant, **event.state}


def what_is_lost(using: str) -> Declaration:
    """Work out what would be given up: from every note that can be read back here, against the tree as it is stored."""
    chain, head = signing.own_succession(using), sequencer.head(using)
    size, root = (int(head.size), bytes(head.root)) if head else (0, EMPTY_ROOT)
    agreeing, conflicting = [0], []
    for note, stated in _outside(chain):
        epoch = chain.epoch_stated(stated)
        here = stated.size <= size and anchors.root_at(stated.size, using) == stated.root
        if here and epoch <= chain.epoch:
            agreeing.append(stated.size)
        elif epoch > chain.epoch or chain.gave_up(stated) is None:
            conflicting.append((epoch, stated.size, stated.root, note))
    if not conflicting:
        raise DomainError("nothing-is-lost", "Nothing that was anchored is missing here.", kind="conflict")
    epoch, lost_size, lost_root, note = max(conflicting)
    forked = min((one[1] for one in conflicting if one[1] <= size), default=None)
    kept = size if forked is None else max(one for one in agreeing if one < forked)
    return Declaration(
        name=chain.name,
        epoch=max(epoch, chain.epoch) + 1,
        size=size,
        root=root.hex(),
        kept_size=kept,
        abandoned_epoch=epoch,
        abandoned_size=lost_size,
        abandoned_root=lost_root.hex(),
        abandoned_key=_signer(note, chain),
    )


def _outside(chain: Succession) -> Iterator[tuple[str, Checkpoint]]:
    """Yield every note of the anchor file, and the newest of each remote anchor, whichever of our keys signed it."""
    try:
        notes = list(anchors.configured().notes())
    except AnchorDown:
        notes = []
    for note in dict.fromkeys([*notes, *(note for _kind, note in anchors.outside_notes())]):
        try:
            yield note, chain.read(note)
        except NoteInvalid:
            try:
                yield note, signing.read_by_any_key(note, chain)
            except NoteInvalid as error:
                raise LedgerFault("anchor-damaged", f"An anchored checkpoint does not stand: {error}.") from error


def _signer(note: str, chain: Succession) -> str:
    """Return the verifier key that signed a note, of the chain or lying here."""
    held = [verifier_key(chain.name, key.public_key()) for key in keys.holding(signing.key_file())]
    for text in dict.fromkeys([*chain.keys(), *held]):
        try:
            verify_note(note, parse_verifier_key(text)[1], name=chain.name)
        except NoteInvalid:
            continue
        return text
    return ""


def _require_read_only() -> None:
    standing.look_again()
    if not standing.standing().read_only:
        message = f"The register {settings.REGISTER_NAME} is not read-only: there is nothing to declare."
        raise DomainError("register-not-read-only", message, kind="conflict")
