"""How many cases, defaults and expected defaults does each rating grade hold?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audits.tables.asking import group_label, real, rows_of, weight_sums
from audits.tables.contract import EvaluationTable
from audits.tables.moments import weight_of
from audits.tables.scores import ScoreCells
from registry.errors import DomainError

MAX_GRADES = 200


@dataclass(frozen=True)
class Grade:
    """One grade: rows, effective rows, and the shares of its weight that defaulted and that the scores expected."""

    name: str
    n: int
    effective: float
    rate: float
    pd: float


def grades_of_column(table: EvaluationTable, column: str) -> list[Grade]:
    """Return the grades that a column names, by rising mean score; needs outcomes and scores.

    DomainError ``unknown-column`` for a column that is not there and ``too-many-groups`` above 200 grades.
    """
    if column not in table.table.columns:
        raise DomainError("unknown-column", f"The table has no column {column[:80]!r}.", columns=[column])
    weight, outcome, score = (
        weight_of(table),
        real(table.table[table.roles.target]),
        real(table.table[table.roles.score]),
    )
    asked = weight_sums(table) | {"positive": (weight * outcome).sum(), "scored": (weight * score).sum()}
    rows = rows_of(table.table.group_by(table.table[column].name("grade")).aggregate(**asked).limit(MAX_GRADES + 1))
    if len(rows) > MAX_GRADES:
        raise DomainError("too-many-groups", f"{column}: more than {MAX_GRADES} grades; is it an identifier?")
    found = [_grade(group_label(row["grade"]), row) for row in rows]
    return sorted(found, key=lambda grade: (grade.pd, grade.name))


def grades_of_scores(cells: ScoreCells, bins: int) -> list[Grade]:
    """Return each distinct score as a grade where there are at most ``bins``, else groups of about equal weight."""
    import numpy as np

    from audits.statistics.calibration import bin_edges

    weight = cells.positive + cells.negative
    scale = cells.effective / float(weight.sum())
    if len(cells.score) <= bins:
        place, names = np.arange(len(cells.score)), [f"{score:.6g}" for score in cells.score]
    else:
        edges = bin_edges(cells.score, weight, bins, "equal-mass")
        place = np.searchsorted(edges[1:-1], cells.score, side="left")
        names = [f"{edges[at]:.4g} – {edges[at + 1]:.4g}" for at in range(len(edges) - 1)]
    found = []
    for at, name in enumerate(names):
        inside = place == at
        mass = float(weight[inside].sum())
        if mass > 0.0:
            rate, pd = float(cells.positive[inside].sum()) / mass, float(weight[inside] @ cells.score[inside]) / mass
            found.append(Grade(name, round(mass * scale), mass * scale, rate, min(1.0, pd)))
    return found


def _grade(name: str, row: dict[str, Any]) -> Grade:
    weight = float(row["weight"])
    rate, pd = float(row["positive"]) / weight, float(row["scored"]) / weight
    return Grade(name, int(row["n"]), weight**2 / float(row["square"]), min(1.0, rate), min(1.0, pd))
