"""How far apart are two distributions, how sure is that, and how far would chance alone put them?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from audits.statistics.drift import EMPTY_BINS
from audits.statistics.histograms import NumberHistogram, kolmogorov_smirnov, shares_below, wasserstein
from audits.statistics.intervals import Interval, bias_corrected, normal_quantile, resample

Floats = NDArray[np.float64]

EXACT_ROWS = 20_000

__all__ = ["EMPTY_BINS", "Distance", "chi_square", "jensen_shannon", "js_parts", "ks", "scaled_wasserstein"]


@dataclass(frozen=True)
class Distance:
    """A distance with its interval, what chance alone would come to, and the largest error that histograms make.

    ``p_value`` is None where there is no test. ``interval`` is widened by ``error`` already.
    """

    value: float
    interval: Interval | None
    by_chance: float
    error: float
    p_value: float | None = None


def ks(reference: NumberHistogram, current: NumberHistogram, confidence: float = 0.95) -> Distance | None:
    r"""Return the distance of Kolmogorov and Smirnov with its test, or None where one side has no value.

    .. math:: D = \sup_x |F(x) - G(x)|, \qquad
              D \pm k_c \sqrt{1/n + 1/m}, \qquad \mathrm{E}_0 D \approx 0.8687 \sqrt{1/n + 1/m}

    with :math:`k_c` the quantile of Kolmogorov's law. The band leaves 0 out exactly when the two-sided test rejects at
    1 - c. The p-value is that of ``scipy.stats.ks_2samp(method="asymp")``; over more than 20,000 effective rows it is
    Kolmogorov's limit with the correction of Vrbik, within 0.00001 of it.

    References
    ----------
    N. Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281; J. L. Hodges, Arkiv för Matematik 3 (1958) 469-486;
    J. Vrbik, Pioneer Journal of Theoretical and Applied Statistics 15 (2018) 15-21.
    """
    if not reference.n or not current.n:
        return None
    found = kolmogorov_smirnov(reference, current)
    n, m = float(max(reference.n, current.n)), float(min(reference.n, current.n))
    spread = math.sqrt(1.0 / n + 1.0 / m)
    band = float(stats.kstwobign.ppf(confidence)) * spread
    value = min(1.0, found.value)
    interval = Interval(max(0.0, value - band), min(1.0, value + found.error + band), "kolmogorov-band", confidence)
    p_value = _p_of_ks(value, max(1.0, round(n * m / (n + m))))
    return Distance(value, interval, math.sqrt(math.pi / 2.0) * math.log(2.0) * spread, found.error, p_value)


def _p_of_ks(value: float, n: float) -> float:
    """Return the p-value of a distance over ``n`` effective rows; of many rows by Kolmogorov's law, corrected.

    Above 20,000 effective rows the law of finitely many costs seconds and differs by less than 0.00001.
    """
    if n <= EXACT_ROWS:
        return float(np.clip(stats.kstwo.sf(value, n), 0.0, 1.0))
    root = math.sqrt(n)
    return float(stats.kstwobign.sf(value * root + 1.0 / (6.0 * root)))


def scaled_wasserstein(
    reference: NumberHistogram, current: NumberHistogram, confidence: float = 0.95
) -> Distance | None:
    r"""Return the Wasserstein distance in standard deviations of the reference.

    .. math:: W = \frac{1}{\sigma_r} \int |F(x) - G(x)|\,dx

    None where one side has no value, where values are infinite, and where the reference does not vary but the other side
    does. The interval is :math:`W \pm z\,\mathrm{se}` by the influence of each row, :math:`\phi(x) = \int_x
    \mathrm{sign}(F - G)`, its lower end less what chance alone comes to, :math:`\sqrt{2/\pi} \int \sqrt{H (1 - H)(1/n +
    1/m)}` with H the distribution of both together.

    References
    ----------
    E. del Barrio, E. Giné, C. Matrán, Annals of Probability 27 (1999) 1009-1071;
    equal to ``scipy.stats.wasserstein_distance`` over the reference's standard deviation within the error.
    """
    found = wasserstein(reference, current)
    unit = reference.deviation
    if found is None or not math.isfinite(unit):
        return None
    if not unit > 0.0:
        return Distance(0.0, None, 0.0, 0.0) if found.value + found.error <= 0.0 else None
    error, chance = _influence(reference, current)
    scale = reference.scale * unit
    value, bound, by_chance = found.value / unit, found.error / unit, chance / scale
    half = normal_quantile(confidence) * error / scale
    low, high = max(0.0, value - by_chance - half - bound), value + half + bound
    return Distance(value, Interval(low, high, "influence-normal", confidence), by_chance, bound)


def _influence(reference: NumberHistogram, current: NumberHistogram) -> tuple[float, float]:
    """Return standard error and chance level of the integral of |F - G|, in the unit of the histogram's places."""
    edges, before_f, after_f = shares_below(reference)
    _, before_g, after_g = shares_below(current)
    width = np.diff(edges)
    n, m = reference.n, current.n
    together = (after_f[:-1] * n + after_g[:-1] * m) / (n + m)
    chance = math.sqrt(2.0 / math.pi) * float(
        (np.sqrt(np.clip(together * (1.0 - together), 0.0, None) * (1.0 / n + 1.0 / m)) * width).sum()
    )
    gap = after_f[:-1] + before_f[1:] - after_g[:-1] - before_g[1:]
    along = np.concatenate([[0.0], np.cumsum(np.sign(gap) * width)])
    middle = (along[:-1] + along[1:]) / 2.0
    variance = 0.0
    for side, before, after in ((reference, before_f, after_f), (current, before_g, after_g)):
        inside, at = before[1:] - after[:-1], after - before
        low, high = before[0], 1.0 - after[-1]
        ends = _beyond(side, edges, low, high)
        places = np.concatenate(
            [middle, along, [along[0] + ends[0] * np.sign(gap[:1].sum() or 1.0), along[-1] + ends[1]]]
        )
        weights = np.concatenate([inside, at, [low, high]])
        # plain sums: the dot product of so short arrays spends its time waking threads
        mean = float((weights * places).sum())
        variance += max(0.0, float((weights * (places - mean) ** 2).sum())) / side.n
    return math.sqrt(variance), chance


def _beyond(side: NumberHistogram, edges: Floats, low: float, high: float) -> tuple[float, float]:
    """Return how far beyond the outermost edges the values there lie on average."""
    sums = (float(side.sums[0]), float(side.sums[-1]))
    counts = (low * side.n, high * side.n)
    below = float(edges[0]) - sums[0] / counts[0] if counts[0] >= 1.0 else 0.0
    above = sums[1] / counts[1] - float(edges[-1]) if counts[1] >= 1.0 else 0.0
    return -below, above


def jensen_shannon(reference: Floats, current: Floats, *, seed: int, confidence: float = 0.95) -> Distance:
    r"""Return the Jensen-Shannon distance of two histograms over the same bins, to base 2.

    .. math:: \sqrt{\tfrac12 \sum_b r_b \log_2 \frac{r_b}{m_b} + \tfrac12 \sum_b c_b \log_2 \frac{c_b}{m_b}},
              \qquad m_b = \frac{r_b + c_b}{2}

    0: the same shares; 1: no bin in common. Empty bins need no correction. The interval is the bias-corrected one of the
    divergence (the square) over multinomial draws of both, its roots taken; by chance the divergence comes to
    about :math:`(B - 1)(1/n + 1/m)/(8 \ln 2)`.

    References
    ----------
    J. Lin, IEEE Transactions on Information Theory 37 (1991) 145-151; ``scipy.spatial.distance.jensenshannon``.
    """
    both = (reference > 0.0) | (current > 0.0)
    before, now = reference[both], current[both]
    value = float(np.nan_to_num(jensenshannon(before, now, base=2.0)))
    drawn = _divergences(resample(before, seed=seed), resample(now, seed=seed + 1))
    found = bias_corrected(value * value, drawn, confidence, (0.0, 1.0))
    interval = None
    if found is not None:
        low, high = math.sqrt(min(found.low, value * value)), math.sqrt(max(found.high, value * value))
        interval = Interval(min(low, value), max(high, value), found.method, confidence)
    chance = (len(before) - 1) * (1.0 / before.sum() + 1.0 / now.sum()) / (8.0 * math.log(2.0))
    return Distance(value, interval, math.sqrt(chance), 0.0)


def js_parts(reference: Floats, current: Floats) -> Floats:
    """Return each bin's part of the divergence in bits; shares are above 0."""
    middle = (reference + current) / 2.0
    parts: Floats = (reference * np.log2(reference / middle) + current * np.log2(current / middle)) / 2.0
    return parts


def _divergences(before: Floats, now: Floats) -> Floats:
    """Return the divergence of each pair of draws, shape (n_draws,)."""
    r, c = (side / side.sum(axis=1, keepdims=True) for side in (before, now))
    middle = (r + c) / 2.0
    total = np.zeros(len(r))
    for side in (r, c):
        ratio = np.divide(side, middle, out=np.ones_like(side), where=side > 0.0)
        total += (side * np.log2(ratio)).sum(axis=1) / 2.0
    return np.clip(total, 0.0, 1.0)


@dataclass(frozen=True)
class ChiSquare:
    """Pearson's test of homogeneity: statistic, degrees of freedom, p-value, Cramér's V, smallest expected count."""

    statistic: float
    freedom: int
    p_value: float
    cramers_v: float
    least_expected: float


def chi_square(reference: Floats, current: Floats) -> ChiSquare | None:
    r"""Return Pearson's chi-square test that two rows of counts have the same shares, or None with one category only.

    .. math:: \chi^2 = \sum_{s,b} \frac{(O_{sb} - E_{sb})^2}{E_{sb}}, \qquad V = \sqrt{\chi^2 / N}

    References
    ----------
    K. Pearson, Philosophical Magazine 50 (1900) 157-175; ``scipy.stats.chi2_contingency`` without correction.
    """
    both = (reference > 0.0) | (current > 0.0)
    table = np.array([reference[both], current[both]])
    if table.shape[1] < 2 or not (table.sum(axis=1) > 0.0).all():
        return None
    found = stats.chi2_contingency(table, correction=False)
    v = math.sqrt(float(found.statistic) / float(table.sum()))
    expected = float(found.expected_freq.min())
    return ChiSquare(float(found.statistic), int(found.dof), float(found.pvalue), min(1.0, v), expected)
