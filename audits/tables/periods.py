"""Into which stretches of time do the rows of a table fall?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import number, real, rows_of
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

MAX_INSTANTS = 40_000


@dataclass(frozen=True)
class Period:
    """One stretch of time: its first and last instant as text, its rows, and the table of those rows."""

    first: str
    last: str
    n: int
    table: EvaluationTable


def periods(table: EvaluationTable, count: int) -> tuple[list[Period], int]:
    """Cut the rows by the time column into at most ``count`` stretches of about as many rows; also how many have no time.

    Days stay whole (numbers, such as years: equal numbers stay together), so fewer may come out. DomainError
    ``time-not-ordered`` for a column that holds neither dates nor numbers, ``too-many-groups`` for numbers with more
    than 40,000 different values.
    """
    column = table.table[table.roles.time]
    kind = column.type()
    if not (kind.is_timestamp() or kind.is_date() or kind.is_numeric()):
        message = f"Column {table.roles.time!r} plays the role 'time' but holds {kind}, neither dates nor numbers."
        raise DomainError("time-not-ordered", message, column=table.roles.time)
    instant = real(column) if kind.is_numeric() else column.cast("date")
    grouped = table.table.group_by(instant.name("instant")).aggregate(n=table.table.count())
    rows = rows_of(grouped.limit(MAX_INSTANTS + 1))
    if len(rows) > MAX_INSTANTS:
        raise DomainError("too-many-groups", f"Column {table.roles.time!r} has more than {MAX_INSTANTS} instants.")
    missing = sum(int(row["n"]) for row in rows if not _known(row["instant"]))
    counts = sorted((row["instant"], int(row["n"])) for row in rows if _known(row["instant"]))
    found = []
    for part in _cut(counts, count):
        first, last = part[0][0], part[-1][0]
        inside = (instant >= _literal(first)) & (instant <= _literal(last))
        n = sum(rows_at for _, rows_at in part)
        rows_of_it = dataclasses.replace(table, table=table.table.filter(inside), rows=n)
        found.append(Period(_text(first), _text(last), n, rows_of_it))
    return found, missing


def _known(instant: Any) -> bool:
    return instant is not None and not (isinstance(instant, float) and math.isnan(instant))


def _cut(counts: list[tuple[Any, int]], wanted: int) -> list[list[tuple[Any, int]]]:
    total, reached, parts = sum(n for _, n in counts), 0, list[list[tuple[Any, int]]]()
    for instant, n in counts:
        place = min(wanted - 1, (2 * reached + n) * wanted // (2 * total))  # where the middle of its rows lies
        while len(parts) <= place:
            parts.append([])
        parts[place].append((instant, n))
        reached += n
    return [part for part in parts if part]


def _literal(instant: Any) -> Any:
    import ibis

    return ibis.literal(instant) if isinstance(instant, dt.date) else number(float(instant))


def _text(instant: Any) -> str:
    return instant.isoformat() if isinstance(instant, dt.date) else f"{float(instant):.10g}"
