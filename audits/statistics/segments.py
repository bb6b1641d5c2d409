"""Where is a model wrong more often than elsewhere, once it counts how many places were looked at?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from audits.statistics.intervals import Interval, holding, mover_difference, wilson

Floats = NDArray[np.float64]

N, WEIGHT, SQUARE, SUM, SUM_SQUARE = range(5)


@dataclass(frozen=True)
class Split:
    """A cut of one feature: bins up to ``place`` against the rest, or bin ``place`` alone against the rest."""

    feature: int
    alone: bool
    place: int
    gain: float


@dataclass(frozen=True)
class Contrast:
    """A segment against all other rows: mean losses, their difference, p-value (one-sided: worse) and interval."""

    mean: float
    rest: float
    p_value: float
    interval: Interval | None

    @property
    def difference(self) -> float:
        """By how much the segment is worse than the rest."""
        return self.mean - self.rest


def best_split(features: list[Floats], ordered: list[bool], least: int) -> Split | None:
    r"""Return the split of a node that lowers the squared deviation of the loss most, as a regression tree does.

    .. math:: \frac{W_L W_R}{W_L + W_R} (\bar l_L - \bar l_R)^2

    Parameters
    ----------
    features : for each feature sums by bin, shape (n_bins, 5): rows, weights, squared weights, weighted losses and
        weighted squared losses. The first bin holds missing values.
    ordered : whether a feature's bins after the first rise; else each is a category.
    least : rows that both sides must hold.

    References
    ----------
    L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, *Classification and Regression Trees*, 1984, section 8.3.
    """
    best: Split | None = None
    for at, sums in enumerate(features):
        whole = sums.sum(axis=0)
        cuts = [(True, place, sums[place]) for place in range(len(sums))]
        if ordered[at]:
            reached = np.cumsum(sums[1:], axis=0)
            cuts = cuts[:1] + [(False, place, reached[place - 1]) for place in range(1, len(sums) - 1)]
        for alone, place, left in cuts:
            right = whole - left
            if min(left[N], right[N]) < least:
                continue
            apart = left[SUM] / left[WEIGHT] - right[SUM] / right[WEIGHT]
            gain = float(left[WEIGHT] * right[WEIGHT] / whole[WEIGHT] * apart * apart)
            if gain > 1e-12 and (best is None or gain > best.gain * (1.0 + 1e-9)):
                best = Split(at, alone, place, gain)
    return best


def searched(bins: list[int], ordered: list[bool], depth: int) -> int:
    """Return how many segments a tree of this depth could have ended in: every one of them was a candidate.

    A feature of ``bins`` bins (the one for missing values among them) gives so many cuts with two sides each, and a
    segment is up to ``depth`` such sides together.
    """
    sides = sum(2 * (count - 1 if rises else count) for count, rises in zip(bins, ordered, strict=True))
    return sum(sides**level for level in range(1, depth + 1))


def contrast(segment: Floats, whole: Floats, *, exact: bool, of: int, confidence: float) -> Contrast:
    """Hold a segment against all other rows; sums as for :func:`best_split`, each of shape (5,).

    ``exact`` is for losses of 0 and 1 without weights: the p-value is the hypergeometric tail (Fisher's, one-sided) and
    the interval Newcombe's; else Welch's test and interval on Kish's sizes. The interval holds for all ``of`` candidates
    at once (Bonferroni), so it also holds for the one that was picked.

    References
    ----------
    R. A. Fisher, *Statistical Methods for Research Workers*, 1934; R. G. Newcombe, Statistics in Medicine 17 (1998)
    873-890; B. L. Welch, Biometrika 34 (1947) 28-35.
    """
    rest = whole - segment
    own, other = float(segment[SUM] / segment[WEIGHT]), float(rest[SUM] / rest[WEIGHT])
    joint = min(1.0 - 1e-15, 1.0 - (1.0 - confidence) / of)
    if exact:
        counts = round(float(whole[N])), round(float(whole[SUM])), round(float(segment[N]))
        p_value = float(stats.hypergeom.sf(round(float(segment[SUM])) - 1, *counts))
        parts = [
            (share, wilson(min(share, 1.0) * float(side[N]), float(side[N]), joint))
            for share, side in ((own, segment), (other, rest))
        ]
        return Contrast(own, other, min(1.0, p_value), holding(own - other, mover_difference(parts[0], parts[1])))
    errors, sizes = zip(*(_error(side) for side in (segment, rest)), strict=True)
    total = sum(errors)
    if not total > 0.0 or min(sizes) <= 1.0:
        return Contrast(own, other, 0.5 if own == other else 1.0, None)
    df = total**2 / sum(error**2 / (size - 1.0) for error, size in zip(errors, sizes, strict=True))
    t = (own - other) / math.sqrt(total)
    half = float(stats.t.ppf(0.5 + joint / 2.0, df)) * math.sqrt(total)
    interval = Interval(own - other - half, own - other + half, "welch", confidence) if math.isfinite(half) else None
    return Contrast(own, other, float(stats.t.sf(t, df)), interval)


def _error(sums: Floats) -> tuple[float, float]:
    """Return the squared standard error of the mean loss and Kish's size."""
    size = float(sums[WEIGHT] ** 2 / sums[SQUARE])
    mean = float(sums[SUM] / sums[WEIGHT])
    spread = max(0.0, float(sums[SUM_SQUARE] / sums[WEIGHT]) - mean * mean)
    return (spread / (size - 1.0) if size > 1.0 else math.nan), size
