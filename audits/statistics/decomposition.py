"""What is a Brier score made of: miscalibration, discrimination and what cannot be known?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decomposition:
    """Murphy's three terms over bins of the score, and the two that are left within bins of more than one score."""

    reliability: float
    resolution: float
    uncertainty: float
    within_bin_variance: float
    within_bin_covariance: float

    @property
    def total(self) -> float:
        """The Brier score that the five terms add up to."""
        three = self.reliability - self.resolution + self.uncertainty
        return three + self.within_bin_variance - 2.0 * self.within_bin_covariance


def decompose(score: Floats, positive: Floats, negative: Floats, edges: Floats | None = None) -> Decomposition:
    r"""Return the decomposition of the Brier score over bins of the score.

    .. math:: B = \underbrace{\sum_k \tfrac{n_k}{n}(\bar s_k - \bar y_k)^2}_{\text{reliability}}
              - \underbrace{\sum_k \tfrac{n_k}{n}(\bar y_k - \bar y)^2}_{\text{resolution}}
              + \underbrace{\bar y(1 - \bar y)}_{\text{uncertainty}}
              + \underbrace{\tfrac1n\sum_k\sum_{i \in k}(s_i - \bar s_k)^2}_{\text{within-bin variance}}
              - 2\underbrace{\tfrac1n\sum_k\sum_{i \in k}(s_i - \bar s_k)(y_i - \bar y_k)}_{\text{within-bin covariance}}

    Exact for any bins. Without ``edges`` each distinct score is a bin and the last two terms are 0.

    Parameters
    ----------
    score, positive, negative : shape (n_scores,), rising distinct scores and the weight of both outcomes at each.
    edges : rising edges from 0 to 1; bins are (low, high], the first closed below.

    References
    ----------
    A. H. Murphy, Journal of Applied Meteorology 12 (1973) 595-600; D. B. Stephenson, C. A. S. Coelho, I. T. Jolliffe,
    Weather and Forecasting 23 (2008) 752-757.
    """
    weight = positive + negative
    total = float(weight.sum())
    place = np.arange(len(score)) if edges is None else np.searchsorted(edges[1:-1], score, side="left")
    mass, scored, observed = (np.bincount(place, weights=part) for part in (weight, weight * score, positive))
    kept = mass > 0.0
    mean_score = np.divide(scored, mass, out=np.zeros_like(mass), where=kept)
    rate = np.divide(observed, mass, out=np.zeros_like(mass), where=kept)
    base = float(positive.sum()) / total
    apart = score - mean_score[place]
    covariance = positive * (1.0 - rate[place]) * apart - negative * rate[place] * apart
    return Decomposition(
        float(np.dot(mass, (mean_score - rate) ** 2)) / total,
        float(np.dot(mass, (rate - base) ** 2)) / total,
        base * (1.0 - base),
        float(np.dot(weight, apart**2)) / total,
        float(covariance.sum()) / total,
    )
