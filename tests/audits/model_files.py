"""Which honest model files do the sandbox tests score? One of each format and task, trained here, small."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.audits.hostile_models import FEATURES

TASKS = ("binary", "multiclass", "regression")
CLASSES = ("high", "low", "middle")
FORMATS = ("skops", "joblib", "lightgbm", "xgboost", "catboost", "onnx")
DECLARED = {"lightgbm": version("lightgbm")}
"""What must be said at registration, since LightGBM's text format does not name the library's version."""


@dataclass(frozen=True)
class ModelFile:
    """A model as a file, with what it says of ``frame`` in this process, classes in order of their names."""

    data: bytes
    said: np.ndarray
    classes: tuple[str, ...] = ()


@cache
def training() -> pd.DataFrame:
    """Return 240 rows with three features and an outcome for each task."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({name: rng.normal(size=240) for name in FEATURES})
    total = frame["income"] - frame["debt"]
    frame["binary"] = (total > 0).astype(int)
    frame["multiclass"] = np.select([total > 0.8, total < -0.8], ["high", "low"], "middle")
    frame["regression"] = 100 * total + rng.normal(size=240)
    return frame


def questions(rows: int = 40) -> pd.DataFrame:
    """Return rows that nothing was trained on; their values are exact in single precision, as ONNX takes them."""
    rng = np.random.default_rng(rows)
    return pd.DataFrame({name: rng.normal(size=rows).astype(np.float32).astype(np.float64) for name in FEATURES})


@cache
def model_file(kind: str, task: str) -> ModelFile:
    """Return a trained model of the format ``kind`` for ``task``."""
    frame = training()
    made: ModelFile = globals()[f"_{kind}"](task, frame[list(FEATURES)], frame[task])
    return made


def _linear(task: str, rows: Any, outcome: Any) -> Any:
    final = LinearRegression() if task == "regression" else LogisticRegression()
    return make_pipeline(StandardScaler(), final).fit(rows, outcome)


def _answer(task: str, model: Any, rows: Any) -> np.ndarray:
    if task == "regression":
        return np.asarray(model.predict(rows), dtype=np.float64)
    answer = np.asarray(model.predict_proba(rows), dtype=np.float64)
    return answer[:, 1] if task == "binary" else answer


def _skops(task: str, rows: Any, outcome: Any) -> ModelFile:
    model = _linear(task, rows, outcome)
    return ModelFile(skops.io.dumps(model), _answer(task, model, questions()))


def _joblib(task: str, rows: Any, outcome: Any) -> ModelFile:
    model, stream = _linear(task, rows, outcome), io.BytesIO()
    joblib.dump(model, stream, compress=3)
    return ModelFile(stream.getvalue(), _answer(task, model, questions()))


def _lightgbm(task: str, rows: Any, outcome: Any) -> ModelFile:
    import lightgbm

    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    model = kind(n_estimators=6, verbosity=-1, n_jobs=1).fit(rows, outcome)
    text = model.booster_.model_to_string()
    return ModelFile(text.encode(), _answer(task, model, questions()), CLASSES if task == "multiclass" else ())


def _xgboost(task: str, rows: Any, outcome: Any, raw: str = "ubj") -> ModelFile:
    import xgboost

    if task == "multiclass":
        outcome = outcome.map({name: place for place, name in enumerate(CLASSES)})
    kind = xgboost.XGBRegressor if task == "regression" else xgboost.XGBClassifier
    model = kind(n_estimators=6, max_depth=3, n_jobs=1).fit(rows, outcome)
    data = bytes(model.get_booster().save_raw(raw))
    return ModelFile(data, _answer(task, model, questions()), CLASSES if task == "multiclass" else ())


def _xgboost_json(task: str, rows: Any, outcome: Any) -> ModelFile:
    return _xgboost(task, rows, outcome, "json")


def _catboost(task: str, rows: Any, outcome: Any) -> ModelFile:
    import catboost

    kind = catboost.CatBoostRegressor if task == "regression" else catboost.CatBoostClassifier
    model = kind(iterations=6, depth=3, verbose=0, allow_writing_files=False, thread_count=1).fit(rows, outcome)
    return ModelFile(saved(model), _answer(task, model, questions()))


def saved(model: Any) -> bytes:
    """Return a CatBoost model as its own binary file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.cbm")
        model.save_model(str(path), format="cbm")
        return path.read_bytes()


def _onnx(task: str, rows: Any, outcome: Any) -> ModelFile:
    import skl2onnx

    model = _linear(task, rows, outcome)
    graph = skl2onnx.to_onnx(model, rows.to_numpy(dtype=np.float32)[:1])
    return ModelFile(graph.SerializeToString(), _answer(task, model, questions()))
