"""How well do scores rank? Exact area under the ROC curve from counts by score, and its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, normal_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve, its DeLong variance, and the largest error that grouping of scores can have made."""

    value: float
    variance: float
    tie_error: float


def auc_delong(
    positive: Floats,
    negative: Floats,
    *,
    effective_positive: float | None = None,
    effective_negative: float | None = None,
) -> Auc:
    r"""Return the exact AUC with DeLong's variance from weights by distinct score.

    .. math:: \hat A = P(S_1 > S_0) + \tfrac12 P(S_1 = S_0), \qquad
              \widehat{\mathrm{var}} = \frac{s^2_{10}}{m} + \frac{s^2_{01}}{n}

    where :math:`s^2_{10}` is the unbiased variance over positives of the share of negatives ranked below (ties count
    half), :math:`s^2_{01}` that over negatives of the share of positives ranked above. 1: every positive above every
    negative; 0.5: no ranking; 0: perfectly reversed.

    Parameters
    ----------
    positive, negative : shape (n_scores,), weights (counts) of both outcomes, by rising score.
    effective_positive, effective_negative : effective sizes m and n; the sums when left out.

    Raises
    ------
    ValueError
        When one outcome has no weight.

    Notes
    -----
    With fewer than two effective cases of an outcome the variance is NaN. Equal to ``sklearn.metrics.roc_auc_score``.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595;
    X. Sun, W. Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393.
    """
    total_positive, total_negative = float(positive.sum()), float(negative.sum())
    if total_positive <= 0.0 or total_negative <= 0.0:
        raise ValueError("AUC needs cases of both outcomes")
    m = total_positive if effective_positive is None else effective_positive
    n = total_negative if effective_negative is None else effective_negative
    below = (np.cumsum(negative) - negative / 2.0) / total_negative
    above = 1.0 - (np.cumsum(positive) - positive / 2.0) / total_positive
    value = float(np.dot(positive, below) / total_positive)
    if m <= 1.0 or n <= 1.0:
        variance = math.nan
    else:
        spread_positive = float(np.dot(positive, (below - value) ** 2) / total_positive) * m / (m - 1.0)
        spread_negative = float(np.dot(negative, (above - value) ** 2) / total_negative) * n / (n - 1.0)
        variance = spread_positive / m + spread_negative / n
    ties = float(np.dot(positive, negative) / (total_positive * total_negative)) / 2.0
    return Auc(min(1.0, max(0.0, value)), variance, ties)


def auc_interval(auc: Auc, confidence: float = 0.95, scale: Literal["plain", "logit"] = "plain") -> Interval | None:
    r"""Return DeLong's interval for an AUC, or None where the variance is zero or unknown (AUC of exactly 0 or 1).

    "plain": :math:`\hat A \pm z\,\mathrm{se}` cut to [0, 1], as pROC prints it. "logit": the same on
    :math:`\ln(\hat A/(1-\hat A))` with :math:`\mathrm{se}/(\hat A(1-\hat A))`, which stays within (0, 1) by itself.

    References
    ----------
    M. S. Pepe, *The Statistical Evaluation of Medical Tests*, Oxford 2003, section 5.2.4 (logit);
    X. Robin et al., BMC Bioinformatics 12 (2011) 77 (pROC).
    """
    if not auc.variance > 0.0:
        return None
    z, error = normal_quantile(confidence), math.sqrt(auc.variance)
    if scale == "plain":
        return Interval(max(0.0, auc.value - z * error), min(1.0, auc.value + z * error), "delong", confidence)
    middle, half = math.log(auc.value / (1.0 - auc.value)), z * error / (auc.value * (1.0 - auc.value))
    ends = [1.0 / (1.0 + math.exp(-end)) for end in (middle - half, middle + half)]
    return Interval(ends[0], ends[1], "delong-logit", confidence)


def roc_points(score: Floats, positive: Floats, negative: Floats, *, limit: int = 200) -> list[list[float]]:
    """Return at most ``limit`` points [false positive rate, true positive rate, threshold] from (0, 0) to (1, 1).

    A threshold t selects scores >= t; the first point's threshold is 1 above the largest score. Points are spread
    evenly along the curve's length in |dx| + |dy|.
    """
    rates = [np.concatenate([[0.0], np.cumsum(side[::-1])]) / side.sum() for side in (negative, positive)]
    thresholds = np.concatenate([[float(score[-1]) + 1.0], score[::-1]])
    at = np.arange(len(thresholds))
    if len(at) > limit:
        along = rates[0] + rates[1]
        at = np.unique(np.searchsorted(along, np.linspace(0.0, along[-1], limit)).clip(0, len(at) - 1))
    return [[float(rates[0][i]), float(rates[1][i]), float(thresholds[i])] for i in at]
