"""How is a table of a PostgreSQL database opened: read-only, from one snapshot, and never by a name that is no name?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from audits.tables.admit import admitted, use_of
from audits.tables.asking import quiet
from audits.tables.contract import ColumnRoles, EvaluationTable, Task, refuse_bad_columns
from registry.errors import DomainError

IDENTIFIER = re.compile(r"\A[A-Za-z_][A-Za-z0-9_$]{0,62}\Z")


def open_postgres(
    dsn: str,
    *,
    table: str,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
    timeout_seconds: int = 120,
) -> EvaluationTable:
    """Open ``table`` ("name" or "schema.name") of the PostgreSQL database at ``dsn`` through Ibis.

    All questions to the table are answered from one read-only REPEATABLE READ snapshot taken here, each within
    ``timeout_seconds``. Raises DomainError ``unknown-table``, ``table-source-unavailable``, else as ``open_file``.
    """
    import ibis
    import psycopg

    use = use_of(
        roles=roles,
        threshold=threshold,
        task=task,
        favourable=favourable,
        required=required,
        check_values=check_values,
    )
    parts = table.split(".")
    if len(parts) > 2 or not all(IDENTIFIER.match(part) for part in parts):
        raise DomainError("unknown-table", "A table is named 'name' or 'schema.name' in plain identifiers.")
    if any(part.lower().startswith("pg_") or part.lower() == "information_schema" for part in parts):
        raise DomainError("unknown-table", "The catalogue of the database holds no table to measure.", kind="not-found")
    # one worker per query: parallel workers add floating-point weights in an order that changes between runs
    options = f"-c statement_timeout={timeout_seconds * 1000} -c max_parallel_workers_per_gather=0"
    try:
        connection = psycopg.connect(dsn, options=options, connect_timeout=10)
    except psycopg.Error as error:  # what cannot be parsed is quoted by the library: it stays in the cause
        message = "The database of the evaluation table cannot be reached."
        raise DomainError("table-source-unavailable", message, kind="unavailable") from error
    try:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT 1")
        with quiet():
            backend = ibis.postgres.from_connection(connection)
            schema = parts[0] if len(parts) == 2 else None
            try:
                expression = backend.table(parts[-1], database=schema)
            except ibis.common.exceptions.TableNotFound:
                message = f"There is no table {table!r} in the database."
                raise DomainError("unknown-table", message, kind="not-found") from None
        refuse_bad_columns(list(expression.columns), roles)
        return admitted(expression, use, engine="postgres", digest=None)
    except BaseException:
        connection.close()
        raise
