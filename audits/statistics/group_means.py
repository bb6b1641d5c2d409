"""How far do the means of groups differ, and how sure is that?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from audits.statistics.groups import OVERALL, Gap, Side, gaps_of, inner_end, outer_end
from audits.statistics.intervals import REPLICATES, Interval, effective_size

Floats = NDArray[np.float64]
METHOD = "student-t-draws-simultaneous"


@dataclass(frozen=True)
class Mean:
    """The mean of one group over ``n`` rows with the unbiased variance between rows; sum of weights and effective number."""

    name: str
    n: int
    value: float
    variance: float
    weight: float
    effective: float

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(max(0.0, self.variance) / self.effective)

    def interval(self, confidence: float) -> Interval:
        """Student's interval of the mean; more than one effective row."""
        half = float(stats.t.ppf(0.5 + confidence / 2.0, max(1.0, self.effective - 1.0))) * self.error
        return Interval(self.value - half, self.value + half, "student-t", confidence)


def mean_of(name: str, n: int, sums: tuple[float, float], *, weight: float, square: float) -> Mean:
    """Return the mean of weighted values from their sum and sum of squares, and the sums of weights and their squares."""
    value, effective = sums[0] / weight, effective_size(weight, square)
    spread = max(0.0, sums[1] / weight - value * value)
    variance = spread * effective / (effective - 1.0) if effective > 1.0 else 0.0
    return Mean(name, n, value, variance, weight, effective)


def widest_difference(
    means: Sequence[Mean],
    *,
    seed: int,
    confidence: float = 0.95,
    reference: str | None = None,
    comparisons: int = 1,
    replicates: int = REPLICATES,
) -> Gap | None:
    r"""Return the largest difference between means of groups, to each other or to a reference.

    .. math:: \max_g \mu_g - \min_g \mu_g \quad\text{or}\quad \max_g |\mu_g - \mu_{\mathrm{ref}}|

    0: all groups have the same mean. "overall" as reference is the mean of all groups weighted by their rows.

    Returns
    -------
    Gap, or None for fewer than two groups or a reference that is not there. Its interval is made as for
    :func:`audits.statistics.groups.gap_between`, with means drawn from Student's law around those seen.

    References
    ----------
    W. S. Gosset, Biometrika 6 (1908) 1-25.
    """
    if len(means) < 2 or (reference is not None and reference not in (*(one.name for one in means), OVERALL)):
        return None
    names = [one.name for one in means]
    values, errors = np.array([one.value for one in means]), np.array([one.error for one in means])
    freedom = np.array([max(1.0, one.effective - 1.0) for one in means])
    random = np.random.default_rng(seed)
    draws = values + errors * random.standard_t(freedom, (replicates, len(means)))
    shares = np.array([one.weight for one in means])
    shares = shares / shares.sum()
    side: Side = (draws, values, draws[:, :0], values[:0])
    if reference == OVERALL:
        together = float(shares @ values)
        side = (draws, values, (draws @ shares)[:, None], np.array([together]))
        gap, lowest, highest = _furthest(names, values, OVERALL, together)
    elif reference is not None:
        at = names.index(reference)
        side = (np.delete(draws, at, axis=1), np.delete(values, at), draws[:, [at]], values[[at]])
        gap, lowest, highest = _furthest(names[:at] + names[at + 1 :], side[1], reference, float(values[at]))
    else:
        low, high = int(values.argmin()), int(values.argmax())
        gap, lowest, highest = float(values[high] - values[low]), names[low], names[high]
    outer = outer_end([gaps_of(side[0], side[2], "difference")], confidence, "difference")
    if outer is None:
        return Gap(gap, None, 0, lowest, highest)
    inner = inner_end([side], "difference", reference, 1.0 - (1.0 - confidence) / comparisons)
    return Gap(gap, Interval(min(gap, inner), max(gap, outer), METHOD, confidence), 0, lowest, highest)


def _furthest(names: list[str], values: Floats, reference: str, against: float) -> tuple[float, str, str]:
    at = int(np.abs(values - against).argmax())
    pair = (names[at], reference) if values[at] <= against else (reference, names[at])
    return abs(float(values[at]) - against), *pair
