"""How far has a share moved between two tables? Differences of shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from audits.statistics.intervals import wilson


@dataclass(frozen=True)
class Change:
    """A difference of two shares and its interval."""

    value: float
    low: float
    high: float


def share_change(before: int, n_before: int, now: int, n_now: int, confidence: float = 0.95) -> Change:
    r"""Return :math:`p_2 - p_1` with Newcombe's hybrid score interval.

    .. math:: \left[d - \sqrt{(p_2 - l_2)^2 + (u_1 - p_1)^2},\; d + \sqrt{(u_2 - p_2)^2 + (p_1 - l_1)^2}\right]

    with Wilson's limits l and u of each share. 0: the same share; -1 and 1: from all to none and from none to all.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 (method 10).
    """
    one, two = wilson(before, n_before, confidence), wilson(now, n_now, confidence)
    p1, p2 = before / n_before, now / n_now
    value = p2 - p1
    low = value - math.hypot(p2 - two.low, one.high - p1)
    high = value + math.hypot(two.high - p2, p1 - one.low)
    return Change(value, max(-1.0, low), min(1.0, high))


def size_of(change: Change) -> Change:
    """Return the size of a change without its sign; where the interval holds 0, its lower end is 0."""
    ends = sorted((abs(change.low), abs(change.high)))
    low = 0.0 if change.low <= 0.0 <= change.high else ends[0]
    return Change(abs(change.value), low, ends[1])


def largest(changes: Sequence[Change]) -> Change:
    """Return the largest value with the largest lower and the largest upper end.

    Where each interval holds its value with confidence ``1 - a / k`` (k of them), the result holds the largest true
    value with confidence ``1 - a``.
    """
    return Change(*(max(getattr(change, name) for change in changes) for name in ("value", "low", "high")))
