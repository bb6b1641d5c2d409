"""Do two groups differ by more than chance? Exact tests of a two by two table, and the interval of the difference."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from scipy import stats

from audits.statistics.intervals import Interval, wilson

MOST_ROWS_UNCONDITIONAL = 200


@dataclass(frozen=True)
class ExactTests:
    """Two-sided p-values of one two by two table; the unconditional ones are None above 200 rows: it takes too long."""

    fisher: float
    mid_p: float
    boschloo: float | None
    barnard: float | None


def exact_tests(hits: int, n: int, hits_against: int, n_against: int) -> ExactTests:
    r"""Test whether two groups have the same rate.

    Fisher's p adds the probabilities of all tables with the same margins that are no more likely than the one seen; the
    mid-p counts only half of those equally likely, and so is less conservative. Boschloo's test takes Fisher's p as its
    statistic and is the largest p over all common rates: exact without fixing the number of hits, and never less
    powerful. Barnard's does the same with the pooled score statistic of the difference.

    Parameters
    ----------
    hits, n, hits_against, n_against : whole numbers with 0 <= hits <= n and n > 0 in both groups.

    Returns
    -------
    ExactTests; all 1 where everybody or nobody in both groups is a hit.

    References
    ----------
    R. A. Fisher, J. Royal Statistical Society 98 (1935) 39-82; H. O. Lancaster, JASA 56 (1961) 223-234 (mid-p);
    R. D. Boschloo, Statistica Neerlandica 24 (1970) 1-9; G. A. Barnard, Biometrika 34 (1947) 123-138.
    ``scipy.stats.fisher_exact``, ``boschloo_exact`` and ``barnard_exact``.
    """
    if not (0 <= hits <= n and 0 <= hits_against <= n_against and n > 0 and n_against > 0):
        raise ValueError("an exact test needs two groups, each with 0 <= hits <= n and n > 0")
    together, total = hits + hits_against, n + n_against
    if together in (0, total):
        unconditional = 1.0 if total <= MOST_ROWS_UNCONDITIONAL else None
        return ExactTests(1.0, 1.0, unconditional, unconditional)
    table = [[hits, n - hits], [hits_against, n_against - hits_against]]
    fisher = min(1.0, float(stats.fisher_exact(table).pvalue))
    chances = stats.hypergeom(total, together, n)
    likely = float(chances.pmf(hits))
    if _as_likely_beyond_the_mode(chances, hits, together, n, n_against):
        likely *= 2.0
    boschloo = barnard = None
    if total <= MOST_ROWS_UNCONDITIONAL:
        columns = [[hits, hits_against], [n - hits, n_against - hits_against]]
        boschloo = min(1.0, float(stats.boschloo_exact(columns).pvalue))
        barnard = min(1.0, float(stats.barnard_exact(columns).pvalue))
    return ExactTests(fisher, max(0.0, fisher - likely / 2.0), boschloo, barnard)


def _as_likely_beyond_the_mode(chances: Any, hits: int, together: int, n: int, n_against: int) -> bool:
    """Return whether a second number of hits is as likely as ``hits``: the distribution rises to its mode and falls."""
    seen = float(chances.pmf(hits))
    mode = (n + 1) * (together + 1) // (n + n_against + 2)
    if hits < mode:
        beyond = range(mode, min(n, together) + 1)
        at = bisect_left(beyond, -seen * (1 + 1e-9), key=lambda count: -float(chances.pmf(count)))
    else:
        beyond = range(max(0, together - n_against), mode)
        at = bisect_left(beyond, seen * (1 - 1e-9), key=lambda count: float(chances.pmf(count)))
    return at < len(beyond) and math.isclose(float(chances.pmf(beyond[at])), seen, rel_tol=1e-9)


def newcombe(hits: int, n: int, hits_against: int, n_against: int, confidence: float = 0.95) -> Interval:
    r"""Return Newcombe's hybrid score interval of the difference of two independent proportions.

    .. math:: \hat p_1 - \hat p_2 - \sqrt{(\hat p_1 - l_1)^2 + (u_2 - \hat p_2)^2}, \quad
              \hat p_1 - \hat p_2 + \sqrt{(u_1 - \hat p_1)^2 + (\hat p_2 - l_2)^2}

    with Wilson's intervals :math:`[l_i, u_i]` of each. It never has zero width and stays within [-1, 1].

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 (method 10).
    """
    one, other = wilson(hits, n, confidence), wilson(hits_against, n_against, confidence)
    share, against = hits / n, hits_against / n_against
    low = share - against - math.hypot(share - one.low, other.high - against)
    high = share - against + math.hypot(one.high - share, against - other.low)
    return Interval(max(-1.0, low), min(1.0, high), "newcombe", confidence)
