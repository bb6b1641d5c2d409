"""What follows from four counts per group (outcome by decision)? Rates, their intervals, and draws of the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audits.statistics.intervals import REPLICATES, Interval, effective_size, resample, wilson

Floats = NDArray[np.float64]

TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE = range(4)


@dataclass(frozen=True)
class RateDefinition:
    """A rate: cells that count, over cells that are concerned. Cells are numbered ``2 * outcome + decision``."""

    hits: tuple[int, ...]
    over: tuple[int, ...]


RATES: Mapping[str, RateDefinition] = MappingProxyType(
    {
        "selection_rate": RateDefinition((FALSE_POSITIVE, TRUE_POSITIVE), (0, 1, 2, 3)),
        "true_positive_rate": RateDefinition((TRUE_POSITIVE,), (FALSE_NEGATIVE, TRUE_POSITIVE)),
        "false_positive_rate": RateDefinition((FALSE_POSITIVE,), (TRUE_NEGATIVE, FALSE_POSITIVE)),
        "false_negative_rate": RateDefinition((FALSE_NEGATIVE,), (FALSE_NEGATIVE, TRUE_POSITIVE)),
        "positive_predictive_value": RateDefinition((TRUE_POSITIVE,), (FALSE_POSITIVE, TRUE_POSITIVE)),
        "accuracy": RateDefinition((TRUE_NEGATIVE, TRUE_POSITIVE), (0, 1, 2, 3)),
    }
)


@dataclass(frozen=True)
class GroupCells:
    """Outcome by decision for each group: rows, sums of weights and of squared weights, each of shape (n_groups, 4).

    Where outcomes are not known every row stands in the cells of outcome 0, and only the selection rate has a meaning.
    """

    names: tuple[str, ...]
    n: Floats
    weight: Floats
    square: Floats

    def __len__(self) -> int:
        return len(self.names)

    def only(self, chosen: Sequence[int]) -> GroupCells:
        """Return the groups at these places."""
        at = list(chosen)
        if at == list(range(len(self))):
            return self
        return GroupCells(tuple(self.names[place] for place in at), self.n[at], self.weight[at], self.square[at])

    def merged(self, names: Sequence[str], into: Sequence[int]) -> GroupCells:
        """Return larger groups: the groups of this one, in their order, are parts of those at the places ``into``."""
        parts = [np.zeros((len(names), 4)) for _ in range(3)]
        for total, part in zip(parts, (self.n, self.weight, self.square), strict=True):
            np.add.at(total, list(into), part)
        return GroupCells(tuple(names), *parts)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of rows of each group."""
        return tuple(round(total) for total in self.n.sum(axis=1).tolist())

    @cached_property
    def _rates(self) -> dict[RateDefinition, tuple[Rate, ...]]:
        return {}

    def rates(self, rate: RateDefinition) -> tuple[Rate, ...]:
        """Return the rate of each group, worked out when it is first asked for."""
        if rate not in self._rates:
            self._rates[rate] = tuple(_rates(self, rate))
        return self._rates[rate]


class Rate(NamedTuple):
    """Hits among the rows concerned: sums of weights, the number of rows the rate is over, and Kish's effective number."""

    hits: float
    total: float
    n: int
    effective: float

    @property
    def value(self) -> float | None:
        """The rate; None where nobody is concerned (0/0)."""
        return self.hits / self.total if self.total > 0.0 else None

    def interval(self, confidence: float) -> Interval | None:
        """Wilson's interval on the effective numbers; None where nobody is concerned."""
        if self.total <= 0.0:
            return None
        return wilson(self.effective * min(1.0, self.hits / self.total), self.effective, confidence)


def rates_of(cells: GroupCells, rate: RateDefinition) -> list[Rate]:
    """Return the rate of each group."""
    return list(cells.rates(rate))


def _rates(cells: GroupCells, rate: RateDefinition) -> list[Rate]:
    hits, over = list(rate.hits), list(rate.over)
    sums = (
        cells.weight[:, hits].sum(axis=1),
        cells.weight[:, over].sum(axis=1),
        cells.n[:, over].sum(axis=1),
        cells.square[:, over].sum(axis=1),
    )
    return [
        Rate(hit, total, round(rows), effective_size(total, square))
        for hit, total, rows, square in zip(*(part.tolist() for part in sums), strict=True)
    ]


def overall(cells: GroupCells, rate: RateDefinition) -> Rate:
    """Return the rate of all groups taken together."""
    summed = [part.sum(axis=0, keepdims=True) for part in (cells.n, cells.weight, cells.square)]
    return rates_of(GroupCells(("",), *summed), rate)[0]


def drawn_cells(cells: GroupCells, *, seed: int, replicates: int = REPLICATES) -> Floats:
    r"""Draw the sums of weights of all cells as a bootstrap of the rows would.

    Counts of n rows drawn with replacement are one draw of Multinomial(n, counts / n): without weights this *is* the
    row bootstrap. With weights the sum over the k rows drawn into a cell has mean :math:`k \bar w` and variance
    :math:`k s_w^2`; it is drawn from the normal law with these two.

    Returns
    -------
    Array of shape (replicates, n_groups, 4), not negative.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, sections 5 and 6.
    """
    counts = resample(cells.n, seed=seed, replicates=replicates)
    n = np.maximum(cells.n, 1.0)
    mean = cells.weight / n
    spread = np.maximum(cells.square / n - mean * mean, 0.0)
    if np.all(spread <= 1e-12 * np.maximum(mean * mean, 1e-300)):
        return np.asarray(counts * mean)
    noise = np.moveaxis(np.random.default_rng([seed, 1]).standard_normal((*cells.n.shape, replicates)), -1, 0)
    return np.maximum(counts * mean + np.sqrt(counts * spread) * noise, 0.0)


def drawn_rates(cells: GroupCells, drawn: Floats, rate: RateDefinition, *, seed: int) -> Floats:
    """Return the rate of each group in each draw, shape (replicates, n_groups); NaN where nobody is concerned.

    A rate of exactly 0 or 1 would never vary: for such a group half a case is put on the empty side, and the hits are
    drawn from the binomial law of the share that results.
    """
    hits, total = (np.asarray(sum(drawn[..., cell] for cell in part)) for part in (rate.hits, rate.over))
    rates: Floats = np.divide(hits, total, out=np.full_like(total, np.nan), where=total > 0.0)
    constant = [(at, one) for at, one in enumerate(cells.rates(rate)) if not 0.0 < one.hits < one.total]
    if not constant:
        return rates
    random = np.random.default_rng([seed, 2])
    for at, found in constant:
        if found.value is None:
            continue
        size = max(1, round(found.effective))
        share = (size * found.value + 0.5) / (size + 1.0)
        rates[:, at] = random.binomial(size, share, len(rates)) / size
    return rates
