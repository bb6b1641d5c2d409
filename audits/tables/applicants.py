"""How many people of each group stand above the median score of all of them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audits.tables.aggregates import MAX_GROUP_CELLS, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.decisions import group_keys, labels_of, score_name
from audits.tables.remembered import remembered
from registry.errors import DomainError


@dataclass(frozen=True)
class ScoredCell:
    """People of one group, and how many of them scored strictly better than the median of the full sample: above it, or
    below it where a low score is the good answer."""

    groups: tuple[str, ...]
    n: int
    above: int


@dataclass(frozen=True)
class ScoredGroups:
    """The median score of the full sample, and the people of each group."""

    median: float
    n: int
    cells: tuple[ScoredCell, ...]


def scored_groups(table: EvaluationTable, attributes: tuple[str, ...]) -> ScoredGroups:
    """Count the people of each group formed by ``attributes`` above the median score of all rows, unknown ones too.

    The median is that of the values themselves, found by their order: the middle one, or the mean of the two middle
    ones. Raises DomainError ``unknown-column``, ``too-many-groups`` and, where a row has no score, ``score-not-a-number``.
    """
    return remembered(table, ("scored groups", attributes), lambda: _scored_groups(table, attributes))


def _scored_groups(table: EvaluationTable, attributes: tuple[str, ...]) -> ScoredGroups:
    keys, name = group_keys(table, attributes), score_name(table)
    if name is None:
        raise DomainError("missing-column-role", "A scoring rate needs a score.")
    score = real(table.table[name])
    median, total = median_of(table, score)
    grouped = table.table.group_by(keys)
    better = score < number(median) if table.favours_low else score > number(median)
    counted = grouped.aggregate(n=table.table.count(), above=better.cast("int32").sum())
    rows = rows_of(counted.limit(MAX_GROUP_CELLS + 1))
    if len(rows) > MAX_GROUP_CELLS:
        names = ", ".join(attributes)
        raise DomainError("too-many-groups", f"{names}: more than {MAX_GROUP_CELLS} cells; is a column an identifier?")
    merged: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        cell = merged.setdefault(labels_of(row, attributes), [0, 0])
        cell[0] += int(row["n"])
        cell[1] += int(row["above"])
    cells = tuple(ScoredCell(groups, *counts) for groups, counts in sorted(merged.items()))
    return ScoredGroups(median, total, cells)


def median_of(table: EvaluationTable, score: Any) -> tuple[float, int]:
    """Return the exact median of a column and the number of rows; every row must have a finite value."""
    counts = rows_of(table.table.aggregate(n=table.table.count(), known=(score - score == 0.0).cast("int32").sum()))[0]
    n = int(counts["n"])
    if n == 0 or n != int(counts["known"] or 0):
        raise DomainError("score-not-a-number", "Scores must be finite numbers in every row.")
    middle = table.table.select(score.name("score")).order_by("score").limit(2 - n % 2, offset=(n - 1) // 2)
    values = [float(row["score"]) for row in rows_of(middle)]
    return sum(values) / len(values), n
