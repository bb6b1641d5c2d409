"""What does running the model cost, and does it say the same twice? Measured inside the sandbox, bounded by the parent."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd

BATCHES = 3
MAX_LOADED_TWICE_BYTES = 256 * 2**20
_LARGEST = 1.7976931348623157e308


def measured(
    first: Predictor,
    again: Callable[[], Predictor],
    frame: pd.DataFrame,
    *,
    path: Path,
    load_seconds: float,
    single_rows: int,
    batch_rows: int,
) -> dict[str, Any]:
    """Return the wall times and the largest difference between predictions of the same rows.

    ``batch_seconds`` is the median of three predictions of the first ``batch_rows`` rows; single rows are timed after
    them, so that nothing is cold. ``load_seconds`` is that of a second load, when every library is imported, unless the
    file is too large to be held twice. ``repeat_difference`` is over the three batches and the first of the second load.
    """
    batch = frame.iloc[:batch_rows]
    answers, seconds = [], []
    for _ in range(BATCHES):
        began = time.perf_counter()
        answers.append(first(batch))
        seconds.append(time.perf_counter() - began)
    latencies = []
    for number in range(single_rows):
        row = frame.iloc[[number % len(frame)]]
        began = time.perf_counter()
        first(row)
        latencies.append(time.perf_counter() - began)
    twice = path.stat().st_size <= MAX_LOADED_TWICE_BYTES
    if twice:
        began = time.perf_counter()
        second = again()
        load_seconds = time.perf_counter() - began
        answers.append(second(batch))
    return {
        "load_seconds": load_seconds,
        "latency_seconds": latencies,
        "batch_rows": len(batch),
        "batch_seconds": statistics.median(seconds),
        "repeat_rows": len(batch),
        "repeat_difference": max(_difference(answers[0], other) for other in answers[1:]),
        "loaded_twice": twice,
    }


def _difference(one: Any, other: Any) -> float:
    """Return the largest absolute difference; answers of another shape, or a number beside none, differ without bound."""
    import numpy as np

    if one.shape != other.shape:
        return _LARGEST
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one[~same] - other[~same])
    return float(np.nan_to_num(apart, nan=_LARGEST, posinf=_LARGEST).max())
