"""How does Cadastre open SQLite? WAL, full sync, immediate transactions behind a fair lock, and walls that stay up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction
from django.db.backends.sqlite3 import base

from registry.sqlite.turnstile import TurnNotReached, Turnstile

DEFAULT_TIMEOUT_SECONDS = 20.0
PRAGMAS = {"synchronous": ("FULL", 2), "recursive_triggers": ("ON", 1), "trusted_schema": ("OFF", 0)}
"""Set and then asked for at each connection: name to (what is set, what must be answered)."""


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection. A transaction waits for its turn before BEGIN IMMEDIATE and lets go however it ends."""

    # SQLite 3.40 refuses its own json_valid() in a CHECK under trusted_schema=OFF: JSON columns go without that check.
    data_type_check_constraints = {
        name: check for name, check in base.DatabaseWrapper.data_type_check_constraints.items() if name != "JSONField"
    }
    transaction_mode: str | None
    _turnstile: Turnstile | None = None
    _reading = False

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's parameters with immediate transactions and a patient busy timeout."""
        params: dict[str, Any] = super().get_connection_params()
        params.setdefault("timeout", DEFAULT_TIMEOUT_SECONDS)
        if self.transaction_mode not in {None, "IMMEDIATE"}:
            raise ImproperlyConfigured("registry.sqlite runs IMMEDIATE transactions only.")
        self.transaction_mode = "IMMEDIATE"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Open the database and assert that each pragma we rely on is in force."""
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        try:
            file = next((path for _, name, path in connection.execute("PRAGMA database_list") if name == "main"), "")
            self._turnstile = Turnstile(Path(f"{file}.turn")) if file else None
            if self._turnstile is not None:
                self._keep_write_ahead_log(connection, self._turnstile)
            for name, (value, answer) in PRAGMAS.items():
                connection.execute(f"PRAGMA {name} = {value}")
                _require(connection, name, answer)
            _require(connection, "foreign_keys", 1)
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep_write_ahead_log(self, connection: sqlite3.Connection, turnstile: Turnstile) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            with self._turn(turnstile):
                connection.execute("PRAGMA journal_mode = WAL")
        _require(connection, "journal_mode", "wal")

    @contextmanager
    def _turn(self, turnstile: Turnstile) -> Iterator[None]:
        self._enter(turnstile)
        try:
            yield
        finally:
            turnstile.leave()

    def _enter(self, turnstile: Turnstile) -> None:
        timeout = float(self.settings_dict["OPTIONS"].get("timeout", DEFAULT_TIMEOUT_SECONDS))
        try:
            turnstile.enter(timeout)
        except TurnNotReached as error:
            raise OperationalError(f"database is locked: {error}") from error

    def _start_transaction_under_autocommit(self) -> None:
        if self._reading:
            self.cursor().execute("BEGIN DEFERRED")
            return
        turnstile = self._turnstile
        if turnstile is None:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs omit it
            return
        self._enter(turnstile)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs omit it
        except BaseException:
            turnstile.leave()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]  # the stubs omit it
        self._let_go()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # the stubs omit it
        finally:
            self._let_go()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # the stubs omit it
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._turnstile is not None:
            self._turnstile.leave()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one committed state without keeping writers waiting; inside a transaction, what that sees."""
        if self.in_atomic_block:
            yield
            return
        self._reading = True
        try:
            with transaction.atomic(using=self.alias):
                self._reading = False
                yield
        finally:
            self._reading = False


def _require(connection: sqlite3.Connection, name: str, answer: object) -> None:
    given = connection.execute(f"PRAGMA {name}").fetchone()
    if given is None or given[0] != answer:
        raise ImproperlyConfigured(f"SQLite answers {given!r} to PRAGMA {name}; {answer!r} is required.")
