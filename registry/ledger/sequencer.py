"""How does a committed event get its place in the tree? In batches, by one leader at a time, each batch signed."""

from __future__ import annotations

from django.db import router, transaction

from registry.ledger import anchors, keys, signing, tree
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, origin_of, sign_note
from registry.ledger.clock import database_now
from registry.ledger.event import BodyInvalid, read
from registry.ledger.faults import LedgerFault
from registry.ledger.leader import leading
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerNode, LedgerPending
from registry.ledger.nodes import KEPT_EVERY

BATCH = 256

OPPORTUNISTIC_BATCHES = 8


def try_sequence() -> int:
    """Give pending events their place unless another process is doing so; return how many this call placed.

    Called after each commit. It never waits for another leader: that one looks again after it has let go of the lock,
    so an event that was committed meanwhile is not forgotten. Raises LedgerFault when nothing may be signed.
    """
    return _drain(OPPORTUNISTIC_BATCHES)


def sequence_all() -> int:
    """Place pending events until none is left or another process leads; the periodic fallback. Then anchor."""
    placed = _drain(None)
    transaction.on_commit(anchors.anchor_latest, using=router.db_for_write(LedgerEvent))
    return placed


def _drain(batches: int | None) -> int:
    using = router.db_for_write(LedgerEvent)
    placed = done = 0
    while (batches is None or done < batches) and LedgerPending.objects.using(using).exists():
        with leading(using) as leads:
            if leads:
                placed += place_batch(using)
        if not leads:
            break
        done += 1
    if placed:
        transaction.on_commit(anchors.anchor_latest, using=using, robust=True)
    return placed


def head(using: str) -> LedgerCheckpoint | None:
    """Return the newest checkpoint, or None while nothing has been sequenced."""
    newest: LedgerCheckpoint | None = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    return newest


def place_batch(using: str) -> int:
    """Place up to ``BATCH`` pending events in the order of their ids and sign the new tree, in one transaction.

    For whoever leads. The key that signs, and the epoch, are those that the ledger's own events name.
    """
    waiting = list(LedgerPending.objects.using(using).order_by("event_id")[:BATCH])
    if not waiting:
        return 0
    last = head(using)
    if last is None and not keys.holding(signing.key_file()):
        keys.load_or_create(signing.key_file())
    chain = signing.own_succession(using)
    compact = tree.CompactRange()
    if last is not None:
        try:
            stated = chain.read(last.note)
            compact = tree.CompactRange.from_bytes(last.size, bytes(last.compact_range))
        except (NoteInvalid, ValueError) as error:
            raise LedgerFault("ledger-head-invalid", f"The newest checkpoint does not stand: {error}.") from error
        if not stated.size == last.size == compact.size or not stated.root == bytes(last.root) == compact.root():
            raise LedgerFault("ledger-head-invalid", "The newest checkpoint does not state the tree kept beside it.")
    if anchors.leaf_count(using) != compact.size:
        raise LedgerFault("ledger-head-invalid", "The newest checkpoint does not cover every leaf and no other.")
    anchors.refuse_if_forked(using, chain=chain)
    key, origin = signing.signing_key(chain), origin_of(chain.name, chain.epoch)

    hashes = _checked_hashes(waiting, using)
    leaves: list[LedgerLeaf] = []
    nodes: list[LedgerNode] = []
    instant = database_now(using)
    for pending in waiting:
        leaf = hashes[pending.event_id.hex]
        leaves.append(LedgerLeaf(index=compact.size, event_id=pending.event_id, leaf_hash=leaf))
        nodes.extend(
            LedgerNode(level=level, index=index, node_hash=value)
            for level, index, value in list(compact.append(leaf))
            if level % KEPT_EVERY == 0
        )
    LedgerLeaf.objects.using(using).bulk_create(leaves)
    LedgerNode.objects.using(using).bulk_create(nodes)
    LedgerCheckpoint.objects.using(using).create(
        size=compact.size,
        root=compact.root(),
        compact_range=compact.to_bytes(),
        note=sign_note(Checkpoint(origin, compact.size, compact.root()), key, name=chain.name),
        instant=max(instant, last.instant) if last else instant,
    )
    LedgerPending.objects.using(using).filter(event_id__in=[pending.event_id for pending in waiting]).delete()
    return len(waiting)


def _checked_hashes(waiting: list[LedgerPending], using: str) -> dict[str, bytes]:
    """Return the leaf hash of each waiting event from its stored bytes, read anew; LedgerFault unless as written."""
    stored = LedgerEvent.objects.using(using).in_bulk([pending.event_id for pending in waiting])
    hashes: dict[str, bytes] = {}
    for pending in waiting:
        event = stored.get(pending.event_id)
        if event is None:
            raise LedgerFault("ledger-event-lost", f"The event {pending.event_id} waits for its place but is gone.")
        body = bytes(event.body)
        try:
            stated = read(body)
        except BodyInvalid as error:
            raise LedgerFault("ledger-event-damaged", f"The event {event.id} is damaged: {error}.") from error
        if stated.id != event.id or tree.leaf_hash(body) != bytes(pending.leaf_hash):
            raise LedgerFault("ledger-event-damaged", f"The event {event.id} is not as it was written.")
        hashes[event.id.hex] = tree.leaf_hash(body)
    return hashes
