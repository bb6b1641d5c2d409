"""How good is an explanation? Contributions of one background, their residual, spread, stability and plot points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.explanations.contract import MAX_POINTS, MAX_POINTS_PER_FEATURE, Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOLERANCE = 1e-6
"""Largest additivity residual, relative to the largest output, at which a route still counts as exact."""


@dataclass(frozen=True)
class Contributions:
    """Shapley values of a sample against one background.

    ``values``: float64 (rows, features); ``base``: mean output over the background; ``outputs``: float64 (rows,), the
    model's own output, computed without the explainer; ``rows``: which rows of the sample these are, (rows,) integers.
    """

    values: NDArray[np.float64]
    base: float
    outputs: NDArray[np.float64]
    rows: NDArray[np.int64]
    route: str
    variant: str
    library: str
    output: str
    background_rows: int


def residual(found: Contributions) -> float:
    """Return max over rows of |base + sum_j phi_j - f(x)|, in the unit of the output; 0 = exact."""
    import numpy as np

    return float(np.abs(found.base + found.values.sum(axis=1) - found.outputs).max(initial=0.0))


def is_exact(found: Contributions) -> bool:
    """Tell whether the residual is within ``TOLERANCE`` x (1 + the largest absolute output)."""
    import numpy as np

    return residual(found) <= TOLERANCE * (1.0 + float(np.abs(found.outputs).max(initial=0.0)))


def importance(found: Contributions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean |phi_j| over rows and its standard error s/sqrt(n), each float64 (features,); error 0 for one row."""
    import numpy as np

    sizes = np.abs(found.values)
    rows = len(sizes)
    error = sizes.std(axis=0, ddof=1) / np.sqrt(rows) if rows > 1 else np.zeros(sizes.shape[1])
    return sizes.mean(axis=0), error


def rank_stability(rankings: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the lowest Kendall tau-b between any two vectors of importances; None without two that vary.

    1 = every seed ranks the features alike, 0 = unrelated, -1 = reversed (Kendall 1945).
    """
    import numpy as np
    from scipy.stats import kendalltau

    lowest: float | None = None
    for place, first in enumerate(rankings):
        for second in rankings[place + 1 :]:
            if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
                continue
            tau = float(kendalltau(first, second).statistic)
            lowest = tau if lowest is None else min(lowest, tau)
    return None if lowest is None else max(-1.0, min(1.0, lowest))


def beeswarm(found: Contributions, sample: Any) -> tuple[Point, ...]:
    """Return points for a plot: features by falling importance, rows evenly spaced, values as quantiles only.

    ``sample`` is the data frame the contributions belong to. The quantile is the mean rank of the value among the
    feature's present values, in [0, 1]; None for a missing or unordered value.
    """
    import numpy as np

    count, width = found.values.shape
    per_feature = min(count, MAX_POINTS_PER_FEATURE)
    chosen = np.unique(np.linspace(0, count - 1, per_feature).astype(np.int64)) if count else np.zeros(0, np.int64)
    order = np.argsort(-np.abs(found.values).mean(axis=0), kind="stable") if count else np.zeros(0, np.int64)
    points: list[Point] = []
    for feature in order[: max(1, MAX_POINTS // max(1, len(chosen)))].tolist():
        quantiles = _quantiles(sample.iloc[found.rows, feature])
        points += [(feature, quantiles[row], float(found.values[row, feature])) for row in chosen.tolist()]
    return tuple(points[:MAX_POINTS]) if width else ()


def _quantiles(column: Any) -> list[float | None]:
    """Return (mean rank - 1) / (present - 1) of each value, 0.5 where one value is present."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    present = int(numbers.notna().sum())
    ranks = numbers.rank(method="average")
    return [
        None if pd.isna(rank) else 0.5 if present == 1 else (float(rank) - 1.0) / (present - 1.0)
        for rank in ranks.tolist()
    ]
