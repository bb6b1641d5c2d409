"""How large is a quantile, and how sure is it? From ordered values alone, whatever their distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from audits.statistics.intervals import Interval


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed (no interpolation)."""
    return float(np.quantile(np.asarray(values, dtype=np.float64), share, method="inverted_cdf"))


def quantile_interval(values: Sequence[float], share: float, confidence: float = 0.95) -> Interval | None:
    r"""Return the binomial order-statistic interval of a quantile, or None where the values are too few for both ends.

    The number of values below the true quantile is Binomial(n, share), so two of the ordered values hold it with at
    least the stated probability, whatever the distribution. An upper end exists when
    :math:`\text{share}^n \le (1 - c)/2`.

    References
    ----------
    W. J. Conover, *Practical Nonparametric Statistics*, 3rd ed., 1999, section 3.2; computed by
    ``scipy.stats.quantile_test``.
    """
    found = stats.quantile_test(np.asarray(values, dtype=np.float64), p=share).confidence_interval(confidence)
    low, high = float(found.low), float(found.high)
    if not (np.isfinite(low) and np.isfinite(high)):
        return None
    return Interval(low, high, "binomial-order-statistics", confidence)
