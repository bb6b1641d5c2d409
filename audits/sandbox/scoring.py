"""What does the model say about these rows? Runs inside the sandbox: load, score each table, explain."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_REPORTED = {
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "joblib": "joblib",
    "skops": "skops",
    "shap": "shap",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
}


def score(task: dict[str, Any], outputs: dict[str, int]) -> dict[str, Any]:
    """Write the scores of each table as little-endian float64 into its open file; return what describes the run."""
    # Plotting is never needed here, and importing it wants a folder to write to.
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]  # None is how Python marks a module as absent
    model = FORMATS.get(task["format"]).load(Path(task["model"]))
    column = _positive_column(model, task["positive_label"])
    for table in task["tables"]:
        scores = _probabilities(model, _read(table["path"], table["features"]), column)
        _write(outputs[table["output"]], scores)
    answer: dict[str, Any] = {"estimator": describe_estimator(model), "explanation": None, "explanation_error": None}
    if task["explain"] is not None:
        answer |= _explain(model, task["explain"], column)
    return {**answer, "libraries": _libraries()}


def describe_estimator(model: object) -> str:
    """Name the class of ``model`` and, for a pipeline, of its steps; at most 500 characters of ASCII."""
    kind = type(model)
    text = f"{kind.__module__}.{kind.__qualname__}"
    steps = getattr(model, "steps", None)
    if isinstance(steps, list):
        text += f"({', '.join(type(step[1]).__qualname__ for step in steps)})"
    return text.encode("ascii", "backslashreplace").decode("ascii")[:500]


def _positive_column(model: Any, label: int) -> int:
    """Return the column of predict_proba that belongs to ``label``."""
    if not callable(getattr(model, "predict_proba", None)):
        raise Refusal("model-cannot-score", f"{type(model).__qualname__} has no predict_proba")
    try:
        classes = [int(known) if float(known) == int(known) else None for known in model.classes_]
    except (AttributeError, TypeError, ValueError) as error:
        raise Refusal("positive-label-unknown", described(error)) from error
    if classes.count(label) != 1:
        raise Refusal("positive-label-unknown", f"label {label}, the model knows {classes[:10]}")
    return classes.index(label)


def _read(path: str, features: list[str]) -> pd.DataFrame:
    """Read the features of a Parquet table, in order; other columns stay on disk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        missing = [name for name in features if name not in schema.names]
        if missing:
            raise Refusal("feature-missing", ", ".join(missing[:10]))
        frame: pd.DataFrame = pq.read_table(path, columns=features, use_threads=False).to_pandas(use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise Refusal("table-not-readable", described(error)) from error
    return frame[features]


def _probabilities(model: Any, frame: pd.DataFrame, column: int) -> Any:
    """Return one number a prediction, unjudged: the parent counts and checks them."""
    import numpy as np

    try:
        answer = np.asarray(model.predict_proba(frame), dtype=np.float64)
        return answer[:, column]
    except MemoryError:
        raise
    except Exception as error:
        raise Refusal("model-cannot-score", described(error)) from error


def _write(handle: int, scores: Any) -> None:
    data = memoryview(scores.astype("<f8").tobytes())
    place = 0
    while place < len(data):
        place += os.pwrite(handle, data[place : place + 2**24], place)


def _explain(model: Any, task: dict[str, Any], column: int) -> dict[str, Any]:
    """Explain the model; a failure is told beside the scores and does not take them away."""
    from audits.explanations.plan import ExplainPlan
    from audits.explanations.routes import explain

    try:
        explanation = explain(
            model,
            _read(task["background"], task["features"]),
            _read(task["sample"], task["features"]),
            column=column,
            seeds=tuple(task["seeds"]),
            plan=ExplainPlan.from_json(task["plan"]),
        )
    except MemoryError:
        raise
    except Refusal as refusal:
        return {"explanation_error": f"{refusal.code}: {refusal.detail}"[:300]}
    except Exception as error:  # noqa: BLE001 -- a foreign model may raise anything
        return {"explanation_error": described(error)}
    return {"explanation": explanation.to_json()}


def _libraries() -> dict[str, str]:
    """Return the versions of the libraries that took part, and Python's."""
    found = {"python": sys.version.split()[0]}
    for module, name in _REPORTED.items():
        if sys.modules.get(module) is not None:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "unknown"
    return found
