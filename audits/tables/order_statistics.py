"""Which value lies at a rank of a column or expression, found by counting in the engine?"""

from __future__ import annotations

import dataclasses
from typing import Any

from audits.tables.asking import number, rows_of, weight_sums
from audits.tables.contract import EvaluationTable

MAX_DISTINCT = 50_000
STEPS = 4_096
ROUNDS = 4


def weighted_quantiles(table: EvaluationTable, value: Any, shares: tuple[float, ...]) -> tuple[list[float], float]:
    """Return for each share the smallest value at or below which at least that share of the weight lies.

    Exactly 0.5 gives the mean of the lower and the upper median. Up to 50,000 distinct values the answer is exact; above,
    the range is cut into 4,096 steps, and the step that holds the rank again, four times: then it is off by at most the
    second number returned.
    """
    grouped = table.table.group_by(value.name("value")).aggregate(weight=weight_sums(table)["weight"])
    rows = rows_of(grouped.limit(MAX_DISTINCT + 1))
    if len(rows) <= MAX_DISTINCT:
        pairs = sorted((float(row["value"]), float(row["weight"])) for row in rows)
        return [_at(pairs, share) for share in shares], 0.0
    found = [_narrowed(table, value, share) for share in shares]
    return [middle for middle, _ in found], max(error for _, error in found)


def _at(pairs: list[tuple[float, float]], share: float) -> float:
    total = sum(weight for _, weight in pairs)
    wanted, reached = share * total, 0.0
    for place, (value, weight) in enumerate(pairs):
        reached += weight
        if reached >= wanted - 1e-12 * total:
            if share == 0.5 and abs(reached - wanted) <= 1e-12 * total and place + 1 < len(pairs):
                return (value + pairs[place + 1][0]) / 2.0
            return value
    return pairs[-1][0]


def _narrowed(table: EvaluationTable, value: Any, share: float) -> tuple[float, float]:
    held = table.table.mutate(cadastre_value=value)
    asked = weight_sums(dataclasses.replace(table, table=held))["weight"]
    ends = rows_of(held.aggregate(low=held.cadastre_value.min(), high=held.cadastre_value.max(), weight=asked))[0]
    low, high, wanted = float(ends["low"]), float(ends["high"]), share * float(ends["weight"])
    before = 0.0
    for _ in range(ROUNDS):
        width = (high - low) / STEPS
        if not width > 0.0:
            break
        inside = held.filter((held.cadastre_value >= number(low)) & (held.cadastre_value <= number(high)))
        step = ((inside.cadastre_value - number(low)) / number(width)).floor().clip(lower=0, upper=STEPS - 1)
        weight = weight_sums(dataclasses.replace(table, table=inside))["weight"]
        rows = rows_of(inside.group_by(step.name("step")).aggregate(weight=weight))
        for row in sorted(rows, key=lambda row: float(row["step"])):
            if before + float(row["weight"]) >= wanted:
                low, high = low + width * float(row["step"]), low + width * (float(row["step"]) + 1.0)
                break
            before += float(row["weight"])
    return (low + high) / 2.0, (high - low) / 2.0
