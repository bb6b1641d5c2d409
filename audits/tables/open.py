"""How is an evaluation table opened, by which engine, and what is refused before anything is measured?"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from audits.tables.asking import quiet, summary
from audits.tables.contract import (
    ColumnRoles,
    EvaluationTable,
    Task,
    refuse_bad_columns,
    refuse_bad_threshold,
    refuse_missing_roles,
)
from audits.tables.faults import value_faults
from registry.digests import digest_of, sha256_hex, sha256_of_stream
from registry.errors import DomainError

Format = Literal["parquet", "csv"]
REQUIRED: dict[Task, tuple[str, ...]] = {
    "binary": ("target", "score"),
    "multiclass": ("target",),
    "regression": ("target", "prediction"),
}
MAX_HEADER_BYTES = 1 << 20
IDENTIFIER = re.compile(r"\A[A-Za-z_][A-Za-z0-9_$]{0,62}\Z")
PLAIN_PATH = re.compile(r"\A/[A-Za-z0-9_./ ~@+=,:-]+\Z")


def open_file(
    path: Path,
    *,
    format: Format,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
    memory_limit: str = "1GB",
) -> EvaluationTable:
    """Open a Parquet or CSV file with DuckDB in this process.

    The connection may read this one file and nothing else: no network, no extensions, no writing, settings locked.

    Parameters
    ----------
    path : absolute path that the artifact store made; never text from a user.
    format : "parquet" or "csv" (UTF-8, comma separated, one header line).
    roles, threshold : see ``ColumnRoles`` and ``EvaluationTable``.
    digest : SHA-256 of the bytes where the caller has it verified already; computed otherwise.
    required : roles that must be played.
    check_values : refuse bad labels, scores and weights by one scan of the table.

    Raises
    ------
    DomainError
        ``missing-column-role``, ``unknown-column``, ``duplicate-column``, ``too-many-columns``, ``empty-table``,
        ``unreadable-table``, ``unknown-table-format``, ``threshold-outside-0-1`` and the codes of
        ``refuse_bad_values``.
    """
    refuse_missing_roles(roles, required_roles(task, required))
    refuse_bad_threshold(threshold)
    location = _plain(path)
    if format not in ("parquet", "csv"):
        raise DomainError("unknown-table-format", "A table is read as 'parquet' or 'csv'.", known=["csv", "parquet"])
    if path.stat().st_size == 0:
        raise DomainError("empty-table", "The file of the table is empty.")
    names = _parquet_columns(path) if format == "parquet" else _csv_columns(path)
    refuse_bad_columns(names, roles)
    if digest is None:
        with path.open("rb") as stream:
            digest, _ = sha256_of_stream(stream)
    backend = _duckdb(allowed=location, memory_limit=memory_limit, threads=1 if roles.weight else 2)
    try:
        table = _read(backend, location, format)
        return _finish(
            table, roles, threshold, task, favourable, engine="duckdb", digest=digest, check_values=check_values
        )
    except BaseException:
        backend.disconnect()
        raise


def read_csv_frame(path: Path, *, memory_limit: str = "4GB") -> Any:
    """Read a CSV file into a pyarrow Table by the reader of ``open_file``, so both see the same types and blanks.

    The rows keep the order of the file. ``path`` and the connection are limited as in ``open_file``. Raises DomainError
    ``empty-table``, ``duplicate-column``, ``too-many-columns`` and ``unreadable-table``.
    """
    import duckdb

    location = _plain(path)
    refuse_bad_columns(_csv_columns(path), ColumnRoles())
    backend = _duckdb(allowed=location, memory_limit=memory_limit, threads=1)
    try:
        _read(backend, location, "csv")
        return backend.con.sql("SELECT * FROM evaluation").to_arrow_table()
    except duckdb.Error as error:
        raise DomainError("unreadable-table", "The file cannot be read as csv.") from error
    finally:
        backend.disconnect()


def open_frame(
    frame: Any,
    *,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
) -> EvaluationTable:
    """Open a pandas DataFrame or a pyarrow Table that is in memory already; NaN in a DataFrame counts as missing.

    Without ``digest`` the digest is the SHA-256 of the table's Arrow stream. Raises as ``open_file`` does.
    """
    import pyarrow as pa

    refuse_missing_roles(roles, required_roles(task, required))
    refuse_bad_threshold(threshold)
    names = [str(name) for name in (frame.column_names if isinstance(frame, pa.Table) else frame.columns)]
    refuse_bad_columns(names, roles)
    arrow = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    backend = _duckdb(allowed=None, memory_limit="4GB", threads=1 if roles.weight else 2)
    try:
        engine = backend.con
        engine.register("given", arrow)
        engine.execute("CREATE TABLE evaluation AS SELECT * FROM given")
        engine.unregister("given")
        with quiet():
            table = backend.table("evaluation")
        return _finish(
            table,
            roles,
            threshold,
            task,
            favourable,
            engine="duckdb",
            digest=digest or _arrow_digest(arrow),
            check_values=check_values,
        )
    except BaseException:
        backend.disconnect()
        raise


def with_scores(
    frame: Any,
    scores: Any,
    *,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
) -> EvaluationTable:
    """Open a table after adding what a model said of its rows, in row order, under the names the roles give it.

    ``scores``: of a binary model one number a row, under ``roles.score``; of a multiclass one an array (rows, classes)
    whose columns are those of ``roles.class_scores``; of a regression one number a row, under ``roles.prediction``.
    Raises DomainError ``score-length-mismatch`` unless there is exactly one score per row and column, else as
    ``open_frame``.
    """
    import numpy as np
    import pyarrow as pa

    answers = {"binary": "score", "multiclass": "class_scores", "regression": "prediction"}
    refuse_missing_roles(roles, (*required_roles(task, required), answers[task]))
    arrow = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame, preserve_index=False)
    given = np.asarray(scores, dtype=np.float64)
    names = [column for _, column in roles.class_scores] if task == "multiclass" else [getattr(roles, answers[task])]
    if given.shape != ((arrow.num_rows, len(names)) if task == "multiclass" else (arrow.num_rows,)):
        message = f"The model gave {len(given)} scores for {arrow.num_rows} rows."
        raise DomainError("score-length-mismatch", message, scores=len(given), rows=arrow.num_rows)
    for place, name in enumerate(names):
        if name in arrow.column_names:
            arrow = arrow.drop_columns([name])
        arrow = arrow.append_column(name, pa.array(given if given.ndim == 1 else given[:, place], type=pa.float64()))
    return open_frame(
        arrow, roles=roles, threshold=threshold, task=task, favourable=favourable, digest=digest, required=required
    )


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

    refuse_missing_roles(roles, required_roles(task, required))
    refuse_bad_threshold(threshold)
    parts = table.split(".")
    if len(parts) > 2 or not all(IDENTIFIER.match(part) for part in parts):
        raise DomainError("unknown-table", "A table is named 'name' or 'schema.name' in plain identifiers.")
    # one worker per query: parallel workers add floating-point weights in an order that changes between runs
    options = f"-c statement_timeout={timeout_seconds * 1000} -c max_parallel_workers_per_gather=0"
    try:
        connection = psycopg.connect(dsn, options=options, connect_timeout=10)
    except psycopg.OperationalError as error:
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
                raise DomainError("unknown-table", f"There is no table {table!r} in the database.") from None
        refuse_bad_columns(list(expression.columns), roles)
        return _finish(
            expression, roles, threshold, task, favourable, engine="postgres", digest=None, check_values=check_values
        )
    except BaseException:
        connection.close()
        raise


def required_roles(task: Task, required: Iterable[str] | None) -> tuple[str, ...]:
    """Return the roles that must be played: those asked for, or what any measurement of the task begins with."""
    return REQUIRED[task] if required is None else tuple(required)


def refuse_bad_values(table: EvaluationTable) -> None:
    """Raise DomainError unless outcomes, scores, predictions and weights are what the table's task asks of them.

    Codes: ``label-not-a-number``, ``label-missing``, ``label-outside-0-1``, ``label-not-finite``, ``one-class-target``,
    ``too-many-classes``, ``class-scores-not-one``, ``score-not-a-number``, ``score-outside-0-1``,
    ``prediction-missing``, ``prediction-outside-0-1``, ``prediction-not-finite``, ``weight-not-positive``. One scan of
    the table.
    """
    for fault in value_faults(table):
        raise DomainError(fault.code, fault.message, **fault.context)


def _finish(
    expression: Any,
    roles: ColumnRoles,
    threshold: float | None,
    task: Task,
    favourable: str | None,
    *,
    engine: str,
    digest: str | None,
    check_values: bool,
) -> EvaluationTable:
    """Count, identify and check an expression whose columns are known to be there."""
    facts = summary(expression, roles.columns(), per_column=digest is None)
    if facts["rows"] == 0:
        raise DomainError("empty-table", "The table has no rows.")
    kind = "bytes" if digest is not None else "summary"
    found = EvaluationTable(
        expression,
        roles,
        threshold,
        digest or digest_of(facts),
        facts["rows"],
        engine,
        kind,
        task,
        favourable,
    )
    if check_values:
        refuse_bad_values(found)
    return found


def _duckdb(*, allowed: str | None, memory_limit: str, threads: int) -> Any:
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


def _plain(path: Path) -> str:
    location = str(path.resolve())
    if not PLAIN_PATH.match(location):
        raise ValueError("the path of a stored table holds characters that the artifact store never writes")
    return location


def _read(backend: Any, location: str, format: Format) -> Any:
    import duckdb

    try:
        with quiet():
            if format == "parquet":
                return backend.read_parquet(location, table_name="evaluation")
            return backend.read_csv(
                location,
                table_name="evaluation",
                header=True,
                delim=",",
                quote='"',
                escape='"',
                sample_size=-1,
                skip=0,
                strict_mode=True,
            )
    except duckdb.Error as error:
        # the engine's own text may quote a cell of the table, which is personal data: it stays in the cause
        raise DomainError("unreadable-table", f"The file cannot be read as {format}.") from error


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DomainError("unreadable-table", "The file cannot be read as parquet.") from error


def _csv_columns(path: Path) -> list[str]:
    with path.open("rb") as stream:
        line = stream.readline(MAX_HEADER_BYTES)
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in line:
        raise DomainError("unreadable-table", "The CSV file is not UTF-8 text.")
    try:
        rows = list(csv.reader([line.decode("utf-8-sig")], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DomainError(
            "unreadable-table", "The header line of the CSV file cannot be read as UTF-8 text."
        ) from error
    if not rows or not any(rows[0]):
        raise DomainError("empty-table", "The CSV file has no header line.")
    return rows[0]


def _arrow_digest(arrow: Any) -> str:
    import pyarrow as pa

    plain = arrow.combine_chunks().replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return sha256_hex(sink.getvalue().to_pybytes())
