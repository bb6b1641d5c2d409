"""How is it shown that an export leaves out no event of a subject, not even the newest? By a leaf that fixes every end.

The heads of a tree are the last event of each subject in it. Their own Merkle root, recorded as an event, is a leaf
like any other; a subject's path in it shows with which event its history ended at that size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import router, transaction
from django.db.models import OuterRef, Subquery

from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger import event, proofs, tree
from registry.ledger.append import append_about_ledger, declare_action
from registry.ledger.models import LedgerEvent, LedgerLeaf

if TYPE_CHECKING:
    from registry.models.people import User

RECORDED = declare_action("ledger.heads_recorded", "The last event of every subject was fixed.")


@dataclass(frozen=True)
class Head:
    """The last event of a subject in a tree: its number and its leaf hash in hexadecimal."""

    kind: str
    key: str
    seq: int
    leaf_hash: str

    def leaf(self) -> bytes:
        """Return the leaf hash of this head in the tree of heads."""
        return tree.leaf_hash(canonical_json([self.kind, self.key, self.seq, self.leaf_hash]))


@dataclass(frozen=True)
class CompletenessProof:
    """That ``head`` is the last event of its subject among the first ``size`` entries of the ledger.

    ``path`` leads from the head at ``index`` of ``count`` to ``heads_root``, which the event in ``recorded`` states.
    """

    head: Head
    index: int
    count: int
    size: int
    heads_root: bytes
    path: tuple[bytes, ...]
    recorded: proofs.InclusionProof

    def stands(self) -> bool:
        """Tell whether head, path, recorded event and its place in the ledger fit together."""
        stated = event.read(self.recorded.body).state
        wanted = {"size": self.size, "subjects": self.count, "heads_root": self.heads_root.hex()}
        return (
            dict(stated) == wanted
            and self.recorded.stands()
            and tree.verify_inclusion(self.head.leaf(), self.index, self.count, self.path, self.heads_root)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON, hashes in hexadecimal."""
        return {
            "kind": self.head.kind,
            "key": self.head.key,
            "seq": self.head.seq,
            "leaf_hash": self.head.leaf_hash,
            "index": self.index,
            "count": self.count,
            "size": self.size,
            "heads_root": self.heads_root.hex(),
            "path": [step.hex() for step in self.path],
            "recorded": self.recorded.as_dict(),
        }


def heads_at(size: int) -> list[Head]:
    """Return the head of every subject among the first ``size`` entries, sorted by kind and key."""
    last: dict[tuple[str, str], Head] = {}
    for kind, key, seq, leaf_hash in _placed(size):
        known = last.get((kind, key))
        if known is None or known.seq < seq:
            last[kind, key] = Head(kind, key, seq, leaf_hash)
    return [last[subject] for subject in sorted(last)]


def _placed(size: int) -> Iterator[tuple[str, str, int, str]]:
    using = router.db_for_read(LedgerEvent)
    leaf = LedgerLeaf.objects.using(using).filter(event_id=OuterRef("pk"))
    rows = LedgerEvent.objects.using(using).annotate(
        place=Subquery(leaf.values("index")[:1]), leaf_hash=Subquery(leaf.values("leaf_hash")[:1])
    )
    rows = rows.filter(place__lt=size).values_list("subject_kind", "subject_key", "subject_seq", "leaf_hash")
    for kind, key, seq, leaf_hash in rows.iterator(chunk_size=2000):
        yield kind, key, seq, bytes(leaf_hash).hex()


@transaction.atomic
def record_heads(*, actor: User) -> LedgerEvent:
    """Record the heads of the newest checkpoint's tree, daily and before an export.

    Raises DomainError ``ledger-empty`` while there is no checkpoint.
    """
    newest = proofs.latest_checkpoint()
    if newest is None:
        message = "There is no checkpoint yet, so there are no heads to record."
        raise DomainError("ledger-empty", message, kind="conflict")
    heads = heads_at(newest.size)
    state = {
        "size": newest.size,
        "subjects": len(heads),
        "heads_root": tree.root(head.leaf() for head in heads).hex(),
    }
    return append_about_ledger(RECORDED, key=settings.REGISTER_NAME, state=state, actor=actor)


def last_recorded() -> LedgerEvent | None:
    """Return the event that recorded heads last, or None."""
    rows = LedgerEvent.objects.using(router.db_for_read(LedgerEvent)).filter(action=RECORDED)
    last: LedgerEvent | None = rows.order_by("-subject_seq").first()
    return last


def is_up_to_date() -> bool:
    """Tell whether nothing has been sequenced since heads were recorded last, but that they were."""
    last, newest = last_recorded(), proofs.latest_checkpoint()
    if last is None or newest is None:
        return newest is None
    return bool(newest.size <= event.read(bytes(last.body)).state["size"] + 1)


def completeness(kind: str, key: str) -> CompletenessProof:
    """Return the proof of a subject's last event as of the newest recorded heads.

    Raises DomainError: ``heads-not-recorded``, ``not-sequenced``, or ``unknown-subject`` if it had no event by then.
    """
    row = last_recorded()
    if row is None:
        raise DomainError("heads-not-recorded", "No heads have been recorded yet.", kind="conflict")
    stated = event.read(bytes(row.body)).state
    heads = heads_at(stated["size"])
    place = next((at for at, head in enumerate(heads) if (head.kind, head.key) == (kind, key)), None)
    if place is None:
        message = f"There was no event of {kind} {key} among the first {stated['size']} entries."
        raise DomainError("unknown-subject", message, kind="not-found")
    return CompletenessProof(
        head=heads[place],
        index=place,
        count=len(heads),
        size=stated["size"],
        heads_root=bytes.fromhex(stated["heads_root"]),
        path=tuple(tree.inclusion_proof(place, len(heads), tree.nodes_of([head.leaf() for head in heads]))),
        recorded=proofs.inclusion(row.id),
    )
