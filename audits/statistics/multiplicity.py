"""Many comparisons were made: how small must a p-value be before chance alone no longer explains it?"""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats


def holm(p_values: Sequence[float], *, of: int | None = None) -> list[float]:
    r"""Return Holm's adjusted p-values, in the order given.

    .. math:: \tilde p_{(j)} = \max_{i \le j} \min\{1, (m - i + 1)\, p_{(i)}\}

    Rejecting those at or below alpha keeps the chance of any wrong rejection at alpha, whatever their dependence.

    Parameters
    ----------
    p_values : the p-values, none of them NaN.
    of : m, how many hypotheses were looked at, where only some of their p-values are given; their number when left out.
        With the others unknown the factor of the j-th smallest is at most m - j + 1, so the answer stays valid.

    References
    ----------
    S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70. Equal to R's ``p.adjust(p, "holm")``.
    """
    m = max(len(p_values), of or 0)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (m - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    r"""Return p-values adjusted so that of the alarms raised at a level about that share is false.

    .. math:: \tilde p_{(i)} = \min_{j \ge i} \min\{1, m\, p_{(j)} / j\}

    It holds for independent and for positively dependent comparisons.

    References
    ----------
    Y. Benjamini, Y. Hochberg, J. Royal Statistical Society B 57 (1995) 289-300;
    ``scipy.stats.false_discovery_control``.
    """
    return [float(p) for p in stats.false_discovery_control(list(p_values))] if p_values else []
