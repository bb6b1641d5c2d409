"""How is a Parquet or CSV file in an object store opened: streamed by pyarrow, asked by the engine in this process?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.tables.admit import Use, admitted
from audits.tables.asking import quiet
from audits.tables.contract import EvaluationTable, refuse_bad_columns
from audits.tables.dialect import MAX_HEADER_BYTES, Dialect, header_names, typed
from audits.tables.duck import NAME, engine
from audits.tables.files import TEXTS, Format, parquet_names
from audits.tables.scan import ParquetScan
from registry.errors import DomainError

MEMORY = "1GB"


def open_object(
    source: Mapping[str, Any], *, locator: str, format: Format, use: Use, dialect: Mapping[str, Any] | None = None
) -> EvaluationTable:
    """Open the object ``locator`` below the prefix of a configured bucket.

    The file is never read whole: each question streams the columns it needs. Raises DomainError ``unknown-table``,
    ``table-source-unavailable``, else as ``open_file``.
    """
    import pyarrow as pa

    location = f"{source['bucket']}/{source.get('prefix', '').strip('/')}/{locator}".replace("//", "/")
    try:
        return _open(filesystem(source), location, format, use, Dialect.from_json(dialect))
    except FileNotFoundError:
        raise DomainError("unknown-table", "There is no such table in the source.", kind="not-found") from None
    except (OSError, pa.ArrowException) as error:
        # the library's own text may name the store and its account: it stays in the cause
        message = "The store of the evaluation table cannot be reached, or gave no whole answer."
        raise DomainError("table-source-unavailable", message, kind="unavailable") from error


def filesystem(source: Mapping[str, Any]) -> Any:
    """Return pyarrow's client of the store; without keys in the configuration it looks for them as AWS tools do."""
    from urllib.parse import urlsplit

    import pyarrow.fs

    given = {name: source[name] for name in ("region", "access_key", "secret_key", "session_token") if source.get(name)}
    if endpoint := source.get("endpoint"):
        try:
            parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        except ValueError:
            raise OSError("the endpoint is no address") from None
        given |= {"scheme": parts.scheme, "endpoint_override": parts.netloc}
    return pyarrow.fs.S3FileSystem(connect_timeout=10, request_timeout=60, **given)


def _open(store: Any, location: str, format: Format, use: Use, dialect: Dialect) -> EvaluationTable:
    size = store.get_file_info(location)
    if size.type.name == "NotFound":
        raise FileNotFoundError
    if size.size == 0:
        raise DomainError("empty-table", "The file of the table is empty.")
    if format == "csv":
        with store.open_input_stream(location) as stream:
            line = stream.read(MAX_HEADER_BYTES).split(b"\n", 1)[0]
        names = header_names(line, dialect)
    else:
        names = parquet_names(location, store)
    refuse_bad_columns(names, use.roles)

    backend = engine(allowed=None, memory_limit=MEMORY, threads=1 if use.roles.weight else 2)
    try:
        expression = _registered(backend, (store, location), format, names, dialect)
        scan = ParquetScan(location, store) if format == "parquet" else None
        return admitted(expression, use, engine="duckdb", digest=None, scan=scan)
    except BaseException:
        backend.disconnect()
        raise


def _registered(backend: Any, place: tuple[Any, str], format: Format, names: list[str], dialect: Dialect) -> Any:
    """Return the expression of the object, which the engine asks pyarrow for batch by batch."""
    import duckdb
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.dataset

    store, location = place
    if format == "parquet":
        found = pa.dataset.dataset(location, filesystem=store, format="parquet")
        backend.con.register(NAME, found)
    else:
        convert = pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=False,
        )
        parse = pa.csv.ParseOptions(delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=True)
        rules = pa.dataset.CsvFileFormat(parse_options=parse, convert_options=convert)
        backend.con.register(TEXTS, pa.dataset.dataset(location, filesystem=store, format=rules))
        try:
            backend.con.execute(f"CREATE VIEW {NAME} AS {typed(backend.con, TEXTS, names, dialect)}")
        except duckdb.Error as error:
            raise DomainError("unreadable-table", "The file cannot be read as csv.") from error
    with quiet():
        return backend.table(NAME)
