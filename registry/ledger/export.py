"""How does the whole ledger leave, so that Python alone can verify it? Segments of exact bytes, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.db import router
from django.db.models import Max

from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger import event, signing
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf
from registry.ledger.scan import PAGE

FORMAT = "cadastre-ledger-1"
SEGMENT_BYTES = 1 << 20
CHECKPOINT_EVERY = 4096
"""A checkpoint goes along about so often: each costs a verifier in plain Python some milliseconds."""


def export_ledger(folder: Path) -> int:
    """Write the placed events and their checkpoints into an empty ``folder``; return how many events there are.

    The files: ``events-000001.jsonl`` and so on, the bodies in the order of the tree, a line each, about 1 MB a file;
    ``checkpoints.json``, the signed notes; ``keys.json``, for information; ``ledger.json``, which says how much there is.
    Raises DomainError ``not-sequenced``, ``ledger-damaged``, or ``folder-not-empty``.
    """
    using = router.db_for_read(LedgerEvent)
    newest = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    if newest is None:
        raise DomainError("not-sequenced", "Nothing has been signed yet.", kind="conflict")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise DomainError("folder-not-empty", "The folder for the export is not empty.", kind="conflict")
    chain = signing.own_succession(using)
    segments = _write_segments(folder, _bodies(newest.size, using))
    about = {"format": FORMAT, "register": chain.name, "size": newest.size, "segments": segments}
    (folder / "checkpoints.json").write_bytes(canonical_json(_notes(newest.size, using)))
    (folder / "keys.json").write_bytes(canonical_json(chain.keys()))
    (folder / "ledger.json").write_bytes(canonical_json(about))
    return int(newest.size)


def _write_segments(folder: Path, bodies: Iterator[bytes]) -> int:
    kept, held, number = [], 0, 0
    for body in bodies:
        kept.append(body + b"\n")
        held += len(body) + 1
        if held >= SEGMENT_BYTES:
            number += 1
            (folder / f"events-{number:06}.jsonl").write_bytes(b"".join(kept))
            kept, held = [], 0
    if kept:
        number += 1
        (folder / f"events-{number:06}.jsonl").write_bytes(b"".join(kept))
    return number


def _bodies(size: int, using: str) -> Iterator[bytes]:
    """Yield the exact bytes of the first ``size`` events in the order of the tree."""
    for start in range(0, size, PAGE):
        leaves = LedgerLeaf.objects.using(using).filter(index__gte=start, index__lt=min(start + PAGE, size))
        ids = list(leaves.order_by("index").values_list("event_id", flat=True))
        found = dict(LedgerEvent.objects.using(using).filter(pk__in=ids).values_list("pk", "body"))
        if len(found) != min(PAGE, size - start):
            raise DomainError("ledger-damaged", f"An event of the leaves from {start} is gone.", kind="unavailable")
        yield from (bytes(found[ident]) for ident in ids)


def _notes(size: int, using: str) -> list[str]:
    """Return the newest checkpoint, the last of each 4,096 entries, and those where keys or epochs change."""
    rows = LedgerCheckpoint.objects.using(using).filter(size__lte=size)
    sizes = {size}
    for start in range(0, size, CHECKPOINT_EVERY):
        last = rows.filter(size__gt=start, size__lte=start + CHECKPOINT_EVERY).aggregate(last=Max("size"))["last"]
        sizes |= {last} if last else set()
    turns = LedgerEvent.objects.using(using).filter(action__in=[signing.ROTATED, signing.DECLARED])
    for body in turns.values_list("body", flat=True):
        state = event.read(bytes(body)).state
        sizes.add(int(state["last_size"] if "last_size" in state else state["size"]))
    ordered = sorted(sizes)
    notes: dict[int, str] = {}
    for start in range(0, len(ordered), PAGE):
        notes |= dict(rows.filter(size__in=ordered[start : start + PAGE]).values_list("size", "note"))
    return [notes[one] for one in ordered if one in notes]
