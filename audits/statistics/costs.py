"""What do decisions cost at each threshold, and which threshold would have cost least?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What one row costs by its outcome and its decision; negative costs are gains."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float


@dataclass(frozen=True)
class AtThreshold:
    """Mean cost a row and the confusion shares when scores at or above ``threshold`` are selected."""

    threshold: float
    cost: float
    selected: float
    precision: float | None
    recall: float | None
    specificity: float | None


def mean_cost(cells: Floats, costs: Costs) -> tuple[float, float]:
    r"""Return the mean cost and its variance between rows (population) from the weights of the four cells.

    ``cells`` has shape (2, 2): outcome by decision.

    References
    ----------
    C. Elkan, IJCAI 2001, 973-978.
    """
    prices = np.array([[costs.true_negative, costs.false_positive], [costs.false_negative, costs.true_positive]])
    total = float(cells.sum())
    mean = float((cells * prices).sum()) / total
    return mean, float((cells * (prices - mean) ** 2).sum()) / total


def cost_curve(score: Floats, positive: Floats, negative: Floats, costs: Costs) -> tuple[Floats, Floats]:
    """Return every threshold that changes a decision, and the mean cost at each.

    Thresholds are the distinct scores, rising, and last one above all scores, at which nobody is selected (the next
    double after the largest score). Shape (n_scores + 1,) both.
    """
    total = float(positive.sum() + negative.sum())
    tp = np.concatenate([np.cumsum(positive[::-1])[::-1], [0.0]])
    fp = np.concatenate([np.cumsum(negative[::-1])[::-1], [0.0]])
    fn, tn = float(positive.sum()) - tp, float(negative.sum()) - fp
    paid = tp * costs.true_positive + fp * costs.false_positive + fn * costs.false_negative + tn * costs.true_negative
    return np.concatenate([score, [math.nextafter(float(score[-1]), math.inf)]]), np.asarray(paid / total)


def at_threshold(score: Floats, positive: Floats, negative: Floats, threshold: float, costs: Costs) -> AtThreshold:
    """Return what scores at or above ``threshold`` being selected would have given; None for 0/0."""
    chosen = score >= threshold
    tp, fp = float(positive[chosen].sum()), float(negative[chosen].sum())
    fn, tn = float(positive.sum()) - tp, float(negative.sum()) - fp
    total = tp + fp + fn + tn
    cost, _ = mean_cost(np.array([[tn, fp], [fn, tp]]), costs)
    return AtThreshold(
        threshold,
        cost,
        (tp + fp) / total,
        tp / (tp + fp) if tp + fp > 0.0 else None,
        tp / (tp + fn) if tp + fn > 0.0 else None,
        tn / (tn + fp) if tn + fp > 0.0 else None,
    )
