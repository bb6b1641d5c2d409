"""How strongly does one column alone go with the outcome? From 0, not at all, to 1, perfectly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.statistics.auc import auc_delong
from audits.statistics.intervals import Interval, normal_quantile

FEW_ROWS = 4


@dataclass(frozen=True)
class Strength:
    """A strength in [0, 1], its standard error (NaN where unknown), and how it was worked out."""

    value: float
    error: float
    how: str


def by_rank(n_class: int, n_rest: int, below: float, below_square: float, above_square: float) -> Strength | None:
    r"""Return :math:`|2A - 1|` (Somers' D) of a numeric column for one class against the rest, from sums of placements.

    0: the column does not order the outcomes; 1: it orders them perfectly, whichever way.

    References
    ----------
    R. H. Somers, American Sociological Review 27 (1962) 799-811; DeLong et al., Biometrics 44 (1988) 837-845.
    """
    if not (n_class and n_rest):
        return None
    area = below / n_class
    if min(n_class, n_rest) < 2:
        return Strength(abs(2.0 * area - 1.0), math.nan, "rank")
    spread = max(0.0, below_square / n_class - area * area) / (n_class - 1)
    spread += max(0.0, above_square / n_rest - area * area) / (n_rest - 1)
    return Strength(abs(2.0 * area - 1.0), 2.0 * math.sqrt(spread), "rank")


def by_category(counts: NDArray[np.int64], of: int) -> Strength | None:
    r"""Return :math:`\max(0, 2A - 1)` of a column of categories for the class in column ``of``.

    Each row is scored with the share of the class among the *other* rows of its category (the base rate where there is
    none), so that a category of one row says nothing and a column of identifiers gets 0.

    Parameters
    ----------
    counts : shape (n_categories, n_classes), rows.

    References
    ----------
    D. Micci-Barreca, ACM SIGKDD Explorations 3 (2001) 27-32 (encoding by target, here with the row left out).
    """
    inside = counts[:, of].astype(np.float64)
    total = counts.sum(axis=1).astype(np.float64)
    rest = total - inside
    if not (inside.sum() and rest.sum()):
        return None
    base = float(inside.sum() / total.sum())
    others = np.where(total > 1.0, total - 1.0, 1.0)
    as_class = np.where(total > 1.0, (inside - 1.0) / others, base)
    as_rest = np.where(total > 1.0, inside / others, base)
    score = np.concatenate([as_class[inside > 0], as_rest[rest > 0]])
    weight = np.concatenate([inside[inside > 0], rest[rest > 0]])
    label = np.concatenate([np.ones(int((inside > 0).sum())), np.zeros(int((rest > 0).sum()))])
    values, place = np.unique(score, return_inverse=True)
    sides = [
        np.bincount(place[label == k], weights=weight[label == k], minlength=len(values)).astype(np.float64)
        for k in (1, 0)
    ]
    found = auc_delong(sides[0], sides[1])
    error = 2.0 * math.sqrt(found.variance) if found.variance >= 0.0 else math.nan
    return Strength(max(0.0, 2.0 * found.value - 1.0), error, "category")


def by_gap(counts: NDArray[np.int64], of: int) -> Strength | None:
    """Return how strongly it goes with a class that the value is missing: the gap between the shares of missing values.

    ``counts`` as for :func:`by_category`, its first row being the missing values.
    """
    inside, total = float(counts[:, of].sum()), float(counts.sum())
    if not (inside and total - inside):
        return None
    gone = float(counts[0, of]), float(counts[0].sum() - counts[0, of])
    shares = gone[0] / inside, gone[1] / (total - inside)
    variance = shares[0] * (1 - shares[0]) / inside + shares[1] * (1 - shares[1]) / (total - inside)
    return Strength(abs(shares[0] - shares[1]), math.sqrt(variance), "missing")


def by_correlation(correlation: float, n: int) -> Strength:
    r"""Return :math:`|\rho|` of ranks with the standard error of Bonett and Wright on Fisher's scale, brought back.

    References
    ----------
    D. G. Bonett, T. A. Wright, Psychometrika 65 (2000) 23-28.
    """
    rho = min(1.0, max(-1.0, correlation))
    error = math.sqrt((1.0 + rho * rho / 2.0) / (n - 3)) * (1.0 - rho * rho) if n >= FEW_ROWS else math.nan
    return Strength(abs(rho), error, "rank")


def by_means(n: NDArray[np.float64], mean: NDArray[np.float64], within: NDArray[np.float64]) -> Strength | None:
    r"""Return :math:`\omega` of amounts over categories: the root of the share of variance between them, chance taken off.

    .. math:: \omega^2 = \frac{SS_b - (k - 1)\,MS_w}{SS_t + MS_w}

    References
    ----------
    W. L. Hays, *Statistics*, 1963.
    """
    total, groups = float(n.sum()), len(n)
    if total <= groups:
        return None
    middle = float(np.dot(n, mean) / total)
    between, inside = float(np.dot(n, (mean - middle) ** 2)), float(within.sum())
    noise = inside / (total - groups)
    if not between + inside > 0.0:
        return None
    return Strength(
        math.sqrt(max(0.0, (between - (groups - 1) * noise) / (between + inside + noise))), math.nan, "category"
    )


def mean_of(strengths: list[Strength]) -> Strength | None:
    """Return the mean over classes; its error is the mean of the errors, which is never too small."""
    if not strengths:
        return None
    value = math.fsum(found.value for found in strengths) / len(strengths)
    return Strength(value, math.fsum(found.error for found in strengths) / len(strengths), strengths[0].how)


def strength_interval(found: Strength, confidence: float) -> Interval | None:
    """Return the normal interval of a strength, cut to [0, 1]; None where its error is zero or unknown."""
    if not found.error > 0.0:
        return None
    half = normal_quantile(confidence) * found.error
    return Interval(max(0.0, found.value - half), min(1.0, found.value + half), "delong", confidence)
