"""How is a model in CatBoost's own format loaded? By CatBoost, from its binary file; it holds numbers and no code."""

from __future__ import annotations

import json
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
