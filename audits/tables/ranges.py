"""Between which ends do the numbers of a column lie, and how many rows lie outside given ends?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audits.tables.asking import narrowed, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.gaps import batches, missing
from audits.tables.remembered import remembered

LARGEST = 1.7e308
"""What counts as infinite lies beyond this: no engine tells infinities from numbers in the same words."""


def observed_ranges(table: EvaluationTable, columns: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest finite value of each numeric column that has one; worked out once."""
    return remembered(table, ("observed-ranges", columns), lambda: _ends(table, columns))


def _ends(table: EvaluationTable, columns: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    found = {}
    for names in batches(columns):
        asked: dict[str, Any] = {}
        narrow = narrowed(table, names)
        for at, name in enumerate(names):
            value = _finite(narrow[name])
            asked |= {f"low{at}": value.min(), f"high{at}": value.max()}
        facts = rows_of(narrow.aggregate(**asked))[0]
        for at, name in enumerate(names):
            if facts[f"low{at}"] is not None:
                found[name] = (float(facts[f"low{at}"]), float(facts[f"high{at}"]))
    return found


def counts_outside(
    table: EvaluationTable, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[int, int, int]]:
    """Return for each column with a range its rows with a number, those below and those above the range.

    Infinities lie outside. Both ends belong to the range.
    """
    found = {}
    for names in batches(tuple(ranges)):
        asked: dict[str, Any] = {}
        narrow = narrowed(table, names)
        for at, name in enumerate(names):
            low, high = ranges[name]
            value = missing(narrow[name]).ifelse(None, real(narrow[name]))
            asked |= {f"n{at}": value.count()}
            asked |= {f"below{at}": (value < number(low)).sum(), f"above{at}": (value > number(high)).sum()}
        facts = rows_of(narrow.aggregate(**asked))[0]
        for at, name in enumerate(names):
            below, above = (int(facts[f"{part}{at}"] or 0) for part in ("below", "above"))
            found[name] = (int(facts[f"n{at}"]), below, above)
    return found


def numeric(table: EvaluationTable, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the columns that hold numbers; truth values are none."""
    return tuple(name for name in columns if table.table[name].type().is_numeric())


def _finite(column: Any) -> Any:
    value = real(column)
    lost = missing(column) | (value.abs() > number(LARGEST))
    return lost.ifelse(None, value)
