"""How do the answers of two versions fall together on the same rows?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import group_label, number, real, rows_of, weight_sums
from audits.tables.contract import EvaluationTable
from audits.tables.moments import Moments, moments, weight_of
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_PAIRS = 100_000
GRID = 512
GROUP_GRID = 128
MAX_LOSS_CELLS = 4_096
LOSS_GRID = 48


@dataclass(frozen=True)
class PairCells:
    """How much of each outcome was seen at each pair of scores (this version's, the other's).

    All arrays have shape (n_pairs,); weights are sums of weights. ``binned`` tells that both scores were grouped into
    equal bins, each pair at its mean scores.
    """

    version: Floats
    baseline: Floats
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


def pair_cells(
    table: EvaluationTable, attributes: tuple[str, ...] = (), *, max_pairs: int = MAX_PAIRS
) -> dict[tuple[str, ...], PairCells]:
    """Return the pairs of scores of a binary model and of its baseline, for each group formed by ``attributes``.

    Exact up to ``max_pairs`` different combinations of pair, outcome and group; above, scores are grouped into 512
    equal bins each (128 within groups). DomainError ``unknown-column`` and ``too-many-groups``.
    """
    absent = [name for name in attributes if name not in table.table.columns]
    if absent:
        raise DomainError("unknown-column", f"The table has no column {absent[0][:80]!r}.", columns=absent)
    roles = table.roles
    version, baseline = real(table.table[roles.score]), real(table.table[roles.baseline])
    rows, binned = _pairs(table, attributes, (version, baseline), max_pairs), False
    if rows is None:
        grid = number(GROUP_GRID if attributes else GRID)
        rows, binned = _pairs(table, attributes, ((version * grid).floor(), (baseline * grid).floor()), None), True
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows or ():
        key = tuple(group_label(row[f"group{at}"]) for at in range(len(attributes)))
        grouped.setdefault(key, []).append(row)
    return {key: _cells(part, binned=binned) for key, part in sorted(grouped.items())}


@dataclass(frozen=True)
class LossCells:
    """Pairs of losses (this version's, the other's) with their effective weight, and both means over all rows.

    ``version`` and ``baseline`` are mean losses within a cell; ``weight`` adds up to Kish's effective number of rows.
    ``unseen`` is the share of the variance of the difference that lies within cells, 0 where each cell is one pair.
    """

    version: Floats
    baseline: Floats
    weight: Floats
    n: int
    mean_version: float
    mean_baseline: float
    unseen: float


def loss_cells(table: EvaluationTable, version: Any, baseline: Any) -> LossCells:
    """Return the pairs of two losses: exact up to 4,096 different ones, else over a grid of 48 steps a side.

    The steps are a twelfth of the larger mean loss wide up to twice that mean, and quarter powers of two beyond.
    """
    import numpy as np

    found = moments(table, {"version": version, "baseline": baseline, "difference": version - baseline})
    means, weight = (found["version"].mean, found["baseline"].mean), weight_of(table)
    asked = weight_sums(table) | {"sum0": (weight * version).sum(), "sum1": (weight * baseline).sum()}
    exact = table.table.group_by([version.name("cell0"), baseline.name("cell1")]).aggregate(**asked)
    rows = rows_of(exact.limit(MAX_LOSS_CELLS + 1))
    if len(rows) > MAX_LOSS_CELLS:
        step = max(max(means) / 12.0, 1e-300)
        keys = [_step(loss, step).name(f"cell{at}") for at, loss in enumerate((version, baseline))]
        rows = rows_of(table.table.group_by(keys).aggregate(**asked))
    rows.sort(key=lambda row: (row["cell0"], row["cell1"]))
    mass = np.array([row["weight"] for row in rows], dtype=np.float64)
    left, right = (np.array([row[f"sum{at}"] for row in rows], dtype=np.float64) / mass for at in (0, 1))
    size = found["difference"].effective
    return LossCells(
        left, right, mass * (size / mass.sum()), found["difference"].n, *means, _unseen(left - right, mass, found)
    )


def _step(loss: Any, step: float) -> Any:
    """Return the step of a loss: even near the mean, on the scale of logarithms beyond, at most 48 of them."""
    import ibis

    even = (loss / number(step)).floor()
    far = (
        number(24.0)
        + (ibis.greatest(loss, number(24.0 * step)) / number(24.0 * step)).ln() * number(4.0 / math.log(2.0))
    ).floor()
    return ibis.least((loss < number(24.0 * step)).ifelse(even, far), number(float(LOSS_GRID)))


def _unseen(difference: Floats, mass: Floats, found: dict[str, Moments]) -> float:
    whole = found["difference"]
    if not (whole.effective > 1.0 and whole.variance > 0.0):
        return 0.0
    spread = whole.variance * (whole.effective - 1.0) / whole.effective
    between = float(mass @ (difference - whole.mean) ** 2) / float(mass.sum())
    return min(1.0, max(0.0, 1.0 - between / spread))


def _pairs(
    table: EvaluationTable, attributes: tuple[str, ...], keys: tuple[Any, Any], limit: int | None
) -> list[dict[str, Any]] | None:
    """Return the sums by pair, outcome and group, or None when there are more than ``limit`` of them."""
    roles, weight = table.roles, weight_of(table)
    by = [table.table[name].name(f"group{at}") for at, name in enumerate(attributes)]
    by += [keys[0].name("cell0"), keys[1].name("cell1"), real(table.table[roles.target]).name("label")]
    sums = {
        f"sum{at}": (weight * real(table.table[name])).sum() for at, name in enumerate((roles.score, roles.baseline))
    }
    asked = table.table.group_by(by).aggregate(**weight_sums(table), **sums)
    rows = rows_of(asked if limit is None else asked.limit(limit + 1))
    return None if limit is not None and len(rows) > limit else rows


def _cells(rows: list[dict[str, Any]], *, binned: bool) -> PairCells:
    import numpy as np

    rows = sorted(rows, key=lambda row: (row["cell0"], row["cell1"], row["label"]))
    label = np.array([row["label"] for row in rows], dtype=np.float64)
    part = {
        name: np.array([row[name] for row in rows], dtype=np.float64)
        for name in ("cell0", "cell1", "n", "weight", "square", "sum0", "sum1")
    }
    # without bins the sums only repeat the scores, with rounding
    scores = [part[f"sum{at}"] / part["weight"] if binned else part[f"cell{at}"] for at in (0, 1)]
    if binned:
        scores = [_one_score_per_bin(part[f"cell{at}"], part[f"sum{at}"], part["weight"]) for at in (0, 1)]
    one = label == 1.0
    n, weight, square = ([float(part[name][side].sum()) for side in (one, ~one)] for name in ("n", "weight", "square"))
    effective = [weight[side] ** 2 / square[side] if square[side] else 0.0 for side in (0, 1)]
    return PairCells(
        scores[0],
        scores[1],
        np.where(one, part["weight"], 0.0),
        np.where(one, 0.0, part["weight"]),
        int(n[0]),
        int(n[1]),
        effective[0],
        effective[1],
        binned,
    )


def _one_score_per_bin(cell: Floats, total: Floats, weight: Floats) -> Floats:
    """Return for each row the mean score of its bin, so that all rows of a bin tie."""
    import numpy as np

    _, place = np.unique(cell, return_inverse=True)
    means: Floats = (np.bincount(place, weights=total) / np.bincount(place, weights=weight))[place]
    return means
