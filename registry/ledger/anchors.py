"""Which checkpoints are kept outside the database, and does the ledger still agree with them?"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import router

from registry.errors import DomainError
from registry.ledger import keys, nodes, tree
from registry.ledger.checkpoint import Checkpoint, NoteInvalid, verify_note
from registry.ledger.clock import database_now
from registry.ledger.faults import LedgerFault
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.plain import instant_text

TAIL_BYTES = 64 * 1024


class Anchor(Protocol):
    """A place in other hands that keeps checkpoints for good."""

    slug: str

    def newest(self) -> str | None:
        """Return the note that was kept last, or None."""
        ...

    def keep(self, note: str, *, instant: str) -> None:
        """Keep ``note``; when this returns, it survives a crash."""
        ...

    def notes(self) -> Iterator[str]:
        """Yield every note, oldest first."""
        ...


class FileAnchor:
    """A file of one JSON line per checkpoint, only ever appended to and synced; best on another volume."""

    slug = "file"

    def __init__(self, directory: Path) -> None:
        self.path = Path(directory) / "checkpoints.jsonl"

    def newest(self) -> str | None:
        """Return the last whole note in the file, or None when there is none yet."""
        lines = self._tail()
        return _note(lines[-1]) if lines else None

    def keep(self, note: str, *, instant: str) -> None:
        """Append ``note`` and sync file and folder. A torn last line, left by a crash, is cut off first."""
        fresh = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._cut_torn_line(file.fileno())
            os.write(file.fileno(), json.dumps({"anchored_at": instant, "note": note}).encode() + b"\n")
            os.fsync(file.fileno())
        if fresh:
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def notes(self) -> Iterator[str]:
        """Yield every whole note; LedgerFault when a line is not one."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield _note(line)
        except FileNotFoundError:
            return

    def _tail(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                return [line for line in file.readlines() if line.endswith(b"\n")]
        except FileNotFoundError:
            return []

    @staticmethod
    def _cut_torn_line(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        start = max(0, size - TAIL_BYTES)
        tail = os.pread(descriptor, TAIL_BYTES, start)
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def notes_in(text: str) -> Iterator[str]:
    """Yield every whole note in the text of an anchor file; LedgerFault when a line is not one."""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield _note(line.encode())


def _note(line: bytes) -> str:
    try:
        note = json.loads(line)["note"]
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerFault("anchor-damaged", "A line of the anchor file is not a checkpoint.") from error
    if not isinstance(note, str):
        raise LedgerFault("anchor-damaged", "A line of the anchor file is not a checkpoint.")
    return note


def configured() -> Anchor:
    """Return the anchor of this installation."""
    return FileAnchor(Path(settings.LEDGER_ANCHOR_DIR))


def newest_checkpoint(anchor: Anchor) -> Checkpoint | None:
    """Return what the newest anchored note states, its signature checked; LedgerFault when it does not stand."""
    try:
        note = anchor.newest()
    except OSError as error:
        raise LedgerFault("anchor-unreadable", f"The anchor cannot be read: {error.strerror}.") from error
    if note is None:
        return None
    public = keys.load(Path(settings.LEDGER_KEY_FILE)).public_key()
    try:
        return verify_note(note, public, name=settings.REGISTER_NAME)
    except NoteInvalid as error:
        raise LedgerFault("anchor-damaged", f"The newest anchored checkpoint does not stand: {error}.") from error


def refuse_if_forked(using: str, *, thorough: bool = False) -> Checkpoint | None:
    """Return the newest anchored checkpoint; LedgerFault when the tree in the database does not extend it.

    Unless ``thorough``, a kept checkpoint of that size with that root is enough, which is one row to read; otherwise
    the root is worked out from the stored leaves and nodes.
    """
    anchored = newest_checkpoint(configured())
    if anchored is None:
        return None
    kept = LedgerCheckpoint.objects.using(using).filter(size=anchored.size).first()
    if not thorough and kept is not None and bytes(kept.root) == anchored.root:
        return anchored
    size = leaf_count(using)
    if size < anchored.size:
        message = (
            f"The ledger has {size} entries, but a checkpoint over {anchored.size} was anchored: it was rolled back."
        )
        raise LedgerFault("ledger-rolled-back", message)
    try:
        root = tree.root_at(anchored.size, nodes.stored_nodes(using))
    except nodes.NodeMissing as error:
        raise LedgerFault("ledger-damaged", f"The tree has a gap: {error}.") from error
    if root != anchored.root:
        message = (
            f"The first {anchored.size} entries are not those that were anchored: the ledger was forked or rewritten."
        )
        raise LedgerFault("ledger-forked", message)
    return anchored


def anchor_latest() -> int:
    """Anchor the newest checkpoint unless it is anchored already; return the size that the anchor now covers.

    Raises LedgerFault when the ledger does not extend what was anchored, and OSError when the anchor cannot be written.
    """
    using = router.db_for_write(LedgerEvent)
    anchored = refuse_if_forked(using)
    covered = anchored.size if anchored else 0
    head = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    if head is None or head.size <= covered:
        return covered
    configured().keep(head.note, instant=instant_text(database_now(using)))
    return int(head.size)


@dataclass(frozen=True)
class Health:
    """Whether the ledger is covered by an anchor, how far, and since when not. ``reason`` is empty when healthy."""

    healthy: bool
    newest_size: int
    ledger_size: int
    pending: int
    oldest_uncovered_seconds: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)


def health() -> Health:
    """Measure how well the ledger is anchored; never raises for a fault of ledger or anchor, but says it in ``reason``.

    Unhealthy means that the gate denies: the ledger does not extend its anchor, the anchor cannot be read, or an event
    has waited longer than ``LEDGER_ANCHOR_GRACE_SECONDS`` to be covered.
    """
    using = router.db_for_write(LedgerEvent)
    size = leaf_count(using)
    pending = LedgerPending.objects.using(using).count()
    covered, reason = 0, ""
    try:
        anchored = refuse_if_forked(using, thorough=True)
        covered = anchored.size if anchored else 0
    except DomainError as error:
        reason = error.message
    waiting = _oldest_uncovered_seconds(using, covered)
    if not reason and waiting > settings.LEDGER_ANCHOR_GRACE_SECONDS:
        reason = (
            f"An event has waited {waiting} seconds for an anchor; {settings.LEDGER_ANCHOR_GRACE_SECONDS} are allowed."
        )
    return Health(not reason, covered, size, pending, waiting, reason)


def leaf_count(using: str) -> int:
    """Return how many leaves the tree has, by its last index."""
    last = LedgerLeaf.objects.using(using).order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else int(last) + 1


def _oldest_uncovered_seconds(using: str, covered: int) -> int:
    first_leaf = LedgerLeaf.objects.using(using).filter(index__gte=covered).order_by("index").first()
    first_pending = LedgerPending.objects.using(using).order_by("event_id").first()
    waiting = [row.event_id for row in (first_leaf, first_pending) if row is not None]
    instants = LedgerEvent.objects.using(using).filter(id__in=waiting).values_list("instant", flat=True)
    oldest = min(instants, default=None)
    return max(0, int((database_now(using) - oldest).total_seconds())) if oldest else 0
