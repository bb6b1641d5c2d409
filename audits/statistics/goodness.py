"""Could outcomes like these have come from scores like these by chance? Tests of calibration on counts by score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from audits.statistics.calibration import bin_edges

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroupOfScores:
    """One group: its lowest and highest score, effective rows, mean score, observed and expected number of outcome 1."""

    low: float
    high: float
    n: float
    mean_score: float
    observed: float
    expected: float


@dataclass(frozen=True)
class GoodnessOfFit:
    """A test statistic, its degrees of freedom (None where it is standard normal) and its p-value."""

    statistic: float
    df: int | None
    p_value: float


def groups_of_scores(
    score: Floats, positive: Floats, negative: Floats, groups: int, *, effective: float | None = None
) -> list[GroupOfScores]:
    """Cut rising scores into at most ``groups`` groups of about equal weight; equal scores stay together."""
    weight = positive + negative
    scale = 1.0 if effective is None else effective / float(weight.sum())
    edges = bin_edges(score, weight, groups, "equal-mass")
    place = np.searchsorted(edges[1:-1], score, side="left")
    found = []
    for at in range(len(edges) - 1):
        inside = (place == at) & (weight > 0.0)
        n = float(weight[inside].sum()) * scale
        if n <= 0.0:
            continue
        expected = float(np.dot(weight[inside], score[inside])) * scale
        found.append(
            GroupOfScores(
                float(score[inside].min()),
                float(score[inside].max()),
                n,
                expected / n,
                float(positive[inside].sum()) * scale,
                expected,
            )
        )
    return found


def hosmer_lemeshow(groups: list[GroupOfScores], *, fitted: bool) -> GoodnessOfFit | None:
    r"""Return the Hosmer-Lemeshow statistic over groups and its p-value.

    .. math:: H = \sum_g \frac{(O_g - E_g)^2}{n_g \bar s_g (1 - \bar s_g)} \sim \chi^2_{G}\ (\text{or } \chi^2_{G-2})

    G degrees of freedom for rows the scores were not fitted on, G - 2 for the rows of the fit. A group whose mean score
    is 0 or 1 adds nothing where outcomes agree; where they do not, H is infinite and p is 0. None where no degree of
    freedom is left.

    References
    ----------
    D. W. Hosmer, S. Lemeshow, Communications in Statistics A9 (1980) 1043-1069; D. W. Hosmer, S. Lemeshow,
    R. X. Sturdivant, *Applied Logistic Regression*, 3rd ed., 2013, sections 5.2.2 and 5.4.
    """
    df = len(groups) - (2 if fitted else 0)
    if df < 1:
        return None
    statistic = 0.0
    for group in groups:
        variance = group.n * group.mean_score * (1.0 - group.mean_score)
        apart = (group.observed - group.expected) ** 2
        if variance > 1e-12:
            statistic += apart / variance
        elif apart > 1e-12:
            return GoodnessOfFit(math.inf, df, 0.0)
    return GoodnessOfFit(statistic, df, float(stats.chi2.sf(statistic, df)))


def spiegelhalter(
    score: Floats, positive: Floats, negative: Floats, *, effective: float | None = None
) -> GoodnessOfFit | None:
    r"""Return Spiegelhalter's z, two-sided.

    .. math:: z = \frac{\sum_i (y_i - s_i)(1 - 2 s_i)}{\sqrt{\sum_i (1 - 2 s_i)^2 s_i (1 - s_i)}}

    It compares the Brier score with what it would be, were the scores true. Above 0: the Brier score is larger than
    that. None where each score is 0, 0.5 or 1, which leaves nothing to compare.

    References
    ----------
    D. J. Spiegelhalter, Statistics in Medicine 5 (1986) 421-433.
    """
    weight = positive + negative
    scale = 1.0 if effective is None else effective / float(weight.sum())
    apart = 1.0 - 2.0 * score
    above = float(np.dot(positive, (1.0 - score) * apart) - np.dot(negative, score * apart)) * scale
    below = float(np.dot(weight, apart**2 * score * (1.0 - score))) * scale
    if below <= 1e-15:
        return None
    z = above / math.sqrt(below)
    return GoodnessOfFit(z, None, float(2.0 * stats.norm.sf(abs(z))))
