"""How much of each outcome lies at each score?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import arrays_of, number, real, weight_sums
from audits.tables.contract import EvaluationTable
from audits.tables.remembered import remembered
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_DISTINCT_SCORES = 100_000
SCORE_BINS = 65_536


@dataclass(frozen=True)
class ScoreCells:
    """How much of each outcome was seen at each distinct score, sorted by score.

    ``score`` has shape (n_cells,) and rises strictly; ``positive`` and ``negative``, same shape, are sums of weights
    (counts without a weight column). ``n_positive`` and ``n_negative`` count rows; the ``effective`` sizes are Kish's
    (sum w)^2 / sum w^2, equal to the counts without weights. ``binned`` tells that scores were grouped into 65,536
    equal bins, each represented by the middle of its smallest and largest score.
    """

    score: Floats
    positive: Floats
    negative: Floats
    n_positive: int
    n_negative: int
    effective_positive: float
    effective_negative: float
    binned: bool

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.n_positive + self.n_negative

    @property
    def effective(self) -> float:
        """Effective number of rows."""
        return self.effective_positive + self.effective_negative


def score_cells(table: EvaluationTable, *, max_distinct: int = MAX_DISTINCT_SCORES) -> ScoreCells:
    """Return weights of both outcomes by score: exact up to ``max_distinct`` distinct scores, in fine bins above."""

    def ask() -> ScoreCells:
        score, label = real(table.table[table.roles.score]), real(table.table[table.roles.target])
        return cells_by_score(table, score, label, max_distinct=max_distinct)

    return remembered(table, ("score cells", max_distinct), ask)


def cells_by_score(
    table: EvaluationTable, score: Any, label: Any, *, max_distinct: int = MAX_DISTINCT_SCORES
) -> ScoreCells:
    """Return weights of outcomes 0 and 1 of the expression ``label`` by the expression ``score``."""
    import numpy as np

    rows = _by_score(table, score, label, limit=2 * max_distinct)
    # at most two rows a score: so many rows may still be few enough scores, more rows never are
    binned = rows is None or len(np.unique(rows["cell"])) > max_distinct
    if rows is None or binned:
        rows = _by_score(table, (score * number(SCORE_BINS)).floor(), label, limit=None, values=score)
    if rows is None or np.isnan(rows["cell"]).any() or not np.isin(rows["label"], (0.0, 1.0)).all():
        raise DomainError("score-not-a-number", "Labels must be 0 or 1 and scores numbers in every row.")
    order = np.lexsort((rows["label"], rows["cell"]))
    rows = {name: values[order] for name, values in rows.items()}
    keys, place = np.unique(rows["cell"] + 0.0, return_inverse=True)
    outcome = rows["label"].astype(np.int64)
    cells = np.bincount(outcome * len(keys) + place, weights=rows["weight"], minlength=2 * len(keys)).astype(np.float64)
    negative, positive = cells[: len(keys)], cells[len(keys) :]
    low, high = np.full(len(keys), np.inf), np.full(len(keys), -np.inf)
    np.minimum.at(low, place, rows["low"])
    np.maximum.at(high, place, rows["high"])
    sums = [[float(rows[part][outcome == k].sum()) for k in (0, 1)] for part in ("n", "weight", "square")]
    effective = [sums[1][k] ** 2 / sums[2][k] if sums[2][k] else 0.0 for k in (0, 1)]
    counts = [int(n) for n in sums[0]]
    middle = (low + high) / 2.0
    return ScoreCells(middle, positive, negative, counts[1], counts[0], effective[1], effective[0], binned)


def _by_score(
    table: EvaluationTable, key: Any, label: Any, *, limit: int | None, values: Any = None
) -> dict[str, Floats] | None:
    """Return the sums by ``key`` and ``label``, or None when there are more than ``limit`` of them."""
    score = key if values is None else values
    grouped = table.table.group_by([key.name("cell"), label.name("label")])
    asked = grouped.aggregate(**weight_sums(table), low=score.min(), high=score.max())
    rows = arrays_of(asked if limit is None else asked.limit(limit + 1))
    return None if limit is not None and len(rows["cell"]) > limit else rows
