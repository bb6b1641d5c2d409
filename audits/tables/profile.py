"""What is in an uploaded table? Read in a process of its own, away from the web process.

``python -m audits.tables.profile`` takes a request and gives an answer, each one line of JSON: neither the engine nor a
hostile file gets near the process that answers requests.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audits.tables.open import open_dataset
from registry.errors import DomainError

MAX_ROWS = 20_000_000
MAX_UNPACKED_BYTES = 4 * 2**30
MEMORY_BYTES = 6 * 2**30
PROCESSOR_SECONDS = 30


def refuse_too_large(path: Path, format: str) -> None:
    """Refuse a Parquet file whose own footer declares more rows or bytes than are read; a few bytes can hold many rows.

    Raises DomainError ``table-too-large``, or ``unreadable-table`` for a file without a readable footer.
    """
    if format != "parquet" or path.stat().st_size == 0:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        unpacked = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
        rows = footer.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DomainError("unreadable-table", "The file cannot be read as parquet.") from error
    if rows > MAX_ROWS or unpacked > MAX_UNPACKED_BYTES:
        message = f"At most {MAX_ROWS:,} rows and {MAX_UNPACKED_BYTES // 2**30} GiB unpacked are read."
        raise DomainError("table-too-large", message, kind="too-large", rows=rows, unpacked_bytes=unpacked)


def profile(request: dict[str, Any]) -> dict[str, Any]:
    """Return row count, columns and digest of a table, after refusing bad values as ``open_dataset`` does.

    ``request``: ``described`` (see ``open_dataset``) with its ``task``, and ``path``, or ``sources`` with the settings of
    the one that holds the table. ``columns``: name and type of each, in order.
    """
    described = request["described"]
    path = Path(request["path"]) if request["path"] else None
    if path is not None:
        refuse_too_large(path, described["format"])
    table = open_dataset(
        described, path=path, sources=request["sources"], task=described["task"], required=required_of(described)
    )
    try:
        schema = table.table.schema()
        columns = [{"name": name, "type": str(schema[name])} for name in schema.names]
        return {"rows": table.rows, "columns": columns, "digest": table.digest}
    finally:
        table.close()


def required_of(described: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the roles without which a table says nothing: the outcome, and what a model said where it is named."""
    said = [role for role in ("score", "prediction", "class_scores") if described["roles"].get(role)]
    return ("target", *said)


def main() -> None:
    """Answer one request, with bounded memory and processor time."""
    request = json.loads(sys.stdin.readline())
    if not any(source["kind"] == "spark" for source in request["sources"].values()):
        # a Java machine reserves more addresses and uses more processor time than any file we read may
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    try:
        answer = profile(request)
    except DomainError as error:
        answer = {"error": {"code": error.code, "message": error.message, "context": error.context, "kind": error.kind}}
    sys.stdout.write(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
