"""Many comparisons were made: how small must a p-value be before chance alone no longer explains it?"""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Return p-values adjusted so that the chance of any false alarm stays below the level, whatever the dependence.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\{1, (m - j + 1)\, p_{(j)}\}

    References
    ----------
    S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, reached = [0.0] * len(order), 0.0
    for place, at in enumerate(order):
        reached = max(reached, min(1.0, (len(order) - place) * p_values[at]))
        adjusted[at] = reached
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
