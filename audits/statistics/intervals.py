"""How sure is a number? Interval formulas, each with its name, its reference and its behaviour at the edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from audits.statistics.multinomial import multinomial_draws

Floats = NDArray[np.float64]

REPLICATES = 1_000


@dataclass(frozen=True)
class Interval:
    """A confidence interval: two ends, the name of the formula and the nominal coverage."""

    low: float
    high: float
    method: str
    confidence: float


@lru_cache(maxsize=64)  # scipy takes longer to look at one number than all else of an interval takes
def normal_quantile(confidence: float) -> float:
    """Return z with P(-z < Z < z) = ``confidence`` for a standard normal Z; ValueError outside (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError("confidence must lie strictly between 0 and 1")
    return float(stats.norm.ppf(0.5 + confidence / 2.0))


def effective_size(weight: float, square: float) -> float:
    r"""Return Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`, the count itself when all weights are equal.

    References
    ----------
    L. Kish, *Survey Sampling*, Wiley, 1965, section 8.2.
    """
    return weight * weight / square if square > 0.0 else 0.0


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    r"""Return Wilson's score interval for a proportion.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes, n : number of successes and of trials; effective numbers of weighted data may be fractional. n > 0.
    confidence : nominal coverage in (0, 1).

    Returns
    -------
    Interval within [0, 1]; it never has zero width, also at 0 and n successes.

    References
    ----------
    E. B. Wilson, JASA 22 (1927) 209-212, doi:10.1080/01621459.1927.10502953;
    R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872 (method 3).
    """
    if not (n > 0.0 and 0.0 <= successes <= n):
        raise ValueError("a proportion needs n > 0 and 0 <= successes <= n")
    z = normal_quantile(confidence)
    share, z2 = successes / n, z * z
    middle = share + z2 / (2.0 * n)
    half = z * math.sqrt(share * (1.0 - share) / n + z2 / (4.0 * n * n))
    scale = 1.0 + z2 / n
    low = 0.0 if successes == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if successes == n else min(1.0, (middle + half) / scale)
    return Interval(low, high, "wilson", confidence)


def clopper_pearson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    r"""Return the exact (conservative) interval of Clopper and Pearson for a proportion, from quantiles of the beta
    law.

    Parameters and errors as for :func:`wilson`.

    References
    ----------
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413, doi:10.1093/biomet/26.4.404.
    """
    if not (n > 0.0 and 0.0 <= successes <= n):
        raise ValueError("a proportion needs n > 0 and 0 <= successes <= n")
    normal_quantile(confidence)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, n - successes + 1.0))
    high = 1.0 if successes == n else float(stats.beta.ppf(1.0 - tail, successes + 1.0, n - successes))
    return Interval(low, high, "clopper-pearson", confidence)


def normal_mean(
    mean: float,
    variance: float,
    n: float,
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    r"""Return :math:`\bar x \pm z s / \sqrt n`, cut to ``bounds``; ``variance`` is the unbiased :math:`s^2`, n > 1.

    References
    ----------
    The central limit theorem; e.g. L. Wasserman, *All of Statistics*, Springer, 2004, section 6.3.
    """
    if not (n > 1.0 and variance >= 0.0):
        raise ValueError("the interval of a mean needs n > 1 and a variance that is not negative")
    half = normal_quantile(confidence) * math.sqrt(variance / n)
    return Interval(max(bounds[0], mean - half), min(bounds[1], mean + half), "normal-mean", confidence)


def quantile_of(values: Floats, q: float) -> float:
    """Return ``np.quantile(values, q)`` of one series without NaN, without the checks that take longer than the sum."""
    place = q * (values.size - 1)
    below = min(int(place), values.size - 1)
    above = min(below + 1, values.size - 1)
    parted = np.partition(values, (below, above))
    low, high = float(parted[below]), float(parted[above])
    return low + (high - low) * (place - below)


def resample(counts: Floats, *, seed: int, replicates: int = REPLICATES) -> Floats:
    r"""Draw cell counts as a bootstrap of the rows would.

    Resampling n rows with replacement and counting cells *is* one draw of Multinomial(n, counts / n), so nothing but
    the cells is needed and the cost does not depend on n.

    Parameters
    ----------
    counts : shape (n_cells,) or any shape, non-negative (effective) counts; their sum is rounded to the number of
        draws.
    seed : seed of ``numpy.random.default_rng``; same counts and seed, same draws.
    replicates : number of draws.

    Returns
    -------
    Array of shape (replicates, *counts.shape); the draws of one cell lie next to one another in memory.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, section 5.
    """
    flat = np.asarray(counts, dtype=np.float64).ravel()
    total = flat.sum()
    if not (total > 0.0 and np.all(flat >= 0.0)):
        raise ValueError("resampling needs cell counts that are not negative and not all zero")
    shares = flat / total
    drawn = multinomial_draws(
        max(1, round(float(total))), shares / shares.sum(), np.random.default_rng(seed), replicates=replicates
    )
    return np.moveaxis(drawn.reshape(*np.shape(counts), replicates), -1, 0)


def percentile(replicates: Floats, confidence: float = 0.95) -> Interval | None:
    """Return quantiles of bootstrap replicates, NaN ones (a group not drawn) left out; None when over half are NaN.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, section 13.3.
    """
    normal_quantile(confidence)
    drawn = replicates[~np.isnan(replicates)]
    if drawn.size < replicates.size / 2:
        return None
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return Interval(float(low), float(high), "multinomial-resampling-percentile", confidence)


def bias_corrected(
    estimate: float, replicates: Floats, confidence: float = 0.95, bounds: tuple[float, float] = (0.0, math.inf)
) -> Interval | None:
    r"""Return an interval for a statistic that chance can only push up (calibration error, PSI).

    .. math:: [\min(2\hat\theta - q_+,\; q_- - b),\; \max(2\hat\theta - q_-,\; q_+ - b)]

    with quantiles :math:`q_-, q_+` of the replicates and their bias :math:`b = \bar\theta^* - \hat\theta`, cut to
    ``bounds`` and holding the estimate: the wider end of the reverse percentiles and of the percentiles less the
    bias. Plain percentiles carry the bias twice. Reverse percentiles alone end too low in one sample of eight where
    bins are few and thin; the wider of both keeps to its coverage at the upper end, on which a limit is judged. Where
    nothing is wrong at all (a true value of 0) the lower end of a calibration error still stays above 0 in about four
    samples of ten.

    References
    ----------
    A. C. Davison, D. V. Hinkley, *Bootstrap Methods and their Application*, 1997, sections 2.1 and 5.2.
    """
    plain = percentile(replicates, confidence)
    if plain is None:
        return None
    bias = float(np.nanmean(replicates)) - estimate
    low = max(bounds[0], min(2.0 * estimate - plain.high, plain.low - bias))
    high = min(bounds[1], max(2.0 * estimate - plain.low, plain.high - bias))
    method = "multinomial-resampling-bias-corrected"
    return Interval(min(estimate, low), max(estimate, high), method, confidence)


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Return both ends of an interval, None and None where there is none."""
    return (None, None) if interval is None else (interval.low, interval.high)


def holding(value: float, interval: Interval | None) -> Interval | None:
    """Return the interval, widened to hold the estimate where rounding or a boundary has pushed it to one side."""
    if interval is None:
        return None
    return Interval(min(value, interval.low), max(value, interval.high), interval.method, interval.confidence)


def mover_mean(parts: list[tuple[float, Interval]]) -> Interval:
    r"""Return the interval of a plain mean of independent estimates from the interval of each (MOVER).

    .. math:: \bar\theta - \frac1k\sqrt{\textstyle\sum_j(\hat\theta_j - l_j)^2}, \qquad
              \bar\theta + \frac1k\sqrt{\textstyle\sum_j(u_j - \hat\theta_j)^2}

    It keeps what is good in the parts: with Wilson intervals it has a width also where each estimate is 0 or 1.

    References
    ----------
    G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008) 1693-1702; R. G. Newcombe, ibid. 17 (1998) 873-890.
    """
    middle = math.fsum(value for value, _ in parts) / len(parts)
    below = math.sqrt(math.fsum((value - found.low) ** 2 for value, found in parts)) / len(parts)
    above = math.sqrt(math.fsum((found.high - value) ** 2 for value, found in parts)) / len(parts)
    first = parts[0][1]
    return Interval(middle - below, middle + above, f"mover-{first.method}", first.confidence)


def mover_difference(left: tuple[float, Interval], right: tuple[float, Interval]) -> Interval:
    r"""Return the interval of left minus right, independent, from the interval of each (Newcombe's for Wilson's).

    .. math:: d - \sqrt{(\hat\theta_1 - l_1)^2 + (u_2 - \hat\theta_2)^2}, \qquad
              d + \sqrt{(u_1 - \hat\theta_1)^2 + (\hat\theta_2 - l_2)^2}

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 (method 10 for two Wilson intervals).
    """
    (a, first), (b, second) = left, right
    low = a - b - math.hypot(a - first.low, second.high - b)
    high = a - b + math.hypot(first.high - a, b - second.low)
    return Interval(low, high, f"mover-{first.method}", first.confidence)


def logit_normal(value: float, variance: float, confidence: float = 0.95) -> Interval | None:
    r"""Return :math:`\mathrm{logit}^{-1}(\mathrm{logit}\,\hat\theta \pm z\,\mathrm{se}/\hat\theta(1-\hat\theta))`.

    None where the estimate is 0 or 1 or its variance is zero or unknown. It stays within (0, 1) by itself.

    References
    ----------
    The delta method; e.g. A. W. van der Vaart, *Asymptotic Statistics*, Cambridge, 1998, chapter 3.
    """
    if not (variance > 0.0 and 0.0 < value < 1.0):
        return None
    middle = math.log(value / (1.0 - value))
    half = normal_quantile(confidence) * math.sqrt(variance) / (value * (1.0 - value))
    low, high = (1.0 / (1.0 + math.exp(-end)) if end > -700.0 else 0.0 for end in (middle - half, middle + half))
    return Interval(low, high, "delta-logit", confidence)
