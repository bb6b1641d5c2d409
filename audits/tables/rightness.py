"""On how many rows is this version right, the other, both or neither?"""

from __future__ import annotations

from dataclasses import dataclass

from audits.tables.answers import wrong
from audits.tables.asking import rows_of, weight_sums
from audits.tables.contract import EvaluationTable


@dataclass(frozen=True)
class Rightness:
    """Weights of rows by who is right, with the number of rows and Kish's effective number."""

    both_right: float
    only_version: float
    only_baseline: float
    both_wrong: float
    n: int
    effective: float

    @property
    def weight(self) -> float:
        """Sum of all weights."""
        return self.both_right + self.only_version + self.only_baseline + self.both_wrong


def rightness(table: EvaluationTable, *, threshold: float | None = None) -> Rightness:
    """Return who is right on how many rows; ``threshold`` makes decisions of a binary baseline's scores."""
    keys = [
        wrong(table).cast("int32").name("version"),
        wrong(table, "baseline", threshold=threshold).cast("int32").name("baseline"),
    ]
    rows = rows_of(table.table.group_by(keys).aggregate(**weight_sums(table)))
    weights = {(int(row["version"]), int(row["baseline"])): float(row["weight"]) for row in rows}
    both, own, other, neither = (weights.get(key, 0.0) for key in ((0, 0), (0, 1), (1, 0), (1, 1)))
    square = sum(float(row["square"]) for row in rows)
    total = both + own + other + neither
    return Rightness(both, own, other, neither, sum(int(row["n"]) for row in rows), total**2 / square)
