"""Which features matter most? Ranking of mean absolute attributions with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audits.statistics.intervals import normal_quantile


def ranking(
    features: Sequence[str],
    mean_abs: Sequence[float],
    standard_errors: Sequence[float] | None,
    *,
    max_rank: int,
    confidence: float = 0.95,
) -> tuple[list[dict[str, Any]], float]:
    r"""Return features by falling mean absolute attribution, and the sum of those below ``max_rank``.

    Each row holds ``rank`` (from 1), ``feature``, ``mean_abs``, ``low`` and ``high`` (normal interval
    :math:`\bar x \pm z\,\mathrm{se}` cut at 0, None without standard errors) and ``share`` of the sum over all
    features. Equal values are ordered by name.

    Parameters
    ----------
    features, mean_abs, standard_errors : shape (n_features,), not negative, in the unit of the explained output.

    Raises
    ------
    ValueError
        For lengths that differ and for values that are negative or not finite.
    """
    values = [float(value) for value in mean_abs]
    errors = [float(value) for value in standard_errors] if standard_errors is not None else None
    if len(values) != len(features) or (errors is not None and len(errors) != len(values)):
        raise ValueError("features, means and standard errors must be of one length")
    if any(not math.isfinite(value) or value < 0.0 for value in [*values, *(errors or [])]):
        raise ValueError("mean absolute attributions and their errors are finite and not negative")
    total, z = math.fsum(values), normal_quantile(confidence)
    order = sorted(range(len(values)), key=lambda at: (-values[at], features[at]))
    rows = []
    for rank, at in enumerate(order[:max_rank], start=1):
        half = None if errors is None else z * errors[at]
        rows.append(
            {
                "rank": rank,
                "feature": str(features[at]),
                "mean_abs": values[at],
                "low": None if half is None else max(0.0, values[at] - half),
                "high": None if half is None else values[at] + half,
                "share": values[at] / total if total > 0.0 else None,
            }
        )
    return rows, math.fsum(values[at] for at in order[max_rank:])


@dataclass(frozen=True)
class Moved:
    """How far attributions moved between two versions.

    ``share``: total variation distance between the shares of mean absolute attribution, 0 = each feature keeps its
    share, 1 = none is common; ``low`` and ``high`` its interval; ``rank_correlation``: Kendall's tau-b of the means, None
    where one version's do not vary.
    """

    share: float
    low: float
    high: float
    rank_correlation: float | None
    before: tuple[float, ...]
    after: tuple[float, ...]


def moved_share(
    before: Sequence[float],
    after: Sequence[float],
    before_errors: Sequence[float],
    after_errors: Sequence[float],
    *,
    seed: int,
    confidence: float = 0.95,
) -> Moved | None:
    r"""Return the share of attribution mass that moved between two versions; None where a version has no mass.

    .. math:: \frac12 \sum_j \Big| \frac{\bar\phi_j}{\sum_k \bar\phi_k} - \frac{\bar\phi'_j}{\sum_k \bar\phi'_k} \Big|

    The interval holds the central part of 1,000 draws of all means from normal distributions with their standard
    errors, cut at 0, and is widened to hold the estimate: noise alone moves mass, never less than none.

    Parameters
    ----------
    before, after : shape (n_features,), mean absolute attributions of the same features in the same order.
    before_errors, after_errors : their standard errors.
    """
    import numpy as np
    from scipy.stats import kendalltau

    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if old.sum() <= 0.0 or new.sum() <= 0.0:
        return None
    share = float(np.abs(old / old.sum() - new / new.sum()).sum() / 2.0)
    rng = np.random.default_rng(seed)
    drawn = [
        np.maximum(0.0, rng.normal(means, errors, (1_000, len(means))))
        for means, errors in ((old, before_errors), (new, after_errors))
    ]
    shares = [part / np.maximum(part.sum(axis=1, keepdims=True), 1e-300) for part in drawn]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(np.abs(shares[0] - shares[1]).sum(axis=1) / 2.0, [tail, 1.0 - tail])
    varies = len(old) > 1 and np.ptp(old) > 0 and np.ptp(new) > 0
    return Moved(
        share,
        min(float(low), share),
        max(float(high), share),
        float(kendalltau(old, new).statistic) if varies else None,
        tuple((old / old.sum()).tolist()),
        tuple((new / new.sum()).tolist()),
    )
