"""How is a model in LightGBM's own text format loaded? By LightGBM, from the text; it holds numbers and no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.headers import container_of, versions_of
from audits.sandbox.native import NativeClassifier, NativeModel, in_order
from audits.sandbox.refusal import Refusal, described

if TYPE_CHECKING:
    import pandas as pd

_OBJECTIVE = re.compile(r"^objective=(\w+)(.*)$", re.MULTILINE)
_PROBABILITIES = {"binary", "cross_entropy", "xentropy"}
_CLASSES = {"multiclass", "multiclassova"}


class LightGbmFormat:
    """LightGBM's text format (``Booster.save_model``). The file names its format's version, not the library's."""

    executes_code = False
    library = "lightgbm"

    def sniff(self, head: bytes) -> bool:
        """Accept a text that begins as LightGBM begins it."""
        return container_of(head) == "lightgbm"

    def made_with(self, path: Path) -> Mapping[str, str]:
        """Return the version of the text format."""
        return versions_of(path, "lightgbm")

    def load(self, path: Path) -> object:
        """Load the booster; it answers with the best iteration where the file was cut there."""
        import lightgbm

        try:
            text = path.read_text(encoding="utf-8")
            booster = lightgbm.Booster(model_str=text)
        except MemoryError:
            raise
        except Exception as error:
            raise Refusal("model-not-loadable", described(error)) from error
        if booster.num_trees() == 0:
            raise Refusal("model-not-loadable", "It has no trees.")

        def answer(frame: pd.DataFrame) -> Any:
            return booster.predict(_prepared(booster, frame), num_threads=1)

        found = _OBJECTIVE.search(text[:1_000_000])
        objective = found[1] if found else ""
        if objective in _PROBABILITIES:
            return NativeClassifier(booster, answer, [0, 1])
        if objective in _CLASSES:
            return NativeClassifier(booster, answer, range(booster.num_model_per_iteration()))
        return NativeModel(booster, answer)


def _prepared(booster: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Order the features by the names in the file, where blanks were made underscores, and mark text as categories."""
    own = booster.feature_name()
    named = not all(name == f"Column_{place}" for place, name in enumerate(own))
    spelled = frame.rename(columns={name: str(name).replace(" ", "_") for name in frame.columns})
    ordered = in_order(spelled, own if named else None, len(own))
    texts = [name for name in ordered.columns if ordered[name].dtype.kind == "O" or str(ordered[name].dtype) == "str"]
    if len(texts) != len(booster.pandas_categorical or []):
        return ordered
    return ordered.astype(dict.fromkeys(texts, "category"))


FORMATS.register("lightgbm", summary="LightGBM model in its own text format; holds trees and no code")(LightGbmFormat())
