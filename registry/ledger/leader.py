"""Who may sequence now? One leader at a time, and a leader that lost its turn cannot write."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections, transaction

ADVISORY_LOCK = 0x6C65_6467_6572_0001
"""The word "ledger" and a number: the one session-independent lock of the sequencer on PostgreSQL."""

_in_memory = threading.Lock()


@contextmanager
def leading(using: str) -> Iterator[bool]:
    """Open the sequencer's transaction and yield True if this process leads; yield False at once if another does.

    On PostgreSQL the lock belongs to the transaction itself, so it cannot be lost while the writes are kept. On SQLite
    it is a file lock beside the database, and the transaction has the write lock before it reads where the tree ends.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        with transaction.atomic(using=using):
            yield _try_advisory_lock(using)
        return
    with _side_lock(_database_file(using)) as taken:
        if not taken:
            yield False
            return
        with transaction.atomic(using=using):
            yield True


def _try_advisory_lock(using: str) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        return bool(cursor.fetchone()[0])


def _database_file(using: str) -> str:
    with connections[using].cursor() as cursor:
        cursor.execute("PRAGMA database_list")
        return next((str(path) for _, name, path in cursor.fetchall() if name == "main"), "")


@contextmanager
def _side_lock(database: str) -> Iterator[bool]:
    if not database:
        taken = _in_memory.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                _in_memory.release()
        return
    handle = os.open(Path(f"{database}.sequencer"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
