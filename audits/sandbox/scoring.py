"""What does the model say about these rows? Runs inside the sandbox: load, reproduce, score, measure, explain."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox import fitness
from audits.sandbox.formats.catboost_format import in_one_thread
from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.libraries import MODULES, Pins, installed, makers, version_word
from audits.sandbox.predictor import Predictor, predictor
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_REPORTED = {
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "joblib": "joblib",
    "skops": "skops",
    "shap": "shap",
    "onnx": "onnx",
}


def score(task: dict[str, Any], outputs: dict[str, int]) -> dict[str, Any]:
    """Write the scores of each table as little-endian float64 into its open file; return what describes the run.

    The versions the model was made with are compared before anything is scored, and what was recorded of it is
    reproduced before any other table.
    """
    # Plotting is never needed here, and importing it wants a folder to write to.
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]  # None is how Python marks a module as absent
    pins = Pins(task["library_versions"], lifted=task["lifted"])
    found, load_seconds = _load(task, pins)
    for table in (*task["conformance"], *task["tables"]):
        _write(outputs[table["output"]], found(_read(table["path"], table["features"])))
    answer: dict[str, Any] = {
        "estimator": describe_estimator(found.model),
        "classes": list(found.classes),
        "made_with": {name: version_word(text) for name, text in pins.named.items()},
        "explanation": None,
        "explanation_error": None,
        "fitness": None,
    }
    if task["fitness"] is not None:
        answer["fitness"] = _fitness(task, found, load_seconds)
        if not answer["fitness"].pop("loaded_twice"):
            pins.notes.append("The file is too large to be loaded twice; only one copy was asked twice.")
    if task["explain"] is not None:
        column = None if found.task == "regression" else found.column_of(task["favourable"])
        answer |= _explain(found.model, task["explain"], column)
        if answer["explanation"] is not None and found.task == "multiclass" and column is not None:
            # the name that was declared, where the file knows its classes by number alone
            answer["explanation"]["explained"] = found.classes[list(found.columns).index(column)][:200]
    return {**answer, "notes": pins.notes, "libraries": _libraries()}


def _load(task: Mapping[str, Any], pins: Pins) -> tuple[Predictor, float]:
    """Compare versions by what the file names, load it, and compare again by what turned up while loading."""
    model_format, path = FORMATS.get(task["format"]), Path(task["model"])
    pins.named |= model_format.made_with(path)
    pins.require({model_format.library} if model_format.library else ())
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            model = model_format.load(path)
        except Refusal as refusal:
            raise Refusal(refusal.code, " ".join([refusal.detail[:300], *pins.notes])) from refusal
    seconds = time.perf_counter() - began
    in_one_thread()
    built_of = makers(model)
    if "scikit-learn" in built_of:
        # scikit-learn compares the version in each estimator with its own when it is loaded, and warns.
        others = {str(said) for one in heard if (said := getattr(one.message, "original_sklearn_version", None))}
        pins.named.setdefault("scikit-learn", installed("scikit-learn"))
        if others:
            pins.named["scikit-learn"] = ",".join(sorted(others))
    pins.require(built_of)
    return _asked(task, model), seconds


def _asked(task: Mapping[str, Any], model: object) -> Predictor:
    return predictor(model, task=task["task"], positive_label=task["positive_label"], classes=task["classes"])


def _fitness(task: Mapping[str, Any], found: Predictor, load_seconds: float) -> dict[str, Any]:
    wanted, path = task["fitness"], Path(task["model"])
    table = next(table for table in task["tables"] if table["name"] == wanted["table"])
    frame = _read(table["path"], table["features"])
    if not len(frame):
        raise Refusal("table-not-readable", "It has no rows to measure with.")
    return fitness.measured(
        found,
        lambda: _asked(task, FORMATS.get(task["format"]).load(path)),
        frame,
        path=path,
        load_seconds=load_seconds,
        single_rows=wanted["single_rows"],
        batch_rows=wanted["batch_rows"],
    )


def describe_estimator(model: object) -> str:
    """Name the class of ``model`` and, for a pipeline, of its steps; at most 500 characters of ASCII."""
    kind = type(getattr(model, "native", model))
    text = f"{kind.__module__}.{kind.__qualname__}"
    steps = getattr(model, "steps", None)
    if isinstance(steps, list):
        text += f"({', '.join(type(step[1]).__qualname__ for step in steps)})"
    return text.encode("ascii", "backslashreplace").decode("ascii")[:500]


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


def _write(handle: int, scores: Any) -> None:
    data = memoryview(scores.astype("<f8").tobytes())
    place = 0
    while place < len(data):
        place += os.pwrite(handle, data[place : place + 2**24], place)


def _explain(model: Any, task: dict[str, Any], column: int | None) -> dict[str, Any]:
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
    for library, module in MODULES.items():
        if sys.modules.get(module) is not None:
            found[library] = installed(library)
    for module, name in _REPORTED.items():
        if sys.modules.get(module) is not None:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "unknown"
    return found
