"""Does our SQLite backend keep its promises: pragmas in force, fair turns, no writer refused, nothing left locked?"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction
from django.db.utils import ConnectionHandler

from registry.sqlite.turnstile import TurnNotReached, Turnstile

ALIAS = "default"


def handler(path, **options):
    return ConnectionHandler({ALIAS: {"ENGINE": "registry.sqlite", "NAME": str(path), "OPTIONS": options}})


@pytest.fixture(autouse=True)
def _own_databases(django_db_blocker):
    """These tests open files of their own and never the database of the test run."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def database(tmp_path):
    opened = handler(tmp_path / "test.sqlite3", timeout=0.3)[ALIAS]
    with opened.cursor() as cursor:
        cursor.execute("CREATE TABLE word (text TEXT)")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path):
    opened = handler(tmp_path / "test.sqlite3", timeout=0.3)[ALIAS]
    yield opened
    opened.close()


class Atomic:
    """transaction.atomic for a connection that is not in django.db.connections."""

    def __init__(self, connection, monkeypatch):
        self.connection = connection
        monkeypatch.setattr(transaction, "get_connection", lambda using=None: using)

    def __call__(self):
        return transaction.atomic(using=self.connection)


def words(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM word ORDER BY rowid")
        return [row[0] for row in cursor.fetchall()]


def write(connection, text):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO word VALUES (%s)", [text])


def test_every_pragma_we_rely_on_is_in_force(database):
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "foreign_keys": 1,
    }
    with database.cursor() as cursor:
        for name, answer in expected.items():
            cursor.execute(f"PRAGMA {name}")
            assert cursor.fetchone()[0] == answer, name


def test_a_transaction_has_its_turn_from_begin_to_commit(database, monkeypatch):
    atomic = Atomic(database, monkeypatch)
    with atomic():
        assert database._turnstile.held
        write(database, "one")
        with atomic():
            write(database, "two")
            assert database._turnstile.held
        assert database._turnstile.held
    assert not database._turnstile.held
    assert words(database) == ["one", "two"]


def test_the_turn_ends_on_rollback_and_an_inner_rollback_keeps_it(database, monkeypatch):
    atomic = Atomic(database, monkeypatch)

    def fail():
        with atomic():
            write(database, "lost")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert not database._turnstile.held
    with atomic():
        write(database, "kept")
        with pytest.raises(ValueError, match="no"):
            fail()
        assert database._turnstile.held
    assert words(database) == ["kept"]


def test_the_turn_ends_when_the_connection_is_closed_in_a_transaction(database, other, monkeypatch):
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    write(database, "lost")
    assert database._turnstile.held
    database.close()
    assert not database._turnstile.held
    with Atomic(other, monkeypatch)():
        write(other, "kept")
    assert words(other) == ["kept"]


def test_a_writer_that_does_not_get_its_turn_is_told_and_leaves_the_queue(database, other, monkeypatch):
    atomic = Atomic(database, monkeypatch)
    with atomic():
        write(database, "one")
        with pytest.raises(OperationalError, match="database is locked"):
            transaction.atomic(using=other).__enter__()
        assert not other._turnstile.held
    with transaction.atomic(using=other):
        write(other, "two")
    with atomic():
        write(database, "three")
    assert words(database) == ["one", "two", "three"]


def test_a_reader_sees_one_state_and_keeps_nobody_waiting(database, other, monkeypatch):
    atomic = Atomic(database, monkeypatch)
    with atomic():
        write(database, "one")
    reader = other
    monkeypatch.setattr(reader, "alias", reader)
    with reader.snapshot():
        assert words(reader) == ["one"]
        with transaction.atomic(using=database):
            write(database, "two")
        assert words(reader) == ["one"]
    assert words(reader) == ["one", "two"]
    with transaction.atomic(using=reader):
        assert reader._turnstile.held


def test_a_database_in_memory_works_without_a_lock_file(monkeypatch):
    opened = handler(":memory:")[ALIAS]
    with opened.cursor() as cursor:
        cursor.execute("CREATE TABLE word (text TEXT)")
    with Atomic(opened, monkeypatch)():
        write(opened, "one")
    assert opened._turnstile is None
    assert words(opened) == ["one"]
    opened.connection.close()


def test_another_transaction_mode_is_refused(tmp_path):
    opened = handler(tmp_path / "x.sqlite3", transaction_mode="DEFERRED")[ALIAS]
    with pytest.raises(ImproperlyConfigured, match="IMMEDIATE"):
        opened.ensure_connection()


def test_an_abandoned_wait_does_not_keep_the_lock(tmp_path):
    first, second, third = (Turnstile(tmp_path / "turn") for _ in range(3))
    first.enter(1)
    with pytest.raises(TurnNotReached):
        second.enter(0.05)
    with pytest.raises(RuntimeError, match="already"):
        first.enter(1)
    first.leave()
    first.leave()
    third.enter(5)
    assert third.held
    third.leave()


def test_threads_of_one_process_exclude_each_other(tmp_path):
    inside, most, done = 0, 0, []

    def work():
        nonlocal inside, most
        turn = Turnstile(tmp_path / "turn")
        for _ in range(20):
            turn.enter(20)
            inside += 1
            most = max(most, inside)
            time.sleep(0.0005)
            inside -= 1
            turn.leave()
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
    assert most == 1


WRITER = """
import sys, time
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "registry.sqlite", "NAME": sys.argv[1]}}, INSTALLED_APPS=[], USE_TZ=True
)
import django
django.setup()
from django.db import connection, transaction
connection.ensure_connection()
print("ready", flush=True)
sys.stdin.readline()
end, worst, count = time.monotonic() + 1.5, 0.0, 0
while time.monotonic() < end:
    start = time.monotonic()
    with transaction.atomic(), connection.cursor() as cursor:
        worst = max(worst, time.monotonic() - start)
        cursor.execute("SELECT COUNT(*) FROM word")
        cursor.execute("INSERT INTO word VALUES (%s)", [sys.argv[2]])
    count += 1
print(count, worst, flush=True)
"""


@pytest.mark.thorough
def test_eight_writing_processes_all_get_on_and_none_is_refused(database, tmp_path):
    path = str(tmp_path / "test.sqlite3")
    root = str(Path(__file__).parents[2])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(number)],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    assert all(writer.stdout.readline() == "ready\n" for writer in writers)
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    answers = [writer.communicate(timeout=60) for writer in writers]
    assert [errors for _, errors in answers if errors] == []
    counts = [int(out.split()[0]) for out, _ in answers]
    assert min(counts) > 0
    assert len(words(database)) == sum(counts)
