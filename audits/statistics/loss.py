"""How much does a model lose when its rows change? Paired differences on the same rows, and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, normal_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A quality before and after, what was lost, and the variance of the loss (NaN where it cannot be told)."""

    before: float
    after: float
    value: float
    variance: float


def auc_loss(count: Floats, label: NDArray[np.int64], after: Floats, before: Floats) -> Loss:
    r"""Return the loss of ROC AUC from two scores of the same rows, with DeLong's variance of the paired difference.

    .. math:: \Delta = A_\text{before} - A_\text{after}, \qquad
              \widehat{\mathrm{var}} = \frac{s^2(V^b_{10} - V^a_{10})}{m} + \frac{s^2(V^b_{01} - V^a_{01})}{n}

    with the placements V of DeLong: of a positive, the share of negatives below it (ties half); of a negative, the
    share of positives above it.

    Parameters
    ----------
    count : shape (n_cells,), number of rows of each combination of ``label``, ``after`` and ``before``.

    Raises
    ------
    ValueError
        When one outcome has no row.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    sides = (label == 1, label == 0)
    m, n = (float(count[side].sum()) for side in sides)
    if not (m and n):
        raise ValueError("AUC needs rows of both outcomes")
    placed = [_placements(score, count, sides, (m, n)) for score in (before, after)]
    areas = [float(np.dot(count[sides[0]], place[sides[0]]) / m) for place in placed]
    change = placed[0] - placed[1]
    if m < 2 or n < 2:
        return Loss(areas[0], areas[1], areas[0] - areas[1], math.nan)
    variance = sum(_variance(change[side], count[side], size) / size for side, size in zip(sides, (m, n), strict=True))
    return Loss(areas[0], areas[1], areas[0] - areas[1], variance)


def _placements(
    score: Floats, count: Floats, sides: tuple[NDArray[np.bool_], ...], sizes: tuple[float, float]
) -> Floats:
    """Return each cell's placement among the cells of the other outcome."""
    values, place = np.unique(score, return_inverse=True)
    by_side = [np.bincount(place[side], weights=count[side], minlength=len(values)) for side in sides]
    below = (np.cumsum(by_side[1]) - by_side[1] / 2.0) / sizes[1]
    above = 1.0 - (np.cumsum(by_side[0]) - by_side[0] / 2.0) / sizes[0]
    placed: Floats = np.where(sides[0], below[place], above[place])
    return placed


def _variance(values: Floats, count: Floats, size: float) -> float:
    mean = float(np.dot(count, values) / size)
    return float(np.dot(count, (values - mean) ** 2) / (size - 1.0))


def accuracy_loss(n: int, right_before: int, right_after: int, lost: int, won: int) -> Loss:
    r"""Return the loss of accuracy on the same rows.

    .. math:: \Delta = \frac{b - c}{n}, \qquad \widehat{\mathrm{var}} = \frac{(b + c)/n - \Delta^2}{n - 1}

    Parameters
    ----------
    lost, won : rows right before and wrong after (b), and wrong before and right after (c).

    References
    ----------
    A. Agresti, *Categorical Data Analysis*, 3rd ed., 2013, section 11.1.
    """
    value = (lost - won) / n
    variance = ((lost + won) / n - value * value) / (n - 1) if n > 1 else math.nan
    return Loss(right_before / n, right_after / n, value, variance)


@dataclass(frozen=True)
class ErrorSums:
    """Sums over rows of squared errors before (e^2) and after (f^2), of their squares and of their product."""

    n: int
    before: float
    after: float
    before_square: float
    after_square: float
    product: float


def rmse_loss(sums: ErrorSums, scale: float) -> Loss:
    r"""Return how much the root mean squared error grows, in units of ``scale``, with the variance of the delta method.

    .. math:: \Delta = (\sqrt{\overline{f^2}} - \sqrt{\overline{e^2}}) / s, \qquad
        \widehat{\mathrm{var}} = \frac1n s^2\!\left(\frac{f^2}{2\sqrt{\overline{f^2}}}
        - \frac{e^2}{2\sqrt{\overline{e^2}}}\right) / s^2

    ``before`` and ``after`` are root mean squared errors in units of ``scale`` as well. NaN as variance where an error
    is zero throughout or there is one row.

    References
    ----------
    G. W. Oehlert, The American Statistician 46 (1992) 27-29 (the delta method).
    """
    n = sums.n
    roots = math.sqrt(sums.before / n), math.sqrt(sums.after / n)
    value = (roots[1] - roots[0]) / scale
    if n < 2 or not (roots[0] and roots[1]):
        return Loss(roots[0] / scale, roots[1] / scale, value, math.nan)
    a, b = 1.0 / (2.0 * roots[1]), 1.0 / (2.0 * roots[0])
    mean = a * sums.after / n - b * sums.before / n
    square = a * a * sums.after_square - 2.0 * a * b * sums.product + b * b * sums.before_square
    variance = max(0.0, square / n - mean * mean) / (n - 1) / (scale * scale)
    return Loss(roots[0] / scale, roots[1] / scale, value, variance)


def loss_interval(
    loss: Loss, confidence: float, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Interval | None:
    """Return the normal interval of a loss, cut to ``bounds``; None where its variance is zero or not known."""
    if not loss.variance > 0.0:
        return None
    half = normal_quantile(confidence) * math.sqrt(loss.variance)
    low, high = max(bounds[0], loss.value - half), min(bounds[1], loss.value + half)
    return Interval(min(low, loss.value), max(high, loss.value), "paired-normal", confidence)
