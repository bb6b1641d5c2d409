"""Who writes next? A file lock beside the database, taken before BEGIN, that serves waiting writers in fair order.

SQLite's own busy handler sleeps and retries, so that one writer can starve while another commits thousands of times.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class TurnNotReached(TimeoutError):
    """Another writer kept the lock for longer than we may wait."""


class Turnstile:
    """The turn of one connection. Each turn opens the file anew, so that threads of one process exclude each other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this connection has its turn now."""
        return self._handle is not None

    def enter(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for the turn; TurnNotReached after that. Entering twice is an error."""
        if self._handle is not None:
            raise RuntimeError("this connection has its turn already")
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _Wait(handle).within(timeout):
                raise TurnNotReached(f"no turn to write within {timeout:g} s") from None
        except OSError:
            os.close(handle)
            raise
        self._handle = handle

    def leave(self) -> None:
        """Give the turn to the next; harmless when it is not held."""
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_UN)
            finally:
                os.close(handle)


class _Wait:
    """One wait in the kernel's queue. A waiting flock cannot be interrupted, so a thread of its own waits for it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._settled = threading.Event()
        self._guard = threading.Lock()
        self._abandoned = False
        self._error: OSError | None = None
        threading.Thread(target=self._queue, name="sqlite-turn", daemon=True).start()

    def _queue(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._guard:
            if self._abandoned:
                os.close(self._handle)
            self._settled.set()

    def within(self, timeout: float) -> bool:
        """Return True when the lock was given in time; else the handle is closed as soon as the kernel lets go."""
        self._settled.wait(timeout)
        with self._guard:
            if not self._settled.is_set():
                self._abandoned = True
                return False
        if self._error is not None:
            os.close(self._handle)
            raise self._error
        return True
