"""Do the stored events, leaves and nodes agree with each other? One pass in the order of the tree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Exists, OuterRef

from registry.ledger import tree
from registry.ledger.event import BodyInvalid, Event, read
from registry.ledger.models import LedgerEvent, LedgerLeaf, LedgerNode, LedgerPending
from registry.ledger.nodes import KEPT_EVERY
from registry.ledger.report import Statement

PAGE = 500
SHARE = 80
"""The part of a verification, in percent, that reading the ledger is; the rest is comparing the tables with it."""


@dataclass
class Scan:
    """What one pass over the ledger finds, and the roots at the sizes somebody signed or anchored."""

    wanted: Collection[int]
    bodies: Statement = field(default_factory=lambda: Statement("bodies", "every event's bytes are in canonical form"))
    columns: Statement = field(
        default_factory=lambda: Statement("columns", "the search columns say what the bytes say")
    )
    leaves: Statement = field(
        default_factory=lambda: Statement("leaves", "every leaf is the hash of its event, without a gap")
    )
    chains: Statement = field(
        default_factory=lambda: Statement("chains", "every subject's events follow each other without a gap")
    )
    pending: Statement = field(
        default_factory=lambda: Statement("pending", "every event without a leaf is waiting for one, and no other")
    )
    kept: Statement = field(default_factory=lambda: Statement("nodes", "every kept node is the hash of what is below"))
    roots: dict[int, bytes] = field(default_factory=dict)
    compact: tree.CompactRange = field(default_factory=tree.CompactRange)
    peaks: dict[int, bytes] = field(default_factory=dict)
    _ends: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def statements(self) -> list[Statement]:
        """Return the claims in the order in which they build on each other."""
        return [self.bodies, self.columns, self.leaves, self.chains, self.pending, self.kept]

    def run(self, using: str, say: Callable[[int], None]) -> None:
        """Read the whole ledger once, in pages; ``say`` is told the percentage, which ends at SHARE."""
        self._note_root()
        size = LedgerLeaf.objects.using(using).count()
        for leaf, event in _leaves(using):
            if self.compact.size % PAGE == 0:
                say(SHARE * self.compact.size // max(1, size))
            value = self._check_leaf(leaf, event)
            for level, index, node in list(self.compact.append(value)):
                if level % KEPT_EVERY == 0:
                    self._nodes[level, index] = node
            self._note_root()
        self._check_pending(using)
        self._check_nodes(using)

    def _note_root(self) -> None:
        if self.compact.size in self.wanted:
            self.roots[self.compact.size] = self.compact.root()
            self.peaks[self.compact.size] = self.compact.to_bytes()

    def _check_leaf(self, leaf: LedgerLeaf, event: LedgerEvent | None) -> bytes:
        """Check one leaf with its event and return the hash that the tree goes on with."""
        expected = self.compact.size
        self.leaves.require(leaf.index == expected, f"leaf {leaf.index} stands where leaf {expected} belongs")
        if event is None:
            self.leaves.refute(f"leaf {leaf.index}: its event {leaf.event_id} is gone")
            return bytes(leaf.leaf_hash)
        value = tree.leaf_hash(bytes(event.body))
        if value != bytes(leaf.leaf_hash):
            self.leaves.refute(f"leaf {leaf.index}: the bytes of event {event.id} do not hash to it")
        self._check_event(event)
        return value

    def _check_event(self, row: LedgerEvent) -> None:
        self.bodies.checked += 1
        try:
            event = read(bytes(row.body))
        except BodyInvalid as error:
            self.bodies.refute(f"event {row.id}: {error}")
            return
        self.columns.require(_columns_agree(row, event), f"event {row.id}: a column differs from the bytes")
        subject = event.subject_kind, event.subject_key
        last_seq, last_hash = self._ends.get(subject, (0, None))
        name = f"event {event.subject_seq} of {event.subject_kind} {event.subject_key}"
        self.chains.require(event.subject_seq == last_seq + 1, f"{name} follows number {last_seq}")
        if event.prev != last_hash:
            self.chains.refute(f"{name} does not carry the hash of the one before")
        self._ends[subject] = event.subject_seq, tree.leaf_hash(bytes(row.body)).hex()

    def _check_pending(self, using: str) -> None:
        has_leaf = Exists(LedgerLeaf.objects.using(using).filter(event_id=OuterRef("pk")))
        waiting = {row.event_id: bytes(row.leaf_hash) for row in LedgerPending.objects.using(using).all()}
        for event in LedgerEvent.objects.using(using).filter(~has_leaf).order_by("id").iterator(chunk_size=PAGE):
            promised = waiting.pop(event.id, None)
            self.pending.require(promised is not None, f"event {event.id} has no leaf and is not waiting for one")
            if promised is not None and promised != tree.leaf_hash(bytes(event.body)):
                self.pending.refute(f"event {event.id} is waiting, and its bytes are not those that were written")
            self._check_event(event)
        for event_id in waiting:
            self.pending.require(False, f"event {event_id} is waiting, but it is gone or has its leaf already")

    def _check_nodes(self, using: str) -> None:
        for node in LedgerNode.objects.using(using).order_by("level", "index").iterator(chunk_size=PAGE):
            value = self._nodes.pop((node.level, node.index), None)
            self.kept.require(value == bytes(node.node_hash), f"node {node.level}/{node.index} is wrong")
        for level, index in self._nodes:
            self.kept.require(False, f"node {level}/{index} is missing")


def _columns_agree(row: LedgerEvent, event: Event) -> bool:
    return (
        row.id == event.id
        and row.action == event.action
        and row.subject_kind == event.subject_kind
        and row.subject_key == event.subject_key
        and row.subject_seq == event.subject_seq
        and row.actor_id == event.actor_id
        and row.instant == event.instant
    )


def _leaves(using: str) -> Iterator[tuple[LedgerLeaf, LedgerEvent | None]]:
    after = -1
    while page := list(LedgerLeaf.objects.using(using).filter(index__gt=after).order_by("index")[:PAGE]):
        events: dict[UUID, LedgerEvent] = LedgerEvent.objects.using(using).in_bulk([leaf.event_id for leaf in page])
        for leaf in page:
            yield leaf, events.get(leaf.event_id)
        after = page[-1].index
