"""Which features matter most? Ranking of mean absolute attributions with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
