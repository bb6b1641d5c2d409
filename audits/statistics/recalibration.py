"""By which straight line on the log-odds would the scores have to be bent to mean what they say?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, normal_quantile

Floats = NDArray[np.float64]

CLIP = 1e-12
MAX_STEPS = 100
LARGEST = 1e3


@dataclass(frozen=True)
class Line:
    """Intercept and slope on the log-odds with their standard errors, and the share of weight whose score was cut."""

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float
    clipped: float


def logistic_recalibration(
    score: Floats, positive: Floats, negative: Floats, *, effective: float | None = None
) -> Line | None:
    r"""Fit :math:`\mathrm{logit}\,P(Y = 1) = a + b\,\mathrm{logit}(s)` by maximum likelihood on counts by score.

    Parameters
    ----------
    score, positive, negative : shape (n_scores,), distinct scores in [0, 1], cut to [1e-12, 1 - 1e-12] before their
        log-odds are taken, and the weight of both outcomes at each.
    effective : effective number of rows, by which the weights are scaled for the standard errors.

    Returns
    -------
    Line, or None where there is no maximum: one outcome or one score only, or scores that part the outcomes wholly.

    References
    ----------
    D. R. Cox, Biometrika 45 (1958) 562-565; E. W. Steyerberg, *Clinical Prediction Models*, 2nd ed., 2019, ch. 15.
    """
    weight = positive + negative
    total = float(weight.sum())
    x = _log_odds(score)
    seen = weight > 0.0
    if positive.sum() <= 0.0 or negative.sum() <= 0.0 or np.ptp(x[seen]) == 0.0 or _parted(x, positive, negative):
        return None
    scale = 1.0 if effective is None else effective / total
    design = np.column_stack([np.ones_like(x), x])
    beta = _newton(design, positive * scale, weight * scale, np.array([0.0, 1.0]))
    if beta is None:
        return None
    information = _information(design, weight * scale, beta)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    outside = (score < CLIP) | (score > 1.0 - CLIP)
    clipped = float(weight[outside].sum()) / total
    return Line(float(beta[0]), float(beta[1]), float(errors[0]), float(errors[1]), clipped)


def logistic_intercept(score: Floats, positive: Floats, negative: Floats) -> float | None:
    """Return the intercept a of logit P(Y = 1) = a + logit(s), the slope held at 1; None with one outcome only."""
    if positive.sum() <= 0.0 or negative.sum() <= 0.0:
        return None
    x, weight = _log_odds(score), positive + negative
    wanted = float(positive.sum())
    low, high = -80.0, 80.0
    for _ in range(70):  # halves 160 down to the last digit of a double
        middle = (low + high) / 2.0
        low, high = (middle, high) if float(np.dot(weight, _expit(middle + x))) < wanted else (low, middle)
    return (low + high) / 2.0


def slope_interval(line: Line, confidence: float) -> Interval:
    """Return the normal (Wald) interval of the slope."""
    half = normal_quantile(confidence) * line.slope_error
    return Interval(line.slope - half, line.slope + half, "wald", confidence)


def _newton(design: Floats, positive: Floats, weight: Floats, beta: Floats) -> Floats | None:
    """Maximise the likelihood by Newton's steps, halved while they lose; None where it does not settle."""
    reached = _likelihood(design, positive, weight, beta)
    for _ in range(MAX_STEPS):
        gradient = design.T @ (positive - weight * _expit(design @ beta))
        information = _information(design, weight, beta)
        if not np.linalg.cond(information) < 1e14:
            return None
        step = np.linalg.solve(information, gradient)
        while np.abs(step).max() > 1e-14 and not (
            _likelihood(design, positive, weight, beta + step) >= reached - 1e-12 * abs(reached)
        ):
            step = step / 2.0
        beta = beta + step
        if np.abs(beta).max() > LARGEST:
            return None
        reached = _likelihood(design, positive, weight, beta)
        if np.abs(step).max() < 1e-10 * max(1.0, float(np.abs(beta).max())):
            return beta
    return None


def _likelihood(design: Floats, positive: Floats, weight: Floats, beta: Floats) -> float:
    linear = design @ beta
    return float(np.dot(positive, linear) - np.dot(weight, np.logaddexp(0.0, linear)))


def _information(design: Floats, weight: Floats, beta: Floats) -> Floats:
    rate = _expit(design @ beta)
    found: Floats = (design * (weight * rate * (1.0 - rate))[:, None]).T @ design
    return found


def _log_odds(score: Floats) -> Floats:
    inside = np.clip(score, CLIP, 1.0 - CLIP)
    return np.asarray(np.log(inside) - np.log1p(-inside), dtype=np.float64)


def _expit(x: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)), dtype=np.float64)


def _parted(x: Floats, positive: Floats, negative: Floats) -> bool:
    """Tell whether one cut on the score parts both outcomes (touching allowed): the slope then has no finite maximum."""
    ones, zeros = x[positive > 0.0], x[negative > 0.0]
    return bool(ones.min() >= zeros.max() or zeros.min() >= ones.max() or not math.isfinite(float(x.sum())))
