"""Has a distribution moved? Population stability index from paired histograms, and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, bias_corrected, resample

Floats = NDArray[np.float64]

EMPTY_BINS = "half a row in each empty bin"


@dataclass(frozen=True)
class Psi:
    """The index, its part per bin, and how many bins were empty on one side."""

    value: float
    parts: tuple[float, ...]
    empty_bins: int


def psi(reference: Floats, current: Floats) -> Psi:
    r"""Return the population stability index of two histograms over the same bins.

    .. math:: \mathrm{PSI} = \sum_b (c_b - r_b)\,\ln\frac{c_b}{r_b}

    with shares :math:`r_b` of the reference and :math:`c_b` now. 0: the same shares; without upper bound (screening
    practice reads 0.1 as slight and 0.25 as marked). A bin empty on one side would make it infinite: such a bin
    counts as half a row on that side and the shares are taken again. Without empty bins nothing is added.

    Parameters
    ----------
    reference, current : shape (n_bins,), counts, each with a positive sum.

    References
    ----------
    S. Kullback, *Information Theory and Statistics*, 1959 (J-divergence); N. Siddiqi, *Credit Risk Scorecards*, 2006;
    B. Yurdakul, J. Naranjo, Journal of Risk Model Validation 14 (2020) (sampling behaviour).
    """
    both = (reference > 0.0) | (current > 0.0)
    before, now = reference[both], current[both]
    if before.sum() <= 0.0 or now.sum() <= 0.0:
        raise ValueError("PSI needs rows on both sides")
    empty = int((before <= 0.0).sum() + (now <= 0.0).sum())
    parts = _parts(before[None, :], now[None, :])[0]
    return Psi(float(parts.sum()), tuple(float(part) for part in parts), empty)


def psi_interval(
    reference: Floats, current: Floats, *, seed: int, confidence: float = 0.95, replicates: int = 1_000
) -> Interval | None:
    """Return the bias-corrected interval of PSI by resampling both histograms; bins stay as they are."""
    both = (reference > 0.0) | (current > 0.0)
    before = _drawn(tuple(reference[both].tolist()), seed, replicates)
    now = resample(current[both], seed=seed + 1, replicates=replicates)
    return bias_corrected(psi(reference, current).value, _parts(before, now).sum(axis=1), confidence)


@lru_cache(maxsize=8)
def _drawn(counts: tuple[float, ...], seed: int, replicates: int) -> Floats:
    """Return the draws of one histogram: cut at its own quantiles, the reference has the same counts column by column."""
    drawn = resample(np.array(counts), seed=seed, replicates=replicates)
    drawn.setflags(write=False)
    return drawn


def psi_by_chance(reference: Floats, current: Floats) -> float:
    r"""Return about what PSI comes to when nothing has moved: :math:`(B - 1)(1/n + 1/m)` for B bins and n and m rows.

    References
    ----------
    B. Yurdakul, J. Naranjo, Journal of Risk Model Validation 14 (2020).
    """
    bins = int(((reference > 0.0) | (current > 0.0)).sum())
    return (bins - 1) * (1.0 / float(reference.sum()) + 1.0 / float(current.sum()))


def psi_parts(reference: Floats, current: Floats) -> Floats:
    """Return each bin's part of the index; shares are above 0."""
    parts: Floats = (current - reference) * np.log(current / reference)
    return parts


def _parts(before: Floats, now: Floats) -> Floats:
    """Return PSI per bin, shape (n_draws, n_bins)."""
    shares = []
    for counts in (before, now):
        filled = np.where(counts > 0.0, counts, 0.5)
        shares.append(filled / filled.sum(axis=1, keepdims=True))
    parts: Floats = (shares[1] - shares[0]) * np.log(shares[1] / shares[0])
    return parts
