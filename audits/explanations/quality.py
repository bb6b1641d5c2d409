"""How good is an explanation? Its residual, the spread over rows, the stability of its ranking, and plot points."""

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
    """Shapley values of a sample.

    ``values``: float64 (rows, features); ``base``: what they are counted from; ``outputs``: float64 (rows,), the model's
    own output, computed without the explainer; ``background_rows``: rows of the background that took part, or, for
    path-dependent values, that were given; ``redrawn``: the values against each further draw of the background.
    """

    values: NDArray[np.float64]
    base: float
    outputs: NDArray[np.float64]
    route: str
    variant: str
    library: str
    output: str
    background_rows: int
    redrawn: tuple[NDArray[np.float64], ...] = ()


def residual(found: Contributions) -> float:
    """Return max over rows of |base + sum_j phi_j - f(x)|, in the unit of the output; 0 = exact."""
    import numpy as np

    return float(np.abs(found.base + found.values.sum(axis=1) - found.outputs).max(initial=0.0))


def scale(found: Contributions) -> float:
    """Return the largest absolute output, against which a residual is to be seen."""
    import numpy as np

    return float(np.abs(found.outputs).max(initial=0.0))


def is_exact(found: Contributions) -> bool:
    """Tell whether the residual is within ``TOLERANCE`` x (1 + the largest absolute output)."""
    return residual(found) <= TOLERANCE * (1.0 + scale(found))


def importance(
    values: NDArray[np.float64], strata: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean |phi_j| over the rows asked for and its standard error, each float64 (features,).

    ``strata`` gives the stratum of each explained row, ``sizes`` how many rows asked for each stratum stands for. With
    W_h its share: mean = sum W_h mean_h, se^2 = sum W_h^2 s_h^2 / n_h (Cochran 1977, section 5.3); one stratum:
    s / sqrt(n). A stratum of one row adds nothing to the error.
    """
    import numpy as np

    amounts = np.abs(values)
    mean, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for stratum, size in enumerate(sizes.tolist()):
        rows = amounts[strata == stratum]
        weight = size / float(sizes.sum())
        if len(rows):
            mean += weight * rows.mean(axis=0)
        if len(rows) > 1:
            squares += weight**2 * rows.var(axis=0, ddof=1) / len(rows)
    return mean, np.sqrt(squares)


def redrawn(frame: Any, seed: int) -> NDArray[np.float64]:
    """Return how often each row of ``frame`` occurs in a re-drawn sample: Poisson(1), from its content and the seed.

    Counts that hang on the row alone make the re-drawing of a whole sample the sum of that of its chunks (Poisson
    bootstrap; Chamandy et al. 2012). Rows with equal content share a count.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import poisson

    digest = pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64)
    mixed = digest ^ np.uint64((seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    uniform = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53
    counts: NDArray[np.float64] = np.searchsorted(poisson.cdf(np.arange(20), 1.0), uniform, side="right").astype(float)
    return counts


def lowest_rank_correlation(rankings: Sequence[Sequence[float]]) -> float | None:
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


def beeswarm(values: NDArray[np.float64], sample: Any, background: Any) -> tuple[Point, ...]:
    """Return points for a plot: features by falling importance, rows evenly spaced, values as quantiles only.

    ``sample`` holds the rows the values belong to. The quantile of a value is its mean rank among the background's
    present values, in [0, 1]; None for a missing or unordered value.
    """
    import numpy as np

    count = len(values)
    per_feature = min(count, MAX_POINTS_PER_FEATURE)
    if not count or not values.shape[1]:
        return ()
    chosen = np.unique(np.linspace(0, count - 1, per_feature).astype(np.int64))
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")
    points: list[Point] = []
    for feature in order[: max(1, MAX_POINTS // len(chosen))].tolist():
        quantiles = _quantiles(sample.iloc[chosen, feature], background.iloc[:, feature])
        points += [
            (feature, quantile, float(values[row, feature]))
            for quantile, row in zip(quantiles, chosen.tolist(), strict=True)
        ]
    return tuple(points[:MAX_POINTS])


def _quantiles(column: Any, known: Any) -> list[float | None]:
    """Return the share of known values below each value, half of the equal ones counted."""
    import numpy as np
    import pandas as pd

    def read(series: Any) -> NDArray[np.float64]:
        if series.dtype.kind not in "iuf":
            series = pd.to_numeric(series, errors="coerce")
        found: NDArray[np.float64] = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return found

    present, numbers = np.sort(read(known)), read(column)
    present = present[~np.isnan(present)]
    if not len(present):
        return [None] * len(numbers)
    below, upto = np.searchsorted(present, numbers, side="left"), np.searchsorted(present, numbers, side="right")
    places = (below + upto) / (2.0 * len(present))
    return [None if np.isnan(one) else float(place) for one, place in zip(numbers, places, strict=True)]
