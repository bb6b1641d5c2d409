"""Seven metrics of 40 groups, from a Parquet file to the numbers: by our checks, by fairlearn, by aequitas."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ATTRIBUTES = ["sex", "race", "age"]
READ = [*ATTRIBUTES, "outcome", "decision"]


def fairlearn(path: str, warm: str, n_boot: int | None = None) -> Callable[[], dict[str, Any]]:
    """MetricFrame with seven metrics by the joint group; ``n_boot`` asks for bootstrap intervals."""
    import pandas as pd
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score, precision_score

    def false_discovery_rate(y_true: Any, y_pred: Any) -> float:
        return 1.0 - float(precision_score(y_true, y_pred, zero_division=0))

    asked = {
        "selection": metrics.selection_rate,
        "tpr": metrics.true_positive_rate,
        "fpr": metrics.false_positive_rate,
        "fnr": metrics.false_negative_rate,
        "accuracy": accuracy_score,
        "count": metrics.count,
        "fdr": false_discovery_rate,
    }

    def measure(file: str) -> dict[str, Any]:
        frame = pd.read_parquet(file, columns=READ)
        resampling = {} if n_boot is None else {"n_boot": n_boot, "ci_quantiles": [0.025, 0.975], "random_state": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = metrics.MetricFrame(
                metrics=asked,
                y_true=frame["outcome"],
                y_pred=frame["decision"],
                sensitive_features=frame[ATTRIBUTES],
                **resampling,
            )
        return {"groups": len(found.by_group)}

    measure(warm)
    return lambda: measure(path)


def aequitas(path: str, warm: str) -> Callable[[], dict[str, Any]]:
    """Group crosstabs over the joint group, which stands ready-made in the file."""
    import pandas as pd
    from aequitas.group import Group

    def measure(file: str) -> dict[str, Any]:
        frame = pd.read_parquet(file, columns=["joint", "outcome", "decision"])
        frame = frame.rename(columns={"outcome": "label_value", "decision": "score"})
        frame["joint"] = frame["joint"].astype(object)  # it refuses categories
        table, _ = Group().get_crosstabs(frame, attr_cols=["joint"])
        return {"groups": len(table)}

    measure(warm)
    return lambda: measure(path)


def dictionary_read(path: str) -> Callable[[], None]:
    """Decode the same columns with pyarrow, text as dictionaries, and do nothing with them."""
    import pyarrow.parquet as pq

    def read() -> None:
        with pq.ParquetFile(Path(path), read_dictionary=ATTRIBUTES) as file:
            for _ in file.iter_batches(columns=READ, batch_size=262_144):
                pass

    return read
