"""How unequally are benefits spread over people, in all and between groups?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BENEFITS = (1.0, 2.0, 0.0, 1.0)
"""Of the cells true negative, false positive, false negative, true positive: decision less outcome, plus 1."""


def benefits_of(cells: Floats, *, between: bool) -> tuple[Floats, Floats]:
    """Return weights and benefits of people alike: one entry a kind of cell, or one a group with its mean benefit.

    Parameters
    ----------
    cells : weights, of shape (..., groups, 4) in the order of ``BENEFITS``.
    between : give each person of a group the mean benefit of the group.

    Returns
    -------
    Two arrays of shape (..., 4) or (..., groups).
    """
    worth = np.array(BENEFITS)
    if not between:
        weights = cells.sum(axis=-2)
        return weights, np.broadcast_to(worth, weights.shape)
    weights = cells.sum(axis=-1)
    total = (cells * worth).sum(axis=-1)
    return weights, np.divide(total, weights, out=np.zeros_like(total), where=weights > 0.0)


def generalized_entropy(weights: Floats, benefits: Floats, alpha: float) -> Floats:
    r"""Return the generalized entropy index over the last axis; NaN where the mean benefit is 0 (0/0).

    .. math:: \frac{1}{\alpha(\alpha - 1)} \left(\frac1n \sum_i (b_i / \mu)^\alpha - 1\right), \qquad
              \alpha = 1:\ \frac1n \sum_i \frac{b_i}{\mu} \ln \frac{b_i}{\mu}

    Parameters
    ----------
    weights, benefits : of people alike, of equal shape; benefits are 0 or more.
    alpha : above 0.

    References
    ----------
    F. A. Cowell, K. Kuga, J. Economic Theory 25 (1981) 131-143.
    """
    share = weights / weights.sum(axis=-1, keepdims=True)
    mean = (share * benefits).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(mean > 0.0, benefits / mean, np.nan)
        if math.isclose(alpha, 1.0):
            terms = np.where(relative == 0.0, 0.0, relative * np.log(relative))
            found = (share * terms).sum(axis=-1)
        else:
            found = ((share * relative**alpha).sum(axis=-1) - 1.0) / (alpha * (alpha - 1.0))
    return np.asarray(np.where(found < 0.0, 0.0, found))
