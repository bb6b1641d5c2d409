"""What does somebody need who is to believe some histories without this database? Events, proofs, one checkpoint."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import router

from registry.errors import DomainError
from registry.ledger import event, heads, nodes, proofs, sequencer, signing, tree
from registry.ledger.checkpoint import NoteInvalid, parse
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf
from registry.ledger.rotation import SUBJECT as KEYS
from registry.ledger.succession import Succession

LEDGER = frozenset({("ledger", KEYS), ("ledger", "rollbacks")})
"""The histories that say which key signs, and in which epoch: they go along with every extract."""

EARLIER_CHECKPOINTS = 50
PATIENCE_SECONDS = 10.0
BATCH = 500

Subject = tuple[str, str]


@dataclass(frozen=True)
class Extract:
    """The newest checkpoint, exact bodies in the order of the ledger, and the proofs that lead to the checkpoint."""

    checkpoint: str
    bodies: list[bytes]
    proofs: dict[str, Any]


def wait_until_placed(event_id: UUID) -> None:
    """Return once an event that was committed has its place in a signed tree; DomainError ``ledger-busy`` if it is late."""
    using = router.db_for_read(LedgerEvent)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not LedgerLeaf.objects.using(using).filter(event_id=event_id).exists():
        sequencer.sequence_all()
        if time.monotonic() > deadline:
            raise DomainError("ledger-busy", "The ledger is being written all the time; try again.", kind="unavailable")
        if not LedgerLeaf.objects.using(using).filter(event_id=event_id).exists():
            time.sleep(0.05)  # another process is placing it


def extract(subjects: Collection[Subject], *, notes: Iterable[str] = ()) -> Extract:
    """Return the whole histories of ``subjects`` up to the newest recorded heads, with every proof.

    It is proven too that the ledger extends the checkpoints in ``notes`` and the last ones before the newest. Call it in
    a snapshot. Raises DomainError: ``heads-not-recorded``, ``not-sequenced`` or ``ledger-damaged``.
    """
    using = router.db_for_read(LedgerEvent)
    wanted = set(subjects) | LEDGER
    ends = heads.completeness_of(wanted)
    newest = proofs.latest_checkpoint()
    if newest is None or not ends:
        raise DomainError("heads-not-recorded", "No heads have been recorded yet.", kind="conflict")
    recorded = ends[0].recorded
    placed = {index: body for index, body in _histories(wanted, using) if index < ends[0].size}
    placed[recorded.index] = recorded.body
    read = nodes.stored_nodes(using)
    earlier = _earlier(newest.size, using)
    try:
        inclusion = [
            {"index": index, "path": [step.hex() for step in tree.inclusion_proof(index, newest.size, read)]}
            for index in sorted(placed)
        ]
        sizes = {size for note in [*notes, *earlier] if (size := _size(note)) is not None} | _turns(using)
        consistency = [
            {
                "size": size,
                "root": tree.root_at(size, read).hex(),
                "path": [step.hex() for step in tree.consistency_proof(size, newest.size, read)],
            }
            for size in sorted(sizes)
            if 0 < size < newest.size
        ]
    except nodes.NodeMissing as error:
        raise DomainError("ledger-damaged", f"The tree has a gap: {error}.", kind="unavailable") from error
    return Extract(
        checkpoint=newest.note,
        bodies=[placed[index] for index in sorted(placed)],
        proofs={
            "inclusion": inclusion,
            "consistency": consistency,
            "checkpoints": earlier,
            "heads": {"event": sorted(placed).index(recorded.index), "subjects": [_end(one) for one in ends]},
        },
    )


def _histories(subjects: set[Subject], using: str) -> Iterator[tuple[int, bytes]]:
    """Yield leaf index and body of every placed event of the subjects."""
    by_kind: dict[str, list[str]] = {}
    for kind, key in sorted(subjects):
        by_kind.setdefault(kind, []).append(key)
    for kind, keys in by_kind.items():
        for start in range(0, len(keys), BATCH):
            rows = LedgerEvent.objects.using(using).filter(
                subject_kind=kind, subject_key__in=keys[start : start + BATCH]
            )
            bodies = dict(rows.values_list("id", "body"))
            ids = list(bodies)
            for first in range(0, len(ids), BATCH):
                leaves = LedgerLeaf.objects.using(using).filter(event_id__in=ids[first : first + BATCH])
                for index, event_id in leaves.values_list("index", "event_id"):
                    yield index, bytes(bodies[event_id])


def _earlier(size: int, using: str) -> list[str]:
    """Return the last checkpoints before the one over ``size`` entries, the oldest first."""
    rows = LedgerCheckpoint.objects.using(using).filter(size__lt=size).order_by("-size")
    return list(rows.values_list("note", flat=True)[:EARLIER_CHECKPOINTS])[::-1]


def _size(note: str) -> int | None:
    try:
        return parse(note).size
    except NoteInvalid:
        return None  # whoever verifies says that it is no checkpoint


def _turns(using: str) -> set[int]:
    """Return the sizes at which a key was retired or an epoch began."""
    rows = LedgerEvent.objects.using(using).filter(action__in=[signing.ROTATED, signing.DECLARED])
    states = [event.read(bytes(body)).state for body in rows.values_list("body", flat=True)]
    return {int(state["last_size"] if "last_size" in state else state["size"]) for state in states}


def _end(proof: heads.CompletenessProof) -> dict[str, Any]:
    return {
        "kind": proof.head.kind,
        "key": proof.head.key,
        "seq": proof.head.seq,
        "leaf_hash": proof.head.leaf_hash,
        "index": proof.index,
        "path": [step.hex() for step in proof.path],
    }


def own_chain() -> Succession:
    """Return the chain of keys as this installation goes by."""
    return signing.own_succession(router.db_for_read(LedgerEvent))
