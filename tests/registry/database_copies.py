"""How is a database really put back to an older copy? A file copy for SQLite, a copied database for PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import connection, connections

from tests.services import url_of


class Copy:
    """A copy of the test's database as it was; ``restore`` puts it in the place of the database."""

    def __init__(self, folder: Path) -> None:
        self.name = f"copy_{uuid4().hex[:12]}"
        self.file = folder / f"{self.name}.sqlite3"
        if connection.vendor == "sqlite":
            with sqlite3.connect(connection.settings_dict["NAME"]) as source, sqlite3.connect(self.file) as target:
                source.backup(target)
            source.close()
            target.close()
            return
        connections.close_all()
        with _maintenance() as (execute, database):
            execute("CREATE DATABASE {} TEMPLATE {}", self.name, database)

    def restore(self) -> None:
        """Put the copy in the place of the database; whoever is connected to the present one is cut off."""
        connections.close_all()
        if connection.vendor == "sqlite":
            present = Path(connection.settings_dict["NAME"])
            for suffix in ("-wal", "-shm"):
                present.with_name(present.name + suffix).unlink(missing_ok=True)
            with sqlite3.connect(self.file) as source, sqlite3.connect(present) as target:
                source.backup(target)
            source.close()
            target.close()
            return
        with _maintenance() as (execute, database):
            execute("DROP DATABASE {} WITH (FORCE)", database)
            execute("CREATE DATABASE {} TEMPLATE {}", database, self.name)

    def forget(self) -> None:
        """Remove the copy."""
        if connection.vendor == "postgresql":
            with _maintenance() as (execute, _database):
                execute("DROP DATABASE {} WITH (FORCE)", self.name)


@contextmanager
def _maintenance() -> Iterator[Any]:
    import psycopg
    from psycopg import sql

    name = connection.settings_dict["NAME"]
    with psycopg.connect(url_of({**connection.settings_dict, "NAME": "postgres"}), autocommit=True) as server:

        def execute(statement: str, *names: str) -> None:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

        yield execute, name
