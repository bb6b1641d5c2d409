"""Do scores mean what they say? Log loss, Brier score, calibration error and reliability rows from counts by score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, bias_corrected, normal_mean, resample, wilson

Floats = NDArray[np.float64]
Binning = Literal["equal-width", "equal-mass"]
Kind = Literal["expected", "adaptive", "maximum"]

EPSILON = float(np.finfo(np.float64).eps)
INTERVAL_CELLS = 100
"""Groups of scores that an interval is drawn from. Within one the scores differ by 0.01 at most, which leaves out at most
0.005 of a standard deviation per row, where the outcome alone has sqrt(p (1 - p))."""


@dataclass(frozen=True)
class MeanLoss:
    """The mean of a loss over rows, its unbiased variance between rows, and the share of weight that was clipped."""

    value: float
    variance: float
    clipped: float


def brier(score: Floats, positive: Floats, negative: Floats, *, effective: float | None = None) -> MeanLoss:
    r"""Return the Brier score :math:`\frac1n\sum (s_i - y_i)^2`.

    0: every score is the outcome itself; 0.25: every score is 0.5; 1: every score is the opposite of the outcome.

    Parameters
    ----------
    score, positive, negative : shape (n_scores,), distinct scores in [0, 1] and the weight of both outcomes at each.
    effective : effective number of rows, the sum of weights when left out.

    References
    ----------
    G. W. Brier, Monthly Weather Review 78 (1950) 1-3. Equal to ``sklearn.metrics.brier_score_loss``.
    """
    return _mean((1.0 - score) ** 2, score**2, positive, negative, effective, clipped=0.0)


def log_loss(score: Floats, positive: Floats, negative: Floats, *, effective: float | None = None) -> MeanLoss:
    r"""Return the mean negative log-likelihood :math:`-\frac1n\sum [y_i\ln s_i + (1-y_i)\ln(1-s_i)]`, in nats.

    0: every outcome was given probability 1; ln 2 = 0.693: every score is 0.5; without upper bound. Scores are first
    clipped to [eps, 1 - eps] of double precision, as ``sklearn.metrics.log_loss`` does; ``clipped`` is the share of
    weight where that hid an infinite loss.

    References
    ----------
    I. J. Good, J. Royal Statistical Society B 14 (1952) 107-114.
    """
    inside = np.clip(score, EPSILON, 1.0 - EPSILON)
    infinite = float(positive[score <= 0.0].sum() + negative[score >= 1.0].sum())
    clipped = infinite / float(positive.sum() + negative.sum())
    return _mean(-np.log(inside), -np.log1p(-inside), positive, negative, effective, clipped=clipped)


def entropy(positive: Floats, negative: Floats) -> float:
    """Return the log loss of always scoring the base rate, in nats: what a model without information would reach."""
    share = float(positive.sum() / (positive.sum() + negative.sum()))
    return -sum(part * math.log(part) for part in (share, 1.0 - share) if part > 0.0)


def mean_interval(loss: MeanLoss, n: float, confidence: float, bounds: tuple[float, float]) -> Interval | None:
    """Return the normal interval of a mean loss; None for fewer than two rows."""
    return None if n <= 1.0 else normal_mean(loss.value, loss.variance, n, confidence, bounds)


@dataclass(frozen=True)
class ReliabilityRow:
    """One bin: its ends, number of rows, mean score, observed rate with Wilson interval (None under three rows)."""

    low: float
    high: float
    n: float
    mean_score: float | None
    observed: float | None
    observed_low: float | None
    observed_high: float | None


def bin_edges(score: Floats, weight: Floats, bins: int, binning: Binning) -> Floats:
    """Return rising edges from 0 to 1.

    "equal-width": 0, 1/bins, ..., 1. "equal-mass": inner edges at the smallest score at or below which at least j/bins
    of the weight lies; equal scores stay together, so fewer than ``bins`` bins may come out.
    """
    if binning == "equal-width":
        return np.linspace(0.0, 1.0, bins + 1)
    reached = np.cumsum(weight) / weight.sum()
    wanted = np.arange(1, bins) / bins
    inner = np.unique(score[np.searchsorted(reached, wanted - 1e-12, side="left").clip(0, len(score) - 1)])
    inner = inner[(inner > 0.0) & (inner < score[-1])]
    return np.concatenate([[0.0], inner, [1.0]])


def calibration_error(
    score: Floats,
    positive: Floats,
    negative: Floats,
    *,
    bins: int = 10,
    binning: Binning = "equal-width",
    kind: Kind = "expected",
) -> tuple[float, list[ReliabilityRow]]:
    r"""Return a calibration error over bins of the score, and the rows of the reliability diagram.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} d_b, \quad \mathrm{ACE} = \frac1B \sum_b d_b, \quad
              \mathrm{MCE} = \max_b d_b, \qquad d_b = |\bar y_b - \bar s_b|

    over the B filled bins (low, high] (the first closed below), as in ``sklearn.calibration.calibration_curve``. 0: in
    every bin the observed rate equals the mean score; 1: every score is 0 or 1 and wrong. Chance pushes it up in small
    samples.

    Parameters
    ----------
    score, positive, negative : shape (n_scores,), as for :func:`brier`.
    bins, binning : number and kind of bins, see :func:`bin_edges`.
    kind : "expected" weighs bins by their rows, "adaptive" alike, "maximum" takes the worst.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; C. Guo et al., ICML 2017, arXiv:1706.04599; J. Nixon et al.,
    CVPR Workshops 2019, arXiv:1904.01685 (adaptive).
    """
    weight = positive + negative
    edges = bin_edges(score, weight, bins, binning)
    mass, scored, observed = _binned(score, positive[None, :], negative[None, :], edges)
    value = float(_gap(mass, scored, observed, kind)[0])
    rows = []
    for at in range(len(edges) - 1):
        n, k = float(mass[0, at]), float(observed[0, at])
        shown = n >= 3.0
        interval = wilson(min(k, n), n) if shown else None
        rows.append(
            ReliabilityRow(
                float(edges[at]),
                float(edges[at + 1]),
                n,
                float(scored[0, at]) / n if shown else None,
                k / n if shown else None,
                interval.low if interval else None,
                interval.high if interval else None,
            )
        )
    return value, rows


def calibration_interval(
    score: Floats,
    positive: Floats,
    negative: Floats,
    *,
    effective: float,
    seed: int,
    bins: int = 10,
    binning: Binning = "equal-width",
    kind: Kind = "expected",
    confidence: float = 0.95,
    replicates: int = 1_000,
) -> Interval | None:
    """Return the bias-corrected interval of the calibration error by resampling the counts by score.

    Bin edges stay those of the sample. Above 100 distinct scores the interval (not the value) is computed from 100 groups
    of neighbouring scores, each at its mean score and none crossing a bin edge.
    """
    estimate, _ = calibration_error(score, positive, negative, bins=bins, binning=binning, kind=kind)
    edges = bin_edges(score, positive + negative, bins, binning)
    if len(score) > INTERVAL_CELLS:
        score, positive, negative = _coarser(score, positive, negative, edges)
    scale = effective / float(positive.sum() + negative.sum())
    drawn = resample(np.stack([positive, negative]) * scale, seed=seed, replicates=replicates)
    mass, scored, observed = _binned(score, drawn[:, 0], drawn[:, 1], edges)
    return bias_corrected(estimate, _gap(mass, scored, observed, kind), confidence, (0.0, 1.0))


def _mean(
    loss_positive: Floats,
    loss_negative: Floats,
    positive: Floats,
    negative: Floats,
    effective: float | None,
    *,
    clipped: float,
) -> MeanLoss:
    total = float(positive.sum() + negative.sum())
    if total <= 0.0:
        raise ValueError("a mean loss needs at least one row")
    n = total if effective is None else effective
    value = float(np.dot(positive, loss_positive) + np.dot(negative, loss_negative)) / total
    squares = (
        float(np.dot(positive, (loss_positive - value) ** 2) + np.dot(negative, (loss_negative - value) ** 2)) / total
    )
    return MeanLoss(value, squares * n / (n - 1.0) if n > 1.0 else math.nan, clipped)


def _binned(score: Floats, positive: Floats, negative: Floats, edges: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weight, weighted score and positives per bin, each of shape (n_draws, n_bins)."""
    place = np.searchsorted(edges[1:-1], score, side="left")
    member = np.zeros((len(score), len(edges) - 1))
    member[np.arange(len(score)), place] = 1.0
    weight = positive + negative
    return weight @ member, (weight * score) @ member, positive @ member


def _gap(mass: Floats, scored: Floats, observed: Floats, kind: Kind) -> Floats:
    """Return the calibration error of each draw; |positives_b - scores_b| / n is the weighted |rate - score|."""
    apart = np.abs(observed - scored)
    if kind == "expected":
        gaps: Floats = apart.sum(axis=1) / mass.sum(axis=1)
        return gaps
    filled = mass > 0.0
    distances = np.divide(apart, mass, out=np.zeros_like(apart), where=filled)
    found: Floats = distances.max(axis=1) if kind == "maximum" else distances.sum(axis=1) / filled.sum(axis=1)
    return found


def _coarser(score: Floats, positive: Floats, negative: Floats, edges: Floats) -> tuple[Floats, Floats, Floats]:
    cuts = np.union1d(np.linspace(0.0, 1.0, INTERVAL_CELLS + 1), edges)
    place = np.searchsorted(cuts[1:-1], score, side="left")
    weight = positive + negative
    mass, scored, positive, negative = (
        np.bincount(place, weights=part, minlength=len(cuts) - 1).astype(np.float64)
        for part in (weight, weight * score, positive, negative)
    )
    kept = mass > 0.0
    return scored[kept] / mass[kept], positive[kept], negative[kept]
