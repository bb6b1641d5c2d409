"""How far do groups differ? Rates by group, the gap between them with its interval, and who is too few to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import Interval, percentile, resample, wilson

Floats = NDArray[np.float64]
Kind = Literal["difference", "ratio"]
Status = Literal["measured", "suppressed", "too-small"]

SMALLEST_SHOWN = 3


@dataclass(frozen=True)
class Rate:
    """Selected among concerned: weights and counts of one group in one stratum (all rows, or one outcome's rows).

    ``selected`` and ``total`` are sums of weights, ``n`` the number of rows the rate is over, ``effective`` Kish's
    size.
    """

    selected: float
    total: float
    n: int
    effective: float

    @property
    def value(self) -> float | None:
        """The rate, None where nobody is concerned (0/0)."""
        return self.selected / self.total if self.total > 0.0 else None

    def interval(self, confidence: float) -> Interval | None:
        """Wilson's interval on the effective numbers, None where nobody is concerned."""
        if self.total <= 0.0:
            return None
        return wilson(self.effective * self.selected / self.total, self.effective, confidence)


@dataclass(frozen=True)
class Group:
    """A group of people with its number of rows and one rate per stratum."""

    name: str
    n: int
    rates: tuple[Rate, ...]


@dataclass(frozen=True)
class Gap:
    """The gap between the measured groups: value, interval, the stratum and the two groups where it was largest.

    ``value`` is None for a ratio of 0/0, where nobody in any group was selected.
    """

    value: float | None
    interval: Interval | None
    stratum: int
    lowest: str
    highest: str


def status_of(group: Group, min_group_size: int, strata: tuple[str, ...]) -> tuple[Status, str]:
    """Say whether a group's rates may be shown, and why not.

    Under three people nothing about them is shown, not even how many they are. A rate over fewer rows than
    ``min_group_size`` is not measured: one person more or less would move it too far.
    """
    if group.n < SMALLEST_SHOWN:
        return "suppressed", f"fewer than {SMALLEST_SHOWN} people: nothing about them is shown"
    for rate, stratum in zip(group.rates, strata, strict=True):
        if rate.n < max(min_group_size, SMALLEST_SHOWN):
            count = f"{rate.n}" if rate.n >= SMALLEST_SHOWN else f"fewer than {SMALLEST_SHOWN}"
            return "too-small", f"{count} {stratum}, at least {min_group_size} are required"
    return "measured", ""


def gap_between(
    groups: list[Group], kind: Kind, *, seed: int, confidence: float = 0.95, replicates: int = 1_000
) -> Gap | None:
    r"""Return the largest difference or smallest ratio of rates between groups, over all strata.

    "difference": :math:`\max_s(\max_g r_{sg} - \min_g r_{sg})`; 0: all groups alike, 1: one group never, another
    always. "ratio": :math:`\min_s(\min_g r_{sg} / \max_g r_{sg})`; 1: all alike, 0: some group never selected. Where
    nobody in any group is selected the ratio is 0/0 and has no value.

    Parameters
    ----------
    groups : the measured groups, at least two, all with the same strata.
    kind : "difference" or "ratio".
    seed, replicates : of the resampling; same cells and seed, same interval.

    Returns
    -------
    Gap, or None for fewer than two groups. Its interval is the percentile interval over multinomial draws of the cells
    group x stratum x selected. A rate of exactly 0 or 1 would never vary in such draws; half a case is added to both
    cells of that group and stratum for the draws only.

    References
    ----------
    Selection-rate ratio: Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4(D) (1978);
    M. Hardt, E. Price, N. Srebro, NeurIPS 2016 (equal opportunity, equalized odds); definitions as in
    ``fairlearn.metrics`` (``method="between_groups"``).
    """
    if len(groups) < 2:
        return None
    best: tuple[float, int, str, str] | None = None
    for stratum in range(len(groups[0].rates)):
        ordered = sorted(groups, key=lambda group: (group.rates[stratum].value or 0.0, group.name))
        low, high = ordered[0], ordered[-1]
        value = _exact(low.rates[stratum], high.rates[stratum], kind)
        if value is None:
            return Gap(None, None, stratum, low.name, high.name)
        worse = best is None or (value > best[0] if kind == "difference" else value < best[0])
        if worse:
            best = (value, stratum, low.name, high.name)
    if best is None:
        return None
    cells = np.array([[_cells(rate) for rate in group.rates] for group in groups])
    drawn = resample(cells, seed=seed, replicates=replicates)
    return Gap(best[0], _holding(best[0], percentile(_gaps(drawn, kind), confidence)), *best[1:])


def _exact(low: Rate, high: Rate, kind: Kind) -> float | None:
    """Return the gap of two rates with one rounding only, so that 48 % of 60 % is exactly 0.8; None for 0/0."""
    if kind == "difference":
        return (high.selected * low.total - low.selected * high.total) / (high.total * low.total)
    if high.selected == 0.0:
        return None
    return (low.selected * high.total) / (high.selected * low.total)


def _cells(rate: Rate) -> tuple[float, float]:
    chosen = rate.effective * rate.selected / rate.total
    rest = rate.effective - chosen
    return (chosen + 0.5, rest + 0.5) if min(chosen, rest) <= 1e-9 else (chosen, rest)


def _gaps(drawn: Floats, kind: Kind) -> Floats:
    """Return the gap of each draw, shape (n_draws, n_groups, n_strata, 2); NaN for 0/0 and for a group not drawn."""
    total = drawn.sum(axis=-1)
    rates = np.divide(drawn[..., 0], total, out=np.full(total.shape, np.nan), where=total > 0.0)
    low, high = rates.min(axis=1), rates.max(axis=1)
    if kind == "difference":
        gaps: Floats = (high - low).max(axis=1)
        return gaps
    ratio = np.divide(low, high, out=np.full(low.shape, np.nan), where=high > 0.0)
    smallest: Floats = ratio.min(axis=1)
    return smallest


def _holding(value: float, interval: Interval | None) -> Interval | None:
    """Return the interval, widened to hold the estimate where a boundary has pushed all draws to one side of it."""
    if interval is None:
        return None
    return Interval(min(value, interval.low), max(value, interval.high), interval.method, interval.confidence)
