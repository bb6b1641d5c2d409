"""How far do groups differ? The gap between their rates with its interval, and who is too few to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.statistics.confusion import (
    GroupCells,
    Rate,
    RateDefinition,
    drawn_cells,
    drawn_rates,
    overall,
    rates_of,
)
from audits.statistics.intervals import REPLICATES, Interval, normal_quantile, quantile_of

Floats = NDArray[np.float64]
Kind = Literal["difference", "ratio"]
Side = tuple[Floats, Floats, Floats, Floats]
Status = Literal["measured", "suppressed", "too-small"]

SMALLEST_SHOWN = 3
MOST_PAIRED = 64
METHOD = "multinomial-resampling-simultaneous"
OVERALL = "overall"


@dataclass(frozen=True)
class Gap:
    """The gap between groups: value, interval, the rate and the two groups where it was largest.

    ``value`` is None for a ratio of 0/0, where nobody in any group was selected. ``lowest`` and ``highest`` name the
    groups with the lower and the higher rate; "overall" stands for all groups together.
    """

    value: float | None
    interval: Interval | None
    stratum: int
    lowest: str
    highest: str


def status_of(n: int, over: Sequence[int], min_group_size: int, words: Sequence[str]) -> tuple[Status, str]:
    """Say whether the rates of a group of ``n`` people may be shown, and why not.

    ``over`` holds how many rows each rate is over, ``words`` what these rows are called. Under three people nothing
    about them is shown, not even how many they are. A rate over fewer rows than ``min_group_size`` is not measured:
    one person more or less would move it too far.
    """
    if n < SMALLEST_SHOWN:
        return "suppressed", f"fewer than {SMALLEST_SHOWN} people: nothing about them is shown"
    for rows, stratum in zip(over, words, strict=True):
        if rows < max(min_group_size, SMALLEST_SHOWN):
            count = f"{rows}" if rows >= SMALLEST_SHOWN else f"fewer than {SMALLEST_SHOWN}"
            return "too-small", f"{count} {stratum}, at least {min_group_size} are required"
    return "measured", ""


def also_withheld(sizes: Sequence[int], statuses: Sequence[Status]) -> int | None:
    """Return the place of one more group whose number is not printed, or None where nothing is to be gained.

    Where the suppressed groups of a comparison together have fewer than three people, whoever knows the number of rows
    of the table subtracts what is printed and knows how many they are. The smallest group that is not measured anyway is
    then withheld too. Groups that are measured stay: one person must not be able to switch a comparison off.
    """
    hidden = sum(size for size, status in zip(sizes, statuses, strict=True) if status == "suppressed")
    spare = [(size, at) for at, (size, status) in enumerate(zip(sizes, statuses, strict=True)) if status == "too-small"]
    return min(spare)[1] if 0 < hidden < SMALLEST_SHOWN and spare else None


def gap_between(
    cells: GroupCells,
    rates: Sequence[RateDefinition],
    kind: Kind,
    *,
    seed: int,
    confidence: float = 0.95,
    reference: str | None = None,
    comparisons: int = 1,
    replicates: int = REPLICATES,
    drawn: Floats | None = None,
) -> Gap | None:
    r"""Return the largest difference or smallest ratio of rates between groups, over all the rates given.

    "difference": :math:`\max_s(\max_g r_{sg} - \min_g r_{sg})`; 0: all groups alike, 1: one group never, another
    always. "ratio": :math:`\min_s(\min_g r_{sg} / \max_g r_{sg})`; 1: all alike, 0: some group never. Where nobody in
    any group is a hit the ratio is 0/0 and has no value. With a ``reference`` each group is compared with it alone, and
    ratios above 1 are turned over, so that 1 stays the best and 0 the worst.

    Parameters
    ----------
    cells : of the measured groups.
    rates : one or more rates.
    reference : name of the group all others are compared with, "overall" for all groups together, None for each other.
    comparisons : how many such gaps the caller takes the worst of.
    seed, replicates : of the resampling; same cells and seed, same interval.
    drawn : what ``drawn_cells`` gave for the same cells and seed, where the caller has it.

    Returns
    -------
    Gap, or None for fewer than two groups. The end of its interval that is further from "all alike" is the percentile of
    the resampled gaps. Chance alone drives groups apart, so plain percentiles at the nearer end would exclude "all
    alike" where it is true; there it is

    .. math:: \max_{i,j} \left( |r_i - r_j| - c\,\hat\sigma_{ij} \right)

    with :math:`\hat\sigma_{ij}^2 = \hat\sigma_i^2 + \hat\sigma_j^2` of the draws (groups share no rows, so that their rates
    are drawn uncorrelated) and c the quantile, over draws, of the largest :math:`|(r^*_i - r^*_j) - (r_i - r_j)| /
    \hat\sigma_{ij}` (logarithms of rates for a ratio); above 64 groups a bound on it, :math:`\sqrt{z_{(1)}^2 +
    z_{(2)}^2}` of the two largest deviations. The error at that end is divided by ``comparisons``.

    References
    ----------
    Definitions as in ``fairlearn.metrics.MetricFrame.difference`` and ``.ratio``. J. W. Tukey's studentized range:
    A. J. Hayter, Annals of Statistics 12 (1984) 61-75; P. H. Westfall, S. S. Young, *Resampling-Based Multiple
    Testing*, 1993, section 2.
    """
    if len(cells) < 2 or (reference is not None and reference not in (*cells.names, OVERALL)):
        return None
    best: tuple[float, int, str, str] | None = None
    for stratum, rate in enumerate(rates):
        found = _widest(cells, rate, kind, reference)
        if found[0] is None:
            return Gap(None, None, stratum, found[1], found[2])
        if best is None or (found[0] > best[0] if kind == "difference" else found[0] < best[0]):
            best = (found[0], stratum, found[1], found[2])
    if best is None:
        return None
    draws = drawn_cells(cells, seed=seed, replicates=replicates) if drawn is None else drawn
    sides = [_sides(cells, draws, rate, reference, seed=seed) for rate in rates]
    outer = outer_end([gaps_of(side[0], side[2], kind) for side in sides], confidence, kind)
    if outer is None:
        return Gap(best[0], None, *best[1:])
    inner = inner_end(sides, kind, reference, 1.0 - (1.0 - confidence) / comparisons)
    low, high = (inner, outer) if kind == "difference" else (outer, inner)
    return Gap(best[0], Interval(min(best[0], low), max(best[0], high), METHOD, confidence), *best[1:])


def _widest(
    cells: GroupCells, rate: RateDefinition, kind: Kind, reference: str | None
) -> tuple[float | None, str, str]:
    """Return the gap of one rate and the groups with the lower and the higher rate."""
    named = sorted(zip(rates_of(cells, rate), cells.names, strict=True), key=lambda one: (one[0].value or 0.0, one[1]))
    if reference is None:
        pairs = [(named[0], named[-1])]
    else:
        against = (
            (overall(cells, rate), OVERALL) if reference == OVERALL else next(p for p in named if p[1] == reference)
        )
        pairs = [_ordered(one, against) for one in named if one is not against]
    gaps = [(exact_gap(low[0], high[0], kind), low[1], high[1]) for low, high in pairs]
    known = [gap for gap in gaps if gap[0] is not None]
    if len(known) < len(gaps):
        return next(gap for gap in gaps if gap[0] is None)
    pick = max if kind == "difference" else min
    return pick(known, key=lambda gap: gap[0] or 0.0)


def _ordered(one: tuple[Rate, str], other: tuple[Rate, str]) -> tuple[tuple[Rate, str], tuple[Rate, str]]:
    return (one, other) if (one[0].value or 0.0) <= (other[0].value or 0.0) else (other, one)


def exact_gap(low: Rate, high: Rate, kind: Kind) -> float | None:
    """Return the gap of two rates with one rounding only, so that 48 % of 60 % is exactly 0.8; None for 0/0."""
    if kind == "difference":
        return (high.hits * low.total - low.hits * high.total) / (high.total * low.total)
    if high.hits == 0.0:
        return None
    return (low.hits * high.total) / (high.hits * low.total)


def _sides(cells: GroupCells, drawn: Floats, rate: RateDefinition, reference: str | None, *, seed: int) -> Side:
    """Return the drawn rates and rates of the groups, and of what they are compared with (empty for each other)."""
    rates, values = drawn_rates(cells, drawn, rate, seed=seed), _values(rates_of(cells, rate))
    if reference is None:
        return rates, values, rates[:, :0], values[:0]
    if reference != OVERALL:
        at = cells.names.index(reference)
        return np.delete(rates, at, axis=1), np.delete(values, at), rates[:, [at]], values[[at]]
    hits, total = drawn[..., list(rate.hits)].sum(axis=(1, 2)), drawn[..., list(rate.over)].sum(axis=(1, 2))
    together = np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0.0)
    return rates, values, together[:, None], _values([overall(cells, rate)])


def _values(rates: list[Rate]) -> Floats:
    return np.array([np.nan if rate.value is None else rate.value for rate in rates])


def gaps_of(rates: Floats, against: Floats, kind: Kind) -> Floats:
    """Return the gap of each draw; NaN for 0/0 and for a group that was not drawn."""
    if against.shape[1] == 0:
        low, high = rates.min(axis=1, keepdims=True), rates.max(axis=1, keepdims=True)
    else:
        low, high = np.minimum(rates, against), np.maximum(rates, against)
    if kind == "difference":
        widest: Floats = (high - low).max(axis=1)
        return widest
    smallest: Floats = np.divide(low, high, out=np.full(high.shape, np.nan), where=high > 0.0).min(axis=1)
    return smallest


def outer_end(gaps: list[Floats], confidence: float, kind: Kind) -> float | None:
    """Return the percentile of the worst gap of each draw, None where over half of the draws have none."""
    worst = np.max(gaps, axis=0) if kind == "difference" else np.min(gaps, axis=0)
    known = worst[~np.isnan(worst)]
    if known.size < worst.size / 2:
        return None
    tail = (1.0 - confidence) / 2.0
    return quantile_of(known, 1.0 - tail if kind == "difference" else tail)


def inner_end(sides: list[Side], kind: Kind, reference: str | None, confidence: float) -> float:
    """Return the end of the interval nearer to "all alike"."""
    normal_quantile(confidence)
    level = 1.0 - (1.0 - confidence) / 2.0
    distances, errors, largest = [], [], []
    for rates, values, against, against_value in sides:
        if kind == "ratio":
            smallest = 0.5 / max(1.0, _finest(rates))
            parts = [np.log(np.maximum(part, smallest)) for part in (rates, values, against, against_value)]
        else:
            parts = [rates, values, against, against_value]
        distance, error, deviation = _contrasts(*parts, paired=reference is None, level=level)
        distances.append(distance)
        errors.append(error)
        largest.append(deviation)
    critical = quantile_of(np.max(largest, axis=0), level)
    nearest = max(
        0.0, *(float(np.max(far - critical * wide)) for far, wide in zip(distances, errors, strict=True) if far.size)
    )
    return nearest if kind == "difference" else float(np.exp(-nearest))


def _finest(rates: Floats) -> float:
    """Return one over the smallest positive rate drawn."""
    positive = rates[rates > 0.0]
    return float(1.0 / positive.min()) if positive.size else 1.0


def _contrasts(
    rates: Floats, values: Floats, against: Floats, against_value: Floats, *, paired: bool, level: float
) -> tuple[Floats, Floats, Floats]:
    """Return distances and standard errors of all contrasts, and the largest studentized deviation of each draw.

    Only what decides the quantile ``level`` of the deviations has to be right; a draw far below it may count as 0.
    """
    if not paired:
        contrasts, distance = rates - against, values - against_value
        error = _spread(contrasts)
        return np.abs(distance), error, _largest(contrasts - distance, error)
    if len(values) <= MOST_PAIRED and not np.isnan(rates).any():
        return _of_pairs(rates, values, level)
    one, other = np.triu_indices(len(values), k=1)
    if len(values) <= MOST_PAIRED:
        contrasts, distance = rates[:, one] - rates[:, other], values[one] - values[other]
        error = _spread(contrasts)
        return np.abs(distance), error, _largest(contrasts - distance, error)
    single = _spread(rates)
    deviations = np.sort(np.nan_to_num(np.abs(rates - values) / single), axis=1)
    bound = np.sqrt((deviations[:, -2:] ** 2).sum(axis=1))
    return np.abs(values[one] - values[other]), np.sqrt(single[one] ** 2 + single[other] ** 2), bound


def _of_pairs(rates: Floats, values: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    r"""Return what ``_contrasts`` does where each group was drawn each time, looking only at draws that can matter.

    40 groups make 780 pairs, and the quantile of the largest deviation needs the few draws at its top. Given how many
    rows of each group were drawn their rates are independent, so :math:`\hat\sigma_{ij}^2 = \hat\sigma_i^2 +
    \hat\sigma_j^2`, and no pair of a draw deviates by more than :math:`\sqrt{z_+^2 + z_-^2}` of its furthest groups up and
    down.
    """
    one, other = _pairs(len(values))
    deviations = np.ascontiguousarray((rates - values).T)
    draws = deviations.shape[1]
    own = np.maximum(np.einsum("ij,ij->i", deviations, deviations) / draws - deviations.mean(axis=1) ** 2, 0.0)
    spread = np.maximum(np.sqrt(own[one] + own[other]), 1e-12)
    apart = deviations / np.maximum(np.sqrt(own), 1e-12)[:, None]
    up, down = np.maximum(apart.max(axis=0), 0.0), np.minimum(apart.min(axis=0), 0.0)
    bound = np.sqrt(up * up + down * down) * (1.0 + 1e-9)
    order = np.argsort(-bound)
    needed = draws - int(level * (draws - 1))
    largest = np.zeros(draws)
    done, step = 0, max(16, 2 * needed)
    while done < draws:
        chosen = order[done : done + step]
        looked = deviations.take(chosen, axis=1)
        contrasts = looked.take(one, axis=0)
        contrasts -= looked.take(other, axis=0)
        np.abs(contrasts, out=contrasts)
        contrasts /= spread[:, None]
        largest[chosen] = contrasts.max(axis=0)
        done += chosen.size
        if done < draws and np.partition(largest, -needed)[-needed] >= bound[order[done]]:
            break
    return np.abs(values[one] - values[other]), spread, largest


@lru_cache(maxsize=MOST_PAIRED)
def _pairs(groups: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(groups, k=1)


def _largest(deviations: Floats, error: Floats) -> Floats:
    """Return the largest studentized deviation of each draw; a group that was not drawn deviates from nothing."""
    return np.asarray(np.nan_to_num(np.abs(deviations) / error).max(axis=1))


def _spread(draws: Floats) -> Floats:
    return np.asarray(np.maximum(np.nanstd(draws, axis=0), 1e-12))
