"""How is a model in XGBoost's own format loaded? By XGBoost, from JSON or UBJSON; it holds numbers and no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.headers import container_of, refuse_deep_json, versions_of
from audits.sandbox.native import NativeClassifier, NativeModel, in_order, numbers
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_CONTAINERS = ("xgboost-json", "xgboost-ubj")


class XgboostFormat:
    """XGBoost's UBJSON or JSON (``Booster.save_model``); the older binary format is not read."""

    executes_code = False
    library = "xgboost"

    def sniff(self, head: bytes) -> bool:
        """Accept what begins as XGBoost begins it, in JSON or in UBJSON."""
        return container_of(head) in _CONTAINERS

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the version of XGBoost that wrote the file."""
        return versions_of(path, _container(path))

    def load(self, path: Path) -> object:
        """Load the booster; it answers with the best iteration where training stopped early, as XGBClassifier does."""
        import xgboost

        try:
            if _container(path) == "xgboost-json":
                refuse_deep_json(path)
            booster = xgboost.Booster({"nthread": 1})
            booster.load_model(bytearray(path.read_bytes()))
            settings = json.loads(booster.save_config())["learner"]
            objective = str(settings["objective"]["name"])
            classes = int(settings["learner_model_param"]["num_class"])
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error
        best = booster.attr("best_iteration")
        trees = (0, int(best) + 1) if best is not None and best.isdigit() else (0, 0)

        def answer(frame: pd.DataFrame) -> Any:
            rows = _matrix(booster, frame)
            if objective == "multi:softmax":
                return _softmax(booster.predict(rows, output_margin=True, iteration_range=trees))
            return booster.predict(rows, iteration_range=trees)

        if objective in ("binary:logistic", "reg:logistic"):
            return NativeClassifier(booster, answer, [0, 1])
        if objective in ("multi:softprob", "multi:softmax"):
            return NativeClassifier(booster, answer, range(classes))
        return NativeModel(booster, answer)


def _container(path: Path) -> str:
    with open(path, "rb") as stream:
        return container_of(stream.read(512)) or ""


def _matrix(booster: Any, frame: pd.DataFrame) -> Any:
    """Return the features in the booster's order; one with categories of its own is given text as categories."""
    import xgboost

    names = booster.feature_names
    ordered = in_order(frame, names, None if names else booster.num_features())
    if "c" not in (booster.feature_types or []):
        return xgboost.DMatrix(numbers(ordered), feature_names=names, feature_types=booster.feature_types, nthread=1)
    kinds = dict(zip(ordered.columns, booster.feature_types, strict=True))
    marked = ordered.astype({name: "category" for name, kind in kinds.items() if kind == "c"})
    return xgboost.DMatrix(marked, enable_categorical=True, nthread=1)


def _softmax(margins: Any) -> Any:
    from scipy.special import softmax

    return softmax(margins.astype("float64"), axis=1)


FORMATS.register("xgboost", summary="XGBoost model in UBJSON or JSON; holds trees and no code")(XgboostFormat())
