"""How does a CSV file write what a reader must not guess, and of which kind is each of its columns then?"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.tables.duck import quoted, text
from registry.errors import DomainError

MAX_HEADER_BYTES = 1 << 20
KINDS = (
    ("BIGINT", "regexp_full_match({0}, '[+-]?[0-9]{{1,18}}')"),
    ("DOUBLE", "TRY_CAST({0} AS DOUBLE) IS NOT NULL"),
    ("BOOLEAN", "lower({0}) IN ('true', 'false')"),
    ("DATE", "regexp_full_match({0}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') AND TRY_CAST({0} AS DATE) IS NOT NULL"),
    ("TIMESTAMP", "TRY_CAST({0} AS TIMESTAMP) IS NOT NULL"),
)


@dataclass(frozen=True)
class Dialect:
    """What a dataset version declares of its file.

    ``missing`` lists the texts that mean a missing value, compared after stripping blanks where ``trim`` is set;
    ``delimiter``, ``quote`` and ``decimal`` are single characters. An empty field is always missing.
    """

    missing: tuple[str, ...] = ()
    trim: bool = False
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Dialect:
        """Read a declared dialect, as ``registry.snapshots.checked_dialect`` left it."""
        given = dict(data or {})
        return cls(**(given | {"missing": tuple(given.get("missing", ()))}))

    @property
    def declares_values(self) -> bool:
        """Tell whether texts of the file must be read in another way than they stand there."""
        return bool(self.missing) or self.trim or self.decimal != "."


def header_names(line: bytes, dialect: Dialect) -> list[str]:
    """Return the column names in the first line of a CSV file.

    Raises DomainError ``unreadable-table`` for what is not UTF-8 text and ``empty-table`` for a line without names.
    """
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in line:
        raise DomainError("unreadable-table", "The CSV file is not UTF-8 text.")
    try:
        decoded = line.decode("utf-8-sig")
        rows = list(csv.reader([decoded], strict=True, delimiter=dialect.delimiter, quotechar=dialect.quote))
    except (UnicodeDecodeError, csv.Error) as error:
        message = "The header line of the CSV file cannot be read as UTF-8 text."
        raise DomainError("unreadable-table", message) from error
    if not rows or not any(rows[0]):
        raise DomainError("empty-table", "The CSV file has no header line.")
    return rows[0]


def typed(connection: Any, given: str, names: list[str], dialect: Dialect) -> str:
    """Return the SELECT over the table ``given`` of texts that reads each column as what all of its texts are.

    Whole numbers, numbers, true and false, dates, instants, or text: a column is of the first of these kinds that every
    text in it fits, missing ones left out.
    """
    values = [_value(quoted(name), dialect) for name in names]
    numbers = [_number(value, dialect) for value in values]
    asked = ", ".join(
        f"count(*) FILTER (WHERE {value} IS NOT NULL AND NOT ({rule.format(number if kind == 'DOUBLE' else value)}))"
        for value, number in zip(values, numbers, strict=True)
        for kind, rule in KINDS
    )
    held = ", ".join(f"count({value})" for value in values)
    misfits = connection.execute(f"SELECT {held}, {asked} FROM {quoted(given)}").fetchone()  # noqa: S608 - names are quoted
    counts, misfits = misfits[: len(names)], misfits[len(names) :]
    columns = []
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        fits = [kind for place, (kind, _) in enumerate(KINDS) if misfits[at * len(KINDS) + place] == 0]
        kind = fits[0] if fits and counts[at] else "VARCHAR"
        read = numbers[at] if kind == "DOUBLE" else value
        columns.append(f"CAST({read} AS {kind}) AS {quoted(name)}")
    return f"SELECT {', '.join(columns)} FROM {quoted(given)}"  # noqa: S608 - names are quoted


def _value(column: str, dialect: Dialect) -> str:
    shown = f"trim({column})" if dialect.trim else column
    gone = ", ".join(text(one.strip() if dialect.trim else one) for one in ("", *dialect.missing))
    return f"(CASE WHEN {shown} IN ({gone}) THEN NULL ELSE {shown} END)"


def _number(value: str, dialect: Dialect) -> str:
    """Read numbers with another decimal sign: one that also holds a point is no number."""
    if dialect.decimal == ".":
        return value
    return f"(CASE WHEN contains({value}, '.') THEN {value} || '?' ELSE replace({value}, {text(dialect.decimal)}, '.') END)"
