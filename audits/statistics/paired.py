"""Is one version better than another on the same rows? Tests and intervals that use that the rows are the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from audits.statistics.intervals import REPLICATES, Interval, normal_quantile, percentile

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "version-worse"]

DRAWN_SCORES = 64
DRAWN_PAIRS = 4_096


@dataclass(frozen=True)
class PairedAuc:
    """Areas of both versions, the variance of each and of their difference, and the largest error that ties made."""

    version: float
    baseline: float
    variance_version: float
    variance_baseline: float
    variance: float
    tie_error: float

    @property
    def difference(self) -> float:
        """Area of this version less that of the other."""
        return self.version - self.baseline

    @property
    def covariance(self) -> float:
        """Covariance of both areas."""
        return (self.variance_version + self.variance_baseline - self.variance) / 2.0


def paired_auc(
    version: Floats,
    baseline: Floats,
    positive: Floats,
    negative: Floats,
    *,
    effective_positive: float | None = None,
    effective_negative: float | None = None,
) -> PairedAuc:
    r"""Return both areas under the ROC curve and DeLong's variance of their difference.

    .. math:: \widehat{\mathrm{var}}(\hat A - \hat B) = \frac{s^2(V^A_{10} - V^B_{10})}{m}
              + \frac{s^2(V^A_{01} - V^B_{01})}{n}

    where :math:`V_{10}` of a positive is the share of negatives scored below it (ties half), :math:`V_{01}` of a
    negative the share of positives scored above it, and :math:`s^2` is unbiased.

    Parameters
    ----------
    version, baseline, positive, negative : shape (n_pairs,), pairs of scores and the weight of both outcomes at each.
    effective_positive, effective_negative : effective sizes m and n; the sums when left out.

    Raises
    ------
    ValueError
        When one outcome has no weight.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    total_positive, total_negative = float(positive.sum()), float(negative.sum())
    if total_positive <= 0.0 or total_negative <= 0.0:
        raise ValueError("AUC needs cases of both outcomes")
    m = total_positive if effective_positive is None else effective_positive
    n = total_negative if effective_negative is None else effective_negative
    found = [_placements(score, positive, negative) for score in (version, baseline)]
    areas = [float(positive @ below) / total_positive for below, _, _ in found]

    def spread(of_positive: Floats, of_negative: Floats) -> float:
        if m <= 1.0 or n <= 1.0:
            return math.nan
        return _variance(of_positive, positive, m) / m + _variance(of_negative, negative, n) / n

    variances = [spread(below, above) for below, above, _ in found]
    apart = spread(found[0][0] - found[1][0], found[0][1] - found[1][1])
    return PairedAuc(areas[0], areas[1], variances[0], variances[1], apart, max(ties for _, _, ties in found))


@dataclass(frozen=True)
class Mcnemar:
    """Discordant rows (only this version right, only the other right) and the p-values of McNemar's test."""

    only_version: float
    only_baseline: float
    exact: float
    mid_p: float
    chi_square: float | None
    chi_square_p: float | None
    chi_square_corrected: float | None
    chi_square_corrected_p: float | None


def mcnemar(only_version: float, only_baseline: float, alternative: Alternative = "two-sided") -> Mcnemar:
    r"""Return McNemar's test of two versions that are right equally often, from the rows where only one is right.

    .. math:: b \mid b + c \sim \mathrm{Bin}(b + c, \tfrac12), \qquad
              p_\text{mid} = p_\text{exact} - \begin{cases} P(b), & \text{two-sided} \\
              \tfrac12 P(b), & \text{one-sided} \end{cases}, \qquad \chi^2 = \frac{(b - c)^2}{b + c}

    Two-sided with b = c, where the exact value is 1, half of P(b) is taken off as well. "version-worse" asks for the chance
    of so few rows that only this version has right, or fewer. The chi-square forms (plain, and with Edwards' correction
    :math:`(|b - c| - 1)^2/(b + c)`) are two-sided. Without discordant rows all p-values are 1 and there is no chi-square.
    Fractional effective counts are allowed.

    References
    ----------
    Q. McNemar, Psychometrika 12 (1947) 153-157; M. W. Fagerland, S. Lydersen, P. Laake, BMC Medical Research
    Methodology 13 (2013) 91 (mid-p); A. L. Edwards, Psychometrika 13 (1948) 185-187.
    """
    b, c = only_version, only_baseline
    if not (b >= 0.0 and c >= 0.0):
        raise ValueError("McNemar's test needs counts that are not negative")
    total = b + c
    if total <= 0.0:
        return Mcnemar(b, c, 1.0, 1.0, None, None, None, None)
    least = b if alternative == "version-worse" else min(b, c)
    tail, point = _half_tail(least, total), _half_point(least, total)
    if alternative == "version-worse":
        exact, mid = min(1.0, tail), max(0.0, tail - point / 2.0)
    else:
        exact = min(1.0, 2.0 * tail)
        mid = 1.0 - point / 2.0 if b == c else min(1.0, max(0.0, 2.0 * tail - point))
    plain, corrected = (b - c) ** 2 / total, max(0.0, abs(b - c) - 1.0) ** 2 / total
    return Mcnemar(
        b, c, exact, mid, plain, float(stats.chi2.sf(plain, 1)), corrected, float(stats.chi2.sf(corrected, 1))
    )


def accuracy_difference(only_version: float, only_baseline: float, n: float, confidence: float) -> Interval:
    r"""Return the interval of Agresti and Min for the difference of two shares of the same rows.

    .. math:: \hat d^* = \frac{b^* - c^*}{n^*}, \quad \widehat{\mathrm{var}} = \frac{(b^* + c^*) - (b^* - c^*)^2/n^*}{n^{*2}}

    with half a row added to each of the four cells, so that it has a width also where no row is discordant.

    References
    ----------
    A. Agresti, Y. Min, Statistics in Medicine 24 (2005) 729-740.
    """
    b, c, total = only_version + 0.5, only_baseline + 0.5, n + 2.0
    middle = (b - c) / total
    half = normal_quantile(confidence) * math.sqrt((b + c) - (b - c) ** 2 / total) / total
    return Interval(max(-1.0, middle - half), min(1.0, middle + half), "agresti-min", confidence)


def bootstrap_means(
    version: Floats, baseline: Floats, weight: Floats, *, root: bool, seed: int, confidence: float
) -> Interval | None:
    """Return the percentile interval of the other version's mean loss less this one's, pairs drawn together.

    ``weight`` has shape (n_pairs,) and adds up to the effective number of rows; ``root`` takes the root of both means.
    """

    def gap(mass: Floats) -> Floats:
        total = mass.sum(axis=1)
        means = [mass @ loss / total for loss in (version, baseline)]
        if root:
            means = [np.sqrt(mean) for mean in means]
        found: Floats = means[1] - means[0]
        return found

    return percentile(np.concatenate([gap(mass) for mass in _chunks(weight, seed)]), confidence)


def bootstrap_auc(
    version: Floats,
    baseline: Floats,
    positive: Floats,
    negative: Floats,
    *,
    effective: float,
    seed: int,
    confidence: float,
) -> Interval | None:
    """Return the percentile interval of the difference of both areas, pairs of scores drawn together.

    Above 4,096 pairs both scores are grouped into 64 ranks of about equal weight for the draws, and the draws are moved
    by what that changed of the difference.
    """
    exact = paired_auc(version, baseline, positive, negative).difference
    scores, weight = [version, baseline], np.stack([positive, negative])
    if len(version) > DRAWN_PAIRS:
        ranks = [_ranks(score, weight.sum(axis=0)) for score in scores]
        place = ranks[0] * DRAWN_SCORES + ranks[1]
        kept, place = np.unique(place, return_inverse=True)
        weight = np.stack([np.bincount(place, weights=side, minlength=len(kept)) for side in weight])
        scores = [(kept // DRAWN_SCORES).astype(np.float64), (kept % DRAWN_SCORES).astype(np.float64)]
    coarse = paired_auc(scores[0], scores[1], weight[0], weight[1]).difference
    scaled = weight * (effective / float(weight.sum()))
    orders = [np.unique(score, return_inverse=True) for score in scores]
    found = []
    for mass in _chunks(scaled.ravel(), seed):
        both = mass.reshape(len(mass), 2, -1)
        areas = [_areas(both, place, len(values)) for values, place in orders]
        found.append(areas[0] - areas[1])
    return percentile(np.concatenate(found) - coarse + exact, confidence)


def _chunks(weight: Floats, seed: int) -> Iterator[Floats]:
    """Yield draws of the cells, in chunks that keep memory small: resampling the cells is resampling the rows."""
    total = max(1, round(float(weight.sum())))
    shares, rng = weight / weight.sum(), np.random.default_rng(seed)
    size = max(1, min(REPLICATES, 4_000_000 // max(1, len(weight))))
    for start in range(0, REPLICATES, size):
        count = min(size, REPLICATES - start)
        yield rng.multinomial(total, shares / shares.sum(), size=count).astype(np.float64)


def _areas(both: Floats, place: NDArray[np.intp], values: int) -> Floats:
    """Return the area of each draw, shape (n_draws, 2, n_pairs); NaN where a draw has one outcome only."""
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(values))
    positive, negative = (np.add.reduceat(both[:, side][:, order], starts, axis=1) for side in (0, 1))
    below = np.cumsum(negative, axis=1) - negative / 2.0
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    area: Floats = np.divide((positive * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0.0)
    return area


def _ranks(score: Floats, weight: Floats) -> NDArray[np.int64]:
    place = np.unique(score, return_inverse=True)[1]
    mass = np.bincount(place, weights=weight)
    middle = (np.cumsum(mass) - mass / 2.0) / mass.sum()
    ranks: NDArray[np.int64] = np.minimum((middle * DRAWN_SCORES).astype(np.int64), DRAWN_SCORES - 1)[place]
    return ranks


def _placements(score: Floats, positive: Floats, negative: Floats) -> tuple[Floats, Floats, float]:
    """Return for each pair the share of negatives below and of positives above it, and the most that ties can move."""
    values, place = np.unique(score, return_inverse=True)
    one, zero = (np.bincount(place, weights=side, minlength=len(values)) for side in (positive, negative))
    below = (np.cumsum(zero) - zero / 2.0) / zero.sum()
    above = 1.0 - (np.cumsum(one) - one / 2.0) / one.sum()
    return below[place], above[place], float(one @ zero) / float(one.sum() * zero.sum()) / 2.0


def _variance(values: Floats, weight: Floats, size: float) -> float:
    total = float(weight.sum())
    mean = float(weight @ values) / total
    return float(weight @ (values - mean) ** 2) / total * size / (size - 1.0)


def _half_tail(k: float, n: float) -> float:
    """Return P(X <= k) for X ~ Bin(n, 1/2), between whole numbers by the incomplete beta function."""
    return 1.0 if k >= n else float(special.betainc(n - k, k + 1.0, 0.5))


def _half_point(k: float, n: float) -> float:
    logarithm = special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
    return float(math.exp(logarithm - n * math.log(2.0)))
