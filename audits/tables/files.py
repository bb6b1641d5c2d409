"""How is a Parquet or CSV file of this machine opened, and what is refused before anything in it is measured?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from audits.tables.admit import admitted, admitted_unopened, use_of
from audits.tables.asking import quiet, rows_of
from audits.tables.contract import ColumnRoles, EvaluationTable, Task, Unopened, refuse_bad_columns
from audits.tables.dialect import MAX_HEADER_BYTES, Dialect, header_names, typed
from audits.tables.duck import NAME, engine, plain
from audits.tables.scan import ParquetScan
from registry.digests import sha256_of_stream
from registry.errors import DomainError

Format = Literal["parquet", "csv"]
TEXTS = "texts"


def open_file(
    path: Path,
    *,
    format: Format,
    roles: ColumnRoles,
    threshold: float | None = None,
    task: Task = "binary",
    favourable: str | None = None,
    dialect: Mapping[str, Any] | None = None,
    digest: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
    memory_limit: str = "1GB",
) -> EvaluationTable:
    """Open a Parquet or CSV file with DuckDB in this process; a Parquet file is also read in passing.

    The connection may read this one file and nothing else: no network, no extensions, no writing, settings locked.

    Parameters
    ----------
    path : absolute path that the artifact store made; never text from a user.
    format : "parquet" or "csv" (UTF-8, one header line, comma separated unless ``dialect`` says otherwise).
    roles, threshold : see ``ColumnRoles`` and ``EvaluationTable``.
    dialect : what the dataset version declares of a CSV file.
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
    use = use_of(
        roles=roles,
        threshold=threshold,
        task=task,
        favourable=favourable,
        required=required,
        check_values=check_values,
    )
    location, declared = plain(path), Dialect.from_json(dialect)
    if format not in ("parquet", "csv"):
        raise DomainError("unknown-table-format", "A table is read as 'parquet' or 'csv'.", known=["csv", "parquet"])
    if path.stat().st_size == 0:
        raise DomainError("empty-table", "The file of the table is empty.")
    scan = ParquetScan(location)
    names = list(scan.schema.names) if format == "parquet" else _csv_names(path, declared)
    refuse_bad_columns(names, roles)
    if digest is None:
        with path.open("rb") as stream:
            digest, _ = sha256_of_stream(stream)
    threads = 1 if roles.weight else 2

    def read() -> Any:
        backend = engine(allowed=location, memory_limit=memory_limit, threads=threads)
        try:
            return _read(backend, location, format, names, declared)
        except BaseException:
            backend.disconnect()
            raise

    if format == "parquet":
        unopened = Unopened(read, scan)
        try:
            return admitted_unopened(unopened, scan, use, digest=digest)
        except BaseException:
            unopened.close()
            raise
    expression = read()
    try:
        return admitted(expression, use, engine="duckdb", digest=digest)
    except BaseException:
        expression.get_backend().disconnect()
        raise


def read_csv_frame(path: Path, *, dialect: Mapping[str, Any] | None = None, memory_limit: str = "4GB") -> Any:
    """Read a CSV file into a pyarrow Table by the reader of ``open_file``, so both see the same types and blanks.

    The rows keep the order of the file. ``path`` and the connection are limited as in ``open_file``. Raises DomainError
    ``empty-table``, ``duplicate-column``, ``too-many-columns`` and ``unreadable-table``.
    """
    import duckdb

    location, declared = plain(path), Dialect.from_json(dialect)
    names = _csv_names(path, declared)
    refuse_bad_columns(names, ColumnRoles())
    backend = engine(allowed=location, memory_limit=memory_limit, threads=1)
    try:
        _read(backend, location, "csv", names, declared)
        return backend.con.sql(f"FROM {NAME}").to_arrow_table()
    except duckdb.Error as error:
        raise DomainError("unreadable-table", "The file cannot be read as csv.") from error
    finally:
        backend.disconnect()


def parquet_names(location: str, filesystem: Any = None) -> list[str]:
    """Return the column names of a Parquet file; DomainError ``unreadable-table`` when it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return [str(name) for name in pq.read_schema(location, filesystem=filesystem).names]
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DomainError("unreadable-table", "The file cannot be read as parquet.") from error


def _csv_names(path: Path, dialect: Dialect) -> list[str]:
    with path.open("rb") as stream:
        return header_names(stream.readline(MAX_HEADER_BYTES), dialect)


def _words(backend: Any, location: str, found: Any, rules: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns the engine takes for truth values whose texts are others than true and false.

    It also reads "yes" and "no", "t" and "f" so; whoever wrote them meant words, and a model may have learnt words.
    """
    flags = [name for name, kind in found.schema().items() if kind.is_boolean()]
    if not flags:
        return {}
    texts = backend.read_csv(location, table_name=TEXTS, sample_size=-1, types=dict.fromkeys(flags, "VARCHAR"), **rules)
    asked = {f"odd{at}": ~texts[name].lower().isin(["true", "false"]) for at, name in enumerate(flags)}
    odd = rows_of(texts.aggregate(**{key: flag.ifelse(1, 0).sum() for key, flag in asked.items()}))[0]
    return {name: "VARCHAR" for at, name in enumerate(flags) if odd[f"odd{at}"]}


def _read(backend: Any, location: str, format: Format, names: list[str], dialect: Dialect) -> Any:
    """Return the expression of the file, a view of the connection called ``evaluation``."""
    import duckdb

    try:
        with quiet():
            if format == "parquet":
                return backend.read_parquet(location, table_name=NAME)
            given = {"delim": dialect.delimiter, "quote": dialect.quote, "escape": dialect.quote}
            rules: dict[str, Any] = given | {"header": True, "skip": 0, "strict_mode": True}
            if not dialect.declares_values:
                found = backend.read_csv(location, table_name=NAME, sample_size=-1, **rules)
                words = _words(backend, location, found, rules)
                return (
                    backend.read_csv(location, table_name=NAME, sample_size=-1, types=words, **rules)
                    if words
                    else found
                )
            backend.read_csv(location, table_name=TEXTS, all_varchar=True, **rules)
            backend.con.execute(f"CREATE VIEW {NAME} AS {typed(backend.con, TEXTS, names, dialect)}")
            return backend.table(NAME)
    except duckdb.Error as error:
        # the engine's own text may quote a cell of the table, which is personal data: it stays in the cause
        raise DomainError("unreadable-table", f"The file cannot be read as {format}.") from error
