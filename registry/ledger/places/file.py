"""How does a file on another volume keep checkpoints? One JSON line each, only ever appended to and synced."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from registry.digests import sha256_hex
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.places.contract import Receipt

TAIL_BYTES = 64 * 1024
FILE_NAME = "checkpoints.jsonl"


class FileAnchor:
    """A file of one JSON line per checkpoint; best on another volume, and in other hands."""

    slug = "file"
    remote = False

    def __init__(self, directory: Path) -> None:
        self.path = Path(directory) / FILE_NAME

    def newest(self) -> str | None:
        """Return the last whole note in the file, or None when there is none yet."""
        lines = self._tail()
        return _note(lines[-1]) if lines else None

    def keep(self, note: str, *, instant: str) -> Receipt:
        """Append ``note`` and sync file and folder. A torn last line, left by a crash, is cut off first."""
        try:
            self._append(json.dumps({"anchored_at": instant, "note": note}).encode() + b"\n")
        except OSError as error:
            raise AnchorDown(self.slug, f"{error.strerror}.") from error
        return {"file": FILE_NAME, "note_sha256": sha256_hex(note.encode())}

    def confirm(self, note: str, receipt: Receipt) -> str:
        """Find ``note`` in the file."""
        if note not in set(self.notes()):
            raise LedgerFault("anchor-receipt-false", "The anchor file does not hold the checkpoint of this receipt.")
        return f"a line of {FILE_NAME}"

    def notes(self) -> Iterator[str]:
        """Yield every whole note; LedgerFault when a line is not one."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if line.endswith(b"\n"):
                        yield _note(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise AnchorDown(self.slug, f"{error.strerror}.") from error

    def newest_until(self, instant: str) -> str | None:
        """Return the last note that was here at ``instant``, as the ledger writes instants; the tail is read first."""
        held = [line for line in self._tail() if (kept := _anchored_at(line)) and kept <= instant]
        if not held and self.path.exists():
            with self.path.open("rb") as file:
                held = [line for line in file if line.endswith(b"\n") and "" < _anchored_at(line) <= instant]
        return _note(held[-1]) if held else None

    def _append(self, line: bytes) -> None:
        fresh = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._cut_torn_line(file.fileno())
            os.write(file.fileno(), line)
            os.fsync(file.fileno())
        if fresh:
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _tail(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                return [line for line in file.readlines() if line.endswith(b"\n")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AnchorDown(self.slug, f"{error.strerror}.") from error

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


def _anchored_at(line: bytes) -> str:
    """Return when a line was appended; empty where that cannot be read: the first of a tail may be cut."""
    try:
        return str(json.loads(line)["anchored_at"])
    except (ValueError, KeyError, TypeError):
        return ""


def _note(line: bytes) -> str:
    try:
        note = json.loads(line)["note"]
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerFault("anchor-damaged", "A line of the anchor file is not a checkpoint.") from error
    if not isinstance(note, str):
        raise LedgerFault("anchor-damaged", "A line of the anchor file is not a checkpoint.")
    return note
