"""How many values of each column are missing, blank or all alike?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import narrowed, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.remembered import remembered

COLUMNS_AT_ONCE = 100


@dataclass(frozen=True)
class Gaps:
    """Of one column: rows, rows without a value (NULL or NaN), rows with a text of blanks only, distinct values.

    ``distinct`` counts the values that are there; it is capped at 2.
    """

    column: str
    rows: int
    missing: int
    blank: int
    distinct: int

    @property
    def share(self) -> float:
        """Share of rows without a value that says anything."""
        return (self.missing + self.blank) / self.rows


def gaps(table: EvaluationTable, columns: tuple[str, ...]) -> list[Gaps]:
    """Return what is missing in each column, in the order asked for; one scan for every hundred columns, made once."""
    return remembered(table, ("gaps", columns), lambda: _counted(table, columns))


def _counted(table: EvaluationTable, columns: tuple[str, ...]) -> list[Gaps]:
    found = []
    for names in batches(columns):
        asked: dict[str, Any] = {}
        narrow = narrowed(table, names)
        for at, name in enumerate(names):
            column = narrow[name]
            kind = column.type()
            lacking = missing(column)
            blank = (column.strip() == "") if kind.is_string() else None
            asked[f"missing{at}"] = lacking.sum()
            if blank is not None:
                asked[f"blank{at}"] = blank.sum()
            if not kind.is_nested():
                present = lacking.ifelse(None, column.cast("int32") if kind.is_boolean() else column)
                asked[f"alike{at}"] = present.min() == present.max()
        facts = rows_of(narrow.aggregate(**asked))[0]
        for at, name in enumerate(names):
            absent = int(facts[f"missing{at}"] or 0)
            alike = facts.get(f"alike{at}", False)
            distinct = 0 if absent == table.rows else (1 if alike else 2)
            found.append(Gaps(name, table.rows, absent, int(facts.get(f"blank{at}") or 0), distinct))
    return found


def missing(column: Any) -> Any:
    """Return the expression that is true where a column has no value: NULL, or NaN in a column of floats."""
    return (column.isnull() | column.isnan()) if column.type().is_floating() else column.isnull()


def batches(columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield columns by as many as one question to an engine may hold."""
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        yield columns[start : start + COLUMNS_AT_ONCE]
