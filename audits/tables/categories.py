"""How often does each value of a column occur, and in how many rows one that the reference lacks?"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import MISSING, group_label, narrowed, number, rows_of
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

MAX_VALUES = 1_000_000


@dataclass(frozen=True)
class Unseen:
    """Rows with a value, distinct values of the reference, and rows whose value the reference lacks."""

    n: int
    known: int
    unseen: int


def value_counts(table: EvaluationTable, name: str) -> dict[Any, int]:
    """Return rows by value, missing ones and NaN under None; more than a million values are refused."""
    narrow = narrowed(table, (name,))
    counted = narrow.group_by(narrow[name].name("value")).aggregate(n=narrow.count())
    rows = rows_of(counted.limit(MAX_VALUES + 1))
    if len(rows) > MAX_VALUES:
        raise DomainError("too-many-categories", "A text column has more than a million distinct values.", column=name)
    counts: Counter[Any] = Counter()
    for row in rows:
        value = row["value"]
        counts[None if isinstance(value, float) and math.isnan(value) else value] += int(row["n"])
    return dict(counts)


def category_counts(table: EvaluationTable, name: str) -> Counter[str]:
    """Return rows by the text that names the category."""
    counts: Counter[str] = Counter()
    for value, n in value_counts(table, name).items():
        counts[group_label(value)] += n
    return counts


def unseen(reference: EvaluationTable, current: EvaluationTable, name: str) -> Unseen:
    """Count the rows of ``current`` whose value in a column is none of the reference's; missing values are left out."""
    narrow = narrowed(current, (name,))
    column = narrow[name]
    if column.type().is_numeric():
        known = [float(value) for value in value_counts(reference, name) if value is not None]
        value = column.cast("float64")
        held = value.notnull() & ~value.isnan()
        seen = held & value.isin([number(one) for one in known])
        row = rows_of(narrow.aggregate(n=held.ifelse(1, 0).sum(), seen=seen.ifelse(1, 0).sum()))[0]
        n = int(row["n"] or 0)
        return Unseen(n, len(known), n - int(row["seen"] or 0))
    before, now = category_counts(reference, name), category_counts(current, name)
    for side in (before, now):
        side.pop(MISSING, None)
    return Unseen(sum(now.values()), len(before), sum(n for label, n in now.items() if label not in before))
