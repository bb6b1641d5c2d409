"""Do scores mean the same in each group? Mean residual and calibration error from sums over bins of the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.statistics.group_means import Mean, mean_of
from audits.statistics.intervals import Interval, bias_corrected, effective_size, resample, wilson

Floats = NDArray[np.float64]
SMALLEST_SHOWN = 3


@dataclass(frozen=True)
class BinnedScores:
    """Sums of one group, each of shape (n_bins, 2): by bin of the score and by outcome (0, 1)."""

    name: str
    n: Floats
    weight: Floats
    square: Floats
    score: Floats
    score_square: Floats

    @property
    def rows(self) -> int:
        """Number of rows."""
        return round(float(self.n.sum()))

    @property
    def mean_score(self) -> float:
        """Mean score."""
        return float(self.score.sum() / self.weight.sum())

    @property
    def observed(self) -> float:
        """Share of outcome 1."""
        return float(self.weight[:, 1].sum() / self.weight.sum())


@dataclass(frozen=True)
class BinRow:
    """One bin of one group: rows, mean score and observed rate with Wilson's interval."""

    n: int
    mean_score: float
    observed: float
    low: float
    high: float


def residual(group: BinnedScores) -> Mean:
    r"""Return the mean of score less outcome, with its variance: :math:`\frac1n\sum (s_i - y_i)`.

    0: the mean score is the observed rate; above 0 the scores of the group are too high, below 0 too low.
    """
    positive, score = group.weight[:, 1].sum(), group.score
    total = float(score.sum() - positive)
    squares = float(group.score_square.sum() - 2.0 * score[:, 1].sum() + positive)
    weight, square = float(group.weight.sum()), float(group.square.sum())
    return mean_of(group.name, group.rows, (total, squares), weight=weight, square=square)


def calibration_error(group: BinnedScores) -> float:
    r"""Return the expected calibration error :math:`\sum_b \frac{n_b}{n} |\bar y_b - \bar s_b|` of a group."""
    return float(np.abs(group.weight[:, 1] - group.score.sum(axis=1)).sum() / group.weight.sum())


def calibration_error_interval(group: BinnedScores, *, seed: int, confidence: float) -> Interval | None:
    """Return the bias-corrected interval of the calibration error over multinomial draws of the cells."""
    effective = effective_size(float(group.weight.sum()), float(group.square.sum()))
    counts = resample(group.weight * (effective / group.weight.sum()), seed=seed)
    mean = np.divide(group.score, group.weight, out=np.zeros_like(group.score), where=group.weight > 0.0)
    gaps = np.abs(counts[..., 1] - (counts * mean).sum(axis=-1)).sum(axis=-1)
    drawn = gaps / counts.sum(axis=(1, 2))
    return bias_corrected(calibration_error(group), drawn, confidence, (0.0, 1.0))


def reliability(group: BinnedScores, confidence: float) -> list[BinRow]:
    """Return the bins of a group that have at least three rows, by rising score."""
    rows = []
    for n, weight, square, score in zip(group.n, group.weight, group.square, group.score, strict=True):
        if n.sum() < SMALLEST_SHOWN:
            continue
        total = float(weight.sum())
        effective, observed = effective_size(total, float(square.sum())), float(weight[1] / total)
        interval = wilson(effective * observed, effective, confidence)
        rows.append(BinRow(round(float(n.sum())), float(score.sum() / total), observed, interval.low, interval.high))
    return rows
