"""Thirty features against a reference: by our check on a stored histogram, by Evidently, by scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def evidently(reference: str, current: str, features: int, warm_rows: int = 2_000) -> Callable[[], dict[str, Any]]:
    """Run the default drift preset over the first ``features`` columns, both tables in memory."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = [f"x{at:02}" for at in range(features)]
    before, now = (pd.read_parquet(path, columns=names) for path in (reference, current))

    def measure(left: Any, right: Any) -> dict[str, Any]:
        definition = DataDefinition(numerical_columns=names)
        pair = [Dataset.from_pandas(frame, data_definition=definition) for frame in (right, left)]
        snapshot = Report([DataDriftPreset()]).run(*pair)
        return {"metrics": len(snapshot.dict()["metrics"])}

    measure(before[:warm_rows], now[:warm_rows])
    return lambda: measure(before, now)


def scipy(reference: str, current: str, features: int) -> Callable[[], dict[str, Any]]:
    """Two-sample KS and Wasserstein distance of each column, both tables in memory."""
    import pyarrow.parquet as pq
    from scipy.stats import ks_2samp, wasserstein_distance

    names = [f"x{at:02}" for at in range(features)]
    tables = [pq.read_table(path, columns=names) for path in (reference, current)]
    columns = [[table[name].to_numpy() for name in names] for table in tables]

    def measure(rows: int | None) -> dict[str, Any]:
        found = [
            (ks_2samp(left[:rows], right[:rows]).statistic, wasserstein_distance(left[:rows], right[:rows]))
            for left, right in zip(*columns, strict=True)
        ]
        return {"largest_ks": float(max(ks for ks, _ in found))}

    measure(2_000)
    return lambda: measure(None)
