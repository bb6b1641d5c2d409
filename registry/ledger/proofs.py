"""How is it shown that an event is in the ledger, and that today's ledger extends yesterday's?"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import router

from registry.errors import DomainError
from registry.ledger import nodes, tree
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf

MAX_PAGE = 1000


@dataclass(frozen=True)
class InclusionProof:
    """That the event with these exact bytes is leaf ``index`` of the tree that ``note`` signs."""

    event_id: UUID
    index: int
    size: int
    body: bytes
    leaf_hash: bytes
    path: tuple[bytes, ...]
    root: bytes
    note: str

    def stands(self) -> bool:
        """Tell whether the path leads from the bytes to the root (the signature on the note is checked elsewhere)."""
        leaf = tree.leaf_hash(self.body)
        return leaf == self.leaf_hash and tree.verify_inclusion(leaf, self.index, self.size, self.path, self.root)

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON: hashes in hexadecimal, the body in base64."""
        return {
            "event_id": str(self.event_id),
            "index": self.index,
            "size": self.size,
            "body": base64.b64encode(self.body).decode(),
            "leaf_hash": self.leaf_hash.hex(),
            "path": [step.hex() for step in self.path],
            "root": self.root.hex(),
            "checkpoint": self.note,
        }


@dataclass(frozen=True)
class ConsistencyProof:
    """That the tree of ``old_size`` leaves is a prefix of the tree of ``new_size`` leaves."""

    old_size: int
    new_size: int
    old_root: bytes
    new_root: bytes
    path: tuple[bytes, ...]

    def stands(self) -> bool:
        """Tell whether the path connects the two roots."""
        return tree.verify_consistency(self.old_size, self.new_size, self.old_root, self.new_root, self.path)

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON, hashes in hexadecimal."""
        return {
            "old_size": self.old_size,
            "new_size": self.new_size,
            "old_root": self.old_root.hex(),
            "new_root": self.new_root.hex(),
            "path": [step.hex() for step in self.path],
        }


@dataclass(frozen=True)
class Entry:
    """One leaf with the exact bytes of its event."""

    index: int
    event_id: UUID
    leaf_hash: bytes
    body: bytes

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for JSON: hash in hexadecimal, body in base64."""
        return {
            "index": self.index,
            "event_id": str(self.event_id),
            "leaf_hash": self.leaf_hash.hex(),
            "body": base64.b64encode(self.body).decode(),
        }


def latest_checkpoint() -> LedgerCheckpoint | None:
    """Return the newest signed checkpoint, or None while nothing has been sequenced."""
    newest: LedgerCheckpoint | None = (
        LedgerCheckpoint.objects.using(router.db_for_read(LedgerEvent)).order_by("-size").first()
    )
    return newest


def inclusion(event_id: UUID, *, size: int | None = None) -> InclusionProof:
    """Return the proof that an event is in the tree of the newest checkpoint, or of the checkpoint over ``size``.

    Raises DomainError: ``unknown-event``, ``not-sequenced`` (it has no place yet, or none below ``size``) or
    ``unknown-checkpoint``.
    """
    using = router.db_for_read(LedgerEvent)
    event = LedgerEvent.objects.using(using).filter(pk=event_id).first()
    if event is None:
        raise DomainError("unknown-event", f"There is no event {event_id}.", kind="not-found")
    checkpoints = LedgerCheckpoint.objects.using(using)
    checkpoint = checkpoints.order_by("-size").first() if size is None else checkpoints.filter(size=size).first()
    if checkpoint is None and size is not None:
        raise DomainError("unknown-checkpoint", f"There is no checkpoint over {size} entries.", kind="not-found")
    leaf = LedgerLeaf.objects.using(using).filter(event_id=event_id).first()
    if leaf is None or checkpoint is None or leaf.index >= checkpoint.size:
        message = f"The event {event_id} has no place in that tree yet; ask again in a moment."
        raise DomainError("not-sequenced", message, kind="conflict")
    path = _read(lambda node: tree.inclusion_proof(leaf.index, checkpoint.size, node), using)
    return InclusionProof(
        event_id=event.id,
        index=leaf.index,
        size=checkpoint.size,
        body=bytes(event.body),
        leaf_hash=bytes(leaf.leaf_hash),
        path=tuple(path),
        root=bytes(checkpoint.root),
        note=checkpoint.note,
    )


def consistency(old_size: int, new_size: int) -> ConsistencyProof:
    """Return the proof that the first ``old_size`` entries are unchanged in the tree of ``new_size`` entries.

    Raises DomainError ``unknown-tree-size`` unless 0 <= old_size <= new_size <= the number of sequenced entries.
    """
    using = router.db_for_read(LedgerEvent)
    newest = latest_checkpoint()
    size = newest.size if newest else 0
    if not 0 <= old_size <= new_size <= size:
        message = f"The sizes lie between 0 and {size}, the older first."
        raise DomainError("unknown-tree-size", message, observed=[old_size, new_size], required=size)
    path = _read(lambda node: tree.consistency_proof(old_size, new_size, node), using)
    old_root = _read(lambda node: tree.root_at(old_size, node), using)
    new_root = _read(lambda node: tree.root_at(new_size, node), using)
    return ConsistencyProof(old_size, new_size, old_root, new_root, tuple(path))


def entries(start: int = 0, limit: int = 100) -> list[Entry]:
    """Return up to ``limit`` (at most 1000) entries from leaf ``start`` on, in the order of the tree."""
    if start < 0 or not 1 <= limit <= MAX_PAGE:
        raise DomainError("bad-page", f"A page starts at 0 or later and holds 1 to {MAX_PAGE} entries.")
    using = router.db_for_read(LedgerEvent)
    leaves = list(LedgerLeaf.objects.using(using).filter(index__gte=start).order_by("index")[:limit])
    events = LedgerEvent.objects.using(using).in_bulk([leaf.event_id for leaf in leaves])
    missing = [leaf.index for leaf in leaves if leaf.event_id not in events]
    if missing:
        raise DomainError("ledger-event-lost", f"The events of leaves {missing[:5]} are gone.", kind="unavailable")
    return [
        Entry(leaf.index, leaf.event_id, bytes(leaf.leaf_hash), bytes(events[leaf.event_id].body)) for leaf in leaves
    ]


def _read(what: Any, using: str) -> Any:
    try:
        return what(nodes.stored_nodes(using))
    except nodes.NodeMissing as error:
        raise DomainError("ledger-damaged", f"The tree has a gap: {error}.", kind="unavailable") from error
