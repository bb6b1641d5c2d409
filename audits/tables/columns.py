"""How are the values of one column spread, in two tables, over the same bins?"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import MISSING, group_label, number, rows_of
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

MAX_DISTINCT_VALUES = 20_000
FINE_BINS = 4_096
MAX_CATEGORIES = 50
OTHER = "(other)"
UNSEEN = "(not in reference)"


@dataclass(frozen=True)
class PairedHistogram:
    """Counts of one column over the same bins in a reference and a current table; bins empty in both are left out.

    ``rule`` names how the bins were made: "categories", "reference-quantiles" (exact) or
    "reference-quantiles-of-4096-bins".
    """

    column: str
    labels: tuple[str, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]
    rule: str


def paired_histogram(
    reference: EvaluationTable, current: EvaluationTable, *, columns: tuple[str, str], bins: int
) -> PairedHistogram:
    """Count a column of ``reference`` and one of ``current`` over bins that the reference alone decides.

    Numbers with more than ``bins`` distinct reference values are cut at the reference's 1/bins, ..., (bins-1)/bins
    quantiles (inverse of the empirical distribution, ties merged), each bin open below and closed above and the outer
    two unbounded. Everything else is counted by category: the 50 commonest of the reference, "(other)", "(not in
    reference)". Missing values and NaN form a bin of their own.

    Raises DomainError ``unknown-column`` and ``column-type-differs``.
    """
    name_of = dict(zip(("reference", "current"), columns, strict=True))
    for role, table in (("reference", reference), ("current", current)):
        if name_of[role] not in table.table.columns:
            raise DomainError("unknown-column", f"The {role} table has no column {name_of[role][:80]!r}.", table=role)
    left, right = reference.table[columns[0]], current.table[columns[1]]
    if _is_number(left) != _is_number(right):
        message = f"Column {columns[1]!r} holds {right.type()} now and {left.type()} in the reference."
        raise DomainError("column-type-differs", message, column=columns[1])
    if left.type().is_nested() or right.type().is_nested():
        raise DomainError(
            "column-type-unsupported", f"Column {columns[1]!r} holds lists or records.", column=columns[1]
        )
    if not _is_number(left):
        return _by_category(columns[1], _counts(reference, left), _counts(current, right))
    left, right = left.cast("float64"), right.cast("float64")
    distinct = [
        int(rows_of(t.table.aggregate(n=c.nunique()))[0]["n"]) for t, c in ((reference, left), (current, right))
    ]
    if distinct[0] <= bins:
        known = _counts(reference, left)
        if distinct[1] > MAX_DISTINCT_VALUES:
            seen = right.isin([number(value) for value in known if value is not None])
            right = (right.isnull() | right.isnan() | seen).ifelse(right, number(float("inf")))
        return _by_category(columns[1], known, _counts(current, right))
    if max(distinct) <= MAX_DISTINCT_VALUES:
        values = _counts(reference, left), _counts(current, right)
        return _by_quantile(columns[1], *values, bins=bins, rule="reference-quantiles")
    fine = _fine(reference, left, current, right)
    return _by_quantile(columns[1], *fine, bins=bins, rule=f"reference-quantiles-of-{FINE_BINS}-bins")


def _is_number(column: Any) -> bool:
    return bool(column.type().is_numeric())


def _counts(table: EvaluationTable, column: Any) -> dict[Any, int]:
    """Return rows by value; NULL and NaN under None."""
    rows = rows_of(table.table.group_by(column.name("value")).aggregate(n=table.table.count()).limit(1_000_001))
    if len(rows) > 1_000_000:
        raise DomainError("too-many-categories", "A text column has more than a million distinct values.")
    counts: Counter[Any] = Counter()
    for row in rows:
        value = row["value"]
        counts[None if isinstance(value, float) and math.isnan(value) else value] += int(row["n"])
    return dict(counts)


def _fine(reference: EvaluationTable, left: Any, current: EvaluationTable, right: Any) -> tuple[dict[Any, int], ...]:
    """Return counts over 4,096 equal bins between the reference's smallest and largest value, keyed by upper edge."""
    finite = left.isnan().ifelse(None, left)
    ends = rows_of(reference.table.aggregate(low=finite.min(), high=finite.max()))[0]
    low, width = float(ends["low"]), (float(ends["high"]) - float(ends["low"])) / FINE_BINS
    if not 0.0 < width < float("inf"):
        raise DomainError("column-not-finite", "A column has infinite values and too many distinct ones to count each.")
    counted = []
    for table, column in ((reference, left), (current, right)):
        place = ((column - number(low)) / number(width)).ceil().clip(lower=0, upper=FINE_BINS + 1)
        edge = column.isnan().ifelse(None, place)
        counted.append({key if key is None else low + width * key: n for key, n in _counts(table, edge).items()})
    return tuple(counted)


def _by_category(column: str, reference: dict[Any, int], current: dict[Any, int]) -> PairedHistogram:
    known, now = _labelled(reference), _labelled(current)
    missing = known.pop(MISSING, 0), now.pop(MISSING, 0)
    commonest = sorted(known, key=lambda label: (-known[label], label))[:MAX_CATEGORIES]
    pairs = [(label, known[label], now.get(label, 0)) for label in commonest]
    rest = set(known) - set(commonest)
    pairs.append((OTHER, sum(known[label] for label in rest), sum(now.get(label, 0) for label in rest)))
    pairs.append((UNSEEN, 0, sum(n for label, n in now.items() if label not in known)))
    pairs.append((MISSING, *missing))
    return _paired(column, pairs, "categories")


def _labelled(counts: dict[Any, int]) -> Counter[str]:
    labels: Counter[str] = Counter()
    for value, n in counts.items():
        labels[group_label(value)] += n
    return labels


def _by_quantile(
    column: str, reference: dict[Any, int], current: dict[Any, int], *, bins: int, rule: str
) -> PairedHistogram:
    import numpy as np

    missing = reference.get(None, 0), current.get(None, 0)
    values = np.array(sorted(value for value in reference if value is not None), dtype=np.float64)
    counts = np.array([reference[value] for value in values.tolist()], dtype=np.int64)
    reached = np.cumsum(counts)
    # the smallest value v with F(v) >= j/bins, compared in integers so that no rounding moves an edge
    wanted = np.arange(1, bins, dtype=np.int64) * reached[-1]
    edges = np.unique(values[np.searchsorted(reached * bins, wanted, side="left")])
    edges = edges[edges < values[-1]] if len(values) > 1 else edges
    placed = []
    for found in (reference, current):
        keys = [value for value in found if value is not None]
        places = np.searchsorted(edges, np.array(keys, dtype=np.float64), side="left")
        placed.append(
            np.bincount(places, weights=[found[key] for key in keys], minlength=len(edges) + 1).astype(np.int64)
        )
    bounds = ["-inf", *(f"{edge:.6g}" for edge in edges), "inf"]
    pairs = [
        (f"({bounds[at]}, {bounds[at + 1]}]", int(placed[0][at]), int(placed[1][at])) for at in range(len(edges) + 1)
    ]
    return _paired(column, [*pairs, (MISSING, *missing)], rule)


def _paired(column: str, pairs: list[tuple[str, int, int]], rule: str) -> PairedHistogram:
    kept = [pair for pair in pairs if pair[1] or pair[2]]
    labels, before, now = zip(*kept, strict=True)
    return PairedHistogram(column, tuple(labels), tuple(before), tuple(now), rule)
