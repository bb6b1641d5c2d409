"""How is it shown that an export leaves out no event of a subject, not even the newest? By a leaf that fixes every end.

The heads of a tree are the last event of each subject in it. Their own Merkle root, recorded as an event, is a leaf
like any other; a subject's path in it shows with which event its history ended at that size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import router, transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery

from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger import event, proofs, tree
from registry.ledger.append import append_about_ledger, declare_action
from registry.ledger.models import LedgerEvent, LedgerLeaf

if TYPE_CHECKING:
    from registry.models.people import User

SUBJECTS_AT_ONCE = 400
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
    """Return the head of every subject among the first ``size`` entries, sorted by kind and key.

    The database finds the newest event of each subject by its index; only subjects whose newest event lies beyond
    ``size`` are read event by event.
    """
    using = router.db_for_read(LedgerEvent)
    newest = LedgerEvent.objects.using(using).values("subject_kind", "subject_key").annotate(last=Max("subject_seq"))
    ends: dict[str, dict[str, int]] = {}
    for kind, key, last in newest.values_list("subject_kind", "subject_key", "last").iterator(chunk_size=2000):
        ends.setdefault(kind, {})[key] = last
    found: list[Head] = []
    for kind, keys in ends.items():
        for chunk in _batched(sorted(keys), SUBJECTS_AT_ONCE):
            found += _heads_of(kind, {key: keys[key] for key in chunk}, size, using)
    return sorted(found, key=lambda head: (head.kind, head.key))


def _batched(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _heads_of(kind: str, ends: dict[str, int], size: int, using: str) -> list[Head]:
    """Return the heads of some subjects of a kind; ``ends`` are the numbers of their newest events."""
    last = _placed(kind, list(ends), size, using).filter(subject_seq__in=set(ends.values()))
    heads = {key: Head(kind, key, seq, bytes(leaf).hex()) for key, seq, leaf in last if ends[key] == seq}
    late = [key for key in ends if key not in heads]
    if late:
        for key, seq, leaf in _placed(kind, late, size, using).order_by("subject_seq"):
            heads[key] = Head(kind, key, seq, bytes(leaf).hex())
    return list(heads.values())


def _placed(kind: str, keys: list[str], size: int, using: str) -> QuerySet[Any, Any]:
    leaf = LedgerLeaf.objects.using(using).filter(event_id=OuterRef("pk"), index__lt=size)
    rows = LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_key__in=keys)
    rows = rows.annotate(leaf_hash=Subquery(leaf.values("leaf_hash")[:1])).filter(leaf_hash__isnull=False)
    placed: QuerySet[Any, Any] = rows.values_list("subject_key", "subject_seq", "leaf_hash")
    return placed


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
    found = completeness_of([(kind, key)])
    if not found:
        raise DomainError("unknown-subject", f"There was no event of {kind} {key} by then.", kind="not-found")
    return found[0]


def completeness_of(subjects: Iterable[tuple[str, str]]) -> list[CompletenessProof]:
    """Return the proofs of several subjects as of the newest recorded heads, without those that had no event by then.

    The ledger is read once. Raises DomainError: ``heads-not-recorded`` or ``not-sequenced``.
    """
    using = router.db_for_read(LedgerEvent)
    row = LedgerEvent.objects.using(using).filter(action=RECORDED).order_by("-subject_seq").first()
    if row is None:
        raise DomainError("heads-not-recorded", "No heads have been recorded yet.", kind="conflict")
    stated = event.read(bytes(row.body)).state
    recorded = proofs.inclusion(row.id)
    heads = heads_at(stated["size"])
    places = {(head.kind, head.key): at for at, head in enumerate(heads)}
    node = tree.nodes_of([head.leaf() for head in heads])
    return [
        CompletenessProof(
            head=heads[places[subject]],
            index=places[subject],
            count=len(heads),
            size=stated["size"],
            heads_root=bytes.fromhex(stated["heads_root"]),
            path=tuple(tree.inclusion_proof(places[subject], len(heads), node)),
            recorded=recorded,
        )
        for subject in sorted(set(subjects))
        if subject in places
    ]
