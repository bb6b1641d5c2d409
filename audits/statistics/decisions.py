"""How often are decisions and predicted classes right? Rates of a confusion matrix, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, mover_mean, percentile, resample, wilson

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A proportion with Wilson's interval: value and interval are None for 0/0; ``n`` counts rows it is over."""

    value: float | None
    interval: Interval | None
    n: int


def share(weight: Floats, square: Floats, n: Floats, *, chosen: Mask, of: Mask, confidence: float = 0.95) -> Share:
    """Return the share that the ``chosen`` cells have of the cells in ``of``, with Wilson's interval on Kish's size.

    All arrays have the same shape: weights, squared weights and counts by cell, and two masks (chosen within of).
    """
    total, squares, rows = float(weight[of].sum()), float(square[of].sum()), int(n[of].sum())
    if total <= 0.0:
        return Share(None, None, rows)
    value, size = min(1.0, float(weight[chosen].sum()) / total), total**2 / squares
    return Share(value, wilson(value * size, size, confidence), rows)


def of_confusion(weight: Floats, square: Floats, n: Floats, name: str, confidence: float = 0.95) -> Share:
    r"""Return a rate of a confusion matrix (true class by rows, predicted by columns; 2 x 2 but for the accuracy).

    "accuracy": right among all; "recall" TP/(TP+FN); "specificity" TN/(TN+FP); "precision" TP/(TP+FP); "selected"
    (TP+FP)/all; "jaccard" TP/(TP+FP+FN), of which F1 is the rising function :math:`2J/(1+J)`.
    """
    k = weight.shape[0]
    true, said = np.indices((k, k))
    masks = {
        "accuracy": (true == said, true >= 0),
        "recall": ((true == 1) & (said == 1), true == 1),
        "specificity": ((true == 0) & (said == 0), true == 0),
        "precision": ((true == 1) & (said == 1), said == 1),
        "selected": (said == 1, true >= 0),
        "jaccard": ((true == 1) & (said == 1), (true == 1) | (said == 1)),
    }
    chosen, of = masks[name]
    return share(weight, square, n, chosen=chosen, of=of, confidence=confidence)


def recalls(weight: Floats, square: Floats, n: Floats, confidence: float = 0.95) -> list[Share]:
    """Return for each true class the share predicted as it, in the order of the classes."""
    k = weight.shape[0]
    found = []
    for label in range(k):
        chosen, of = np.zeros((k, k), dtype=bool), np.zeros((k, k), dtype=bool)
        chosen[label, label], of[label] = True, True
        found.append(share(weight, square, n, chosen=chosen, of=of, confidence=confidence))
    return found


def balanced_accuracy(shares: list[Share]) -> tuple[float, Interval | None]:
    """Return the mean recall over the classes that occur, as ``sklearn.metrics.balanced_accuracy_score``, by MOVER."""
    seen = [(found.value, found.interval) for found in shares if found.value is not None and found.interval is not None]
    value = math.fsum(part for part, _ in seen) / len(seen)
    return value, mover_mean(seen)


def f1_of(jaccard: float) -> float:
    """Return F1 = 2J/(1+J) of the Jaccard index J = TP/(TP+FP+FN)."""
    return 2.0 * jaccard / (1.0 + jaccard)


def matthews(weight: Floats) -> Floats:
    r"""Return Matthews' correlation of 2 x 2 matrices, shape (..., 2, 2); NaN for 0/0.

    .. math:: \frac{TP\,TN - FP\,FN}{\sqrt{(TP+FP)(TP+FN)(TN+FP)(TN+FN)}}
    """
    tn, fp, fn, tp = weight[..., 0, 0], weight[..., 0, 1], weight[..., 1, 0], weight[..., 1, 1]
    below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    found: Floats = np.divide(tp * tn - fp * fn, below, out=np.full(np.shape(below), np.nan), where=below > 0.0)
    return found


def macro_f1(weight: Floats) -> Floats:
    """Return the plain mean of F1 over the classes that occur or are predicted, shape (..., k, k) to (...)."""
    hit = np.diagonal(weight, axis1=-2, axis2=-1)
    below = weight.sum(axis=-1) + weight.sum(axis=-2)
    scores = np.divide(2.0 * hit, below, out=np.full(below.shape, np.nan), where=below > 0.0)
    return np.asarray(np.nanmean(scores, axis=-1), dtype=np.float64)


def kappa(weight: Floats) -> Floats:
    r"""Return Cohen's kappa :math:`(p_o - p_e)/(1 - p_e)`, shape (..., k, k) to (...); NaN for 0/0."""
    total = weight.sum(axis=(-2, -1))
    observed = np.trace(weight, axis1=-2, axis2=-1) / total
    expected = (weight.sum(axis=-1) * weight.sum(axis=-2)).sum(axis=-1) / total**2
    apart = 1.0 - expected
    found: Floats = np.divide(observed - expected, apart, out=np.full(np.shape(apart), np.nan), where=apart > 1e-15)
    return found


def resampled(scaled: Floats, statistic: str, *, seed: int, confidence: float) -> Interval | None:
    """Return the percentile interval of a statistic of the matrix over multinomial draws of its cells.

    A matrix with a row or column whose only filled cells are right or only wrong would show too little spread, so half
    a case is added to each empty cell of a 2 x 2 matrix, for the draws only. ``scaled`` adds up to the effective size.
    """
    function = {"matthews": matthews, "macro_f1": macro_f1, "kappa": kappa}[statistic]
    cells = np.where(scaled <= 0.0, 0.5, scaled) if scaled.shape == (2, 2) else scaled
    if float(cells.sum()) < 2.0:
        return None
    return percentile(function(resample(cells, seed=seed)), confidence)
