"""How is any table opened, wherever it is? By one of these, according to what holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from audits.tables.admit import refuse_bad_values, use_of
from audits.tables.contract import ColumnRoles, EvaluationTable, Task
from audits.tables.duck import plain
from audits.tables.files import open_file, read_csv_frame
from audits.tables.frames import open_frame, with_scores
from audits.tables.postgres import open_postgres
from audits.tables.sources import FILES, NONE, Sources, source_named
from registry.errors import DomainError
from registry.snapshots import snapshot_digest

__all__ = [
    "open_dataset",
    "open_file",
    "open_frame",
    "open_postgres",
    "read_csv_frame",
    "refuse_bad_values",
    "with_scores",
]


def open_dataset(
    described: Mapping[str, Any],
    *,
    path: Path | None = None,
    sources: Sources = NONE,
    task: Task = "binary",
    threshold: float | None = None,
    favourable: str | None = None,
    required: Iterable[str] | None = None,
    check_values: bool = True,
) -> EvaluationTable:
    """Open the table of a dataset version where it lies.

    Parameters
    ----------
    described : the version: ``format``, ``roles``, ``dialect``, and either ``sha256`` or ``source`` and ``locator``;
        ``digest`` where it is registered already, which the table must still have.
    path : where the bytes called ``sha256`` lie, verified by the caller.
    sources : the configured table sources.

    Raises
    ------
    DomainError
        ``table-altered`` when a table that stays is no longer the one that was registered, ``unknown-table-source``,
        ``unknown-table``, ``table-source-unavailable``, ``unknown-table-format``, and what ``open_file`` raises.
    """
    roles = ColumnRoles.from_json(described["roles"])
    if not described.get("source"):
        if path is None:
            raise ValueError("the bytes of a snapshot need a path")
        return open_file(
            path,
            format=described["format"],
            roles=roles,
            threshold=threshold,
            task=task,
            favourable=favourable,
            dialect=described.get("dialect"),
            digest=described["sha256"],
            required=required,
            check_values=check_values,
        )
    use = {"roles": roles, "threshold": threshold, "task": task, "favourable": favourable}
    table = _open_there(
        source_named(sources, described["source"]),
        described,
        use | {"required": required, "check_values": check_values},
    )
    try:
        if described.get("digest") and snapshot_digest(described, table_digest=table.digest) != described["digest"]:
            message = "The table in the source is no longer the one that was registered."
            raise DomainError("table-altered", message, dataset=described.get("dataset", ""))
    except BaseException:
        table.close()
        raise
    return table


def _open_there(source: Mapping[str, Any], described: Mapping[str, Any], use: Mapping[str, Any]) -> EvaluationTable:
    kind, locator, format = source["kind"], described["locator"], described.get("format", "")
    if kind in FILES and format not in ("parquet", "csv"):
        raise DomainError("unknown-table-format", "A table is read as 'parquet' or 'csv'.", known=["csv", "parquet"])
    if kind == "folder":
        return open_file(_inside(Path(source["path"]), locator), format=format, dialect=described.get("dialect"), **use)
    if kind == "s3":
        from audits.tables.objects import open_object

        dialect = described.get("dialect")
        return open_object(source, locator=locator, format=format, use=use_of(**use), dialect=dialect)
    if kind == "spark":
        from audits.tables.spark import open_spark

        return open_spark(source, locator=locator, format=format, use=use_of(**use))
    if format:
        raise DomainError("unknown-table-format", "A table of a database has no file format; leave it out.")
    schemas = source.get("schemas")
    if schemas and locator.rpartition(".")[0] not in schemas:
        raise DomainError("unknown-table", "There is no such table in the source.", kind="not-found")
    return open_postgres(source["dsn"], table=locator, timeout_seconds=source.get("timeout_seconds", 120), **use)


def _inside(folder: Path, locator: str) -> Path:
    """Return a file of the configured folder; a link that leads out of it is no file of it."""
    root = folder.resolve()
    try:
        path = (root / locator).resolve()
        plain(path)
        there = path.is_relative_to(root) and path.is_file()
    except (OSError, ValueError):  # a name that is too long, or one that the engine would need quoted
        there = False
    if not there:
        raise DomainError("unknown-table", "There is no such table in the source.", kind="not-found")
    return path
