"""What may the engine in this process reach? One file or one given table, and nothing else of machine or network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from audits.tables.asking import quiet

PLAIN_PATH = re.compile(r"\A/[A-Za-z0-9_./ ~@+=,:-]+\Z")
NAME = "evaluation"


def engine(*, allowed: str | None, memory_limit: str, threads: int) -> Any:
    """Return an Ibis backend on an in-memory DuckDB that can reach at most one file of the machine."""
    import duckdb
    import ibis

    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(":memory:", config=config)
    with quiet():
        backend = ibis.duckdb.from_connection(connection)
    connection.execute(f"SET memory_limit='{memory_limit}'")
    connection.execute(f"SET threads={int(threads)}")
    connection.execute("SET temp_directory=''")
    if allowed is not None:
        connection.execute(f"SET allowed_paths=['{allowed}']")
    connection.execute("SET enable_external_access=false")
    connection.execute("SET lock_configuration=true")
    return backend


def plain(path: Path) -> str:
    """Return the path as text that needs no quoting; ValueError for one that the artifact store would not write."""
    location = str(path.resolve())
    if not PLAIN_PATH.match(location):
        raise ValueError("the path of a stored table holds characters that the artifact store never writes")
    return location


def quoted(name: str) -> str:
    """Return an identifier as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text literal as SQL."""
    return "'" + value.replace("'", "''") + "'"
