"""How is a model in CatBoost's own format loaded? By CatBoost, from its binary file; it holds numbers and no code."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.headers import container_of, versions_of
from audits.sandbox.native import NativeClassifier, NativeModel, in_order
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_CLASSIFIERS = {"Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll"}


class CatBoostFormat:
    """CatBoost's binary format, cbm (``CatBoost.save_model``)."""

    executes_code = False
    library = "catboost"

    def sniff(self, head: bytes) -> bool:
        """Accept CatBoost's magic bytes."""
        return container_of(head) == "catboost"

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the release of CatBoost that the file names."""
        return versions_of(path, "catboost")

    def load(self, path: Path) -> object:
        """Load the model as a classifier or a regression, as its loss function says."""
        import catboost  # type: ignore[import-untyped]  # it has no types

        try:
            model = catboost.CatBoost().load_model(str(path), format="cbm")
            loss = json.loads(model.get_metadata()["params"])["loss_function"]["type"]
            kind = catboost.CatBoostClassifier if loss in _CLASSIFIERS else catboost.CatBoostRegressor
            model = kind().load_model(str(path), format="cbm")
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error
        ask = model.predict_proba if loss in _CLASSIFIERS else model.predict

        def answer(frame: pd.DataFrame) -> Any:
            return ask(_prepared(model, frame), thread_count=1)

        if loss in _CLASSIFIERS:
            return NativeClassifier(model, answer, list(model.classes_) or [0, 1])
        return NativeModel(model, answer)


def in_one_thread() -> None:
    """Let every CatBoost model of this process answer in one thread unless it is told otherwise.

    A model inside a pipeline is asked without a number of threads, and takes as many as there are cores. Where one of
    them cannot be started, because address space or threads have run out, CatBoost waits for it without end.
    """
    core = sys.modules.get("catboost.core")
    if core is None:
        return
    for kind in (core.Pool, core.CatBoost, core.CatBoostClassifier, core.CatBoostRegressor, core.CatBoostRanker):
        for ask in vars(kind).values():
            if not inspect.isfunction(ask) or ask.__defaults__ is None:
                continue
            named = [one.name for one in inspect.signature(ask).parameters.values() if _positional(one)]
            ask.__defaults__ = tuple(
                1 if (name, held) == ("thread_count", -1) else held
                for name, held in zip(named, ask.__defaults__, strict=True)
            )


def _positional(one: inspect.Parameter) -> bool:
    return one.kind is one.POSITIONAL_OR_KEYWORD and one.default is not one.empty


def _prepared(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Order the features by name; categories are handed over as whole numbers or text, as CatBoost wants them."""
    own = model.feature_names_
    named = own != [str(place) for place in range(len(own))]
    ordered = in_order(frame, own if named else None, len(own))
    categories = [ordered.columns[place] for place in model.get_cat_feature_indices()]
    return ordered.astype({name: object for name in categories if ordered[name].dtype.kind != "i"})


FORMATS.register("catboost", summary="CatBoost model in its own binary format; holds trees and no code")(
    CatBoostFormat()
)
