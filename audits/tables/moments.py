"""What are mean and spread of values worked out row by row, overall or by a key, without the rows leaving the engine?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import number, real, rows_of, weight_sums
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

MAX_KEYS = 4_000


@dataclass(frozen=True)
class Moments:
    """Rows, sum of weights and of squared weights, mean, and variance between rows (unbiased on Kish's size)."""

    n: int
    weight: float
    square: float
    mean: float
    variance: float

    @property
    def effective(self) -> float:
        """Kish's effective number of rows, the count itself without weights."""
        return self.weight**2 / self.square if self.square > 0.0 else 0.0

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN for fewer than two effective rows."""
        return math.sqrt(self.variance / self.effective) if self.effective > 1.0 else math.nan

    @property
    def total(self) -> float:
        """Sum over rows, weights applied."""
        return self.mean * self.weight


def weight_of(table: EvaluationTable) -> Any:
    """Return the weight of each row as an expression: the weight column, or 1."""
    return number(1.0) if table.roles.weight is None else real(table.table[table.roles.weight])


def moments(table: EvaluationTable, values: Mapping[str, Any]) -> dict[str, Moments]:
    """Return the moments of each of ``values`` (expressions by name) over all rows."""
    return {name: found.get((), NOTHING) for name, found in moments_by(table, values, ()).items()}


def moments_by(
    table: EvaluationTable, values: Mapping[str, Any], by: tuple[Any, ...]
) -> dict[str, dict[tuple[Any, ...], Moments]]:
    """Return the moments of each of ``values`` for each combination of the ``by`` expressions, in two scans.

    The second scan sums squares around the mean that the first found, so that a large mean costs no digits.
    DomainError ``too-many-groups`` for more than 4,000 combinations.
    """
    weight = weight_of(table)
    sums = {f"sum{at}": (weight * value).sum() for at, value in enumerate(values.values())}
    whole = rows_of(table.table.aggregate(weight=weight_sums(table)["weight"], **sums))[0]
    if not whole["weight"]:
        return {name: {} for name in values}
    middle = [whole[f"sum{at}"] / whole["weight"] for at in range(len(values))]
    asked = weight_sums(table)
    for at, value in enumerate(values.values()):
        apart = value - number(middle[at])
        asked |= {f"first{at}": (weight * apart).sum(), f"second{at}": (weight * apart * apart).sum()}
    keys = [key.name(f"key{at}") for at, key in enumerate(by)]
    grouped = table.table.group_by(keys).aggregate(**asked) if keys else table.table.aggregate(**asked)
    rows = rows_of(grouped.limit(MAX_KEYS + 1))
    if len(rows) > MAX_KEYS:
        raise DomainError("too-many-groups", f"More than {MAX_KEYS} groups; is a column an identifier?")
    return {
        name: {tuple(row[f"key{place}"] for place in range(len(by))): _moments(row, at, middle[at]) for row in rows}
        for at, name in enumerate(values)
    }


def merged(parts: list[Moments]) -> Moments:
    """Return the moments of several groups taken together."""
    n, weight, square = sum(part.n for part in parts), sum(p.weight for p in parts), sum(p.square for p in parts)
    if weight <= 0.0:
        return NOTHING
    mean = math.fsum(part.total for part in parts) / weight
    inner = [part.weight * (_population(part) + (part.mean - mean) ** 2) for part in parts]
    return _of(n, weight, square, mean, math.fsum(inner) / weight)


def _moments(row: Mapping[str, Any], at: int, middle: float) -> Moments:
    weight = float(row["weight"])
    first = float(row[f"first{at}"]) / weight
    spread = max(0.0, float(row[f"second{at}"]) / weight - first * first)
    return _of(int(row["n"]), weight, float(row["square"]), middle + first, spread)


def _of(n: int, weight: float, square: float, mean: float, spread: float) -> Moments:
    size = weight**2 / square
    return Moments(n, weight, square, mean, spread * size / (size - 1.0) if size > 1.0 else math.nan)


def _population(part: Moments) -> float:
    return part.variance * (part.effective - 1.0) / part.effective if part.effective > 1.0 else 0.0


NOTHING = Moments(0, 0.0, 0.0, math.nan, math.nan)
