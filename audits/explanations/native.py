"""What does each feature contribute, in the words of LightGBM, XGBoost and CatBoost themselves? Their own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations import oblivious
from audits.explanations.boosters import booster_of, library_of, matrix, raw_outputs, transformed
from audits.explanations.columns import split, trace
from audits.explanations.forest import Forest
from audits.explanations.offers import Offer
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECONDS_PER_STEP = 2.3e-9
SECONDS_PER_LEAF = 3e-8
SECONDS_PER_CALL = 0.003
SECONDS_PER_UNREAD_ROW = 1e-3
"""Measured on one core of a 2 GHz server: a leaf's squared depth, a leaf, a call, a row of unread trees."""


def offer(model: Any, features: list[str], forest: Forest | None, *, column: int | None) -> Offer | None:
    """Offer the library's own path-dependent values; None for other models, and for features of several columns.

    Categorical splits are the library's business, so that it also explains trees that cannot be read here. Sources:
    Lundberg et al. 2020; the libraries' "pred_contrib", "pred_contribs" and "ShapValues".
    """
    steps, final = split(model)
    kind = library_of(final)
    sources = trace(steps, features)
    if not kind or sources is None or len(set(sources)) != len(sources):
        return None

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        if kind == "catboost":
            return oblivious.own_seconds(final, rows)
        each = SECONDS_PER_UNREAD_ROW
        if forest is not None:
            each = SECONDS_PER_STEP * forest.steps_of_shap + SECONDS_PER_LEAF * forest.leaves
        return SECONDS_PER_CALL + each * rows

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        import numpy as np

        parts = _parts(steps, final, sample, column)
        if not np.allclose(parts[:, -1], parts[0, -1]):
            raise ValueError("the base value differs between rows")
        values = np.zeros((len(sample), len(features)))
        values[:, sources] = parts[:, :-1]
        return Contributions(
            values=values,
            base=float(parts[0, -1]),
            outputs=raw_outputs(steps, final, sample, column),
            route="native",
            variant="path-dependent",
            library=_version(kind),
            output=_unit(final, column, forest),
            background_rows=len(background),
        )

    return Offer("native", "path-dependent", seconds, contributions, varies=False)


def _parts(steps: list[Any], final: Any, sample: Any, column: int | None) -> NDArray[np.float64]:
    """Return the contributions of each column and, last, the base: float64 (rows, columns + 1)."""
    import numpy as np

    kind, prepared = library_of(final), transformed(steps, final, sample)
    if kind == "lightgbm":
        raw = np.asarray(booster_of(final).predict(prepared, pred_contrib=True, num_threads=1), dtype=np.float64)
        width = booster_of(final).num_feature() + 1
        raw = raw.reshape(len(sample), -1, width)
    elif kind == "xgboost":
        raw = np.asarray(booster_of(final).predict(matrix(final, prepared), pred_contribs=True), dtype=np.float64)
        raw = raw.reshape(len(sample), -1, raw.shape[-1])
    else:
        import catboost  # type: ignore[import-untyped]  # it has no types

        # the sandbox refuses further threads, for which CatBoost would wait without end
        pool = catboost.Pool(prepared, cat_features=final.get_cat_feature_indices(), thread_count=1)
        raw = np.asarray(final.get_feature_importance(pool, type="ShapValues", thread_count=1), dtype=np.float64)
        raw = raw.reshape(len(sample), -1, raw.shape[-1])
    if raw.shape[1] > 1:
        return raw[:, column or 0]
    one: NDArray[np.float64] = raw[:, 0]
    return -one if column == 0 else one


def _unit(final: Any, column: int | None, forest: Forest | None) -> str:
    if forest is not None:
        return forest.output
    classes = getattr(final, "classes_", None)
    if column is None:
        return "value"
    return "log-odds" if classes is None or len(classes) == 2 else "margin"


def _version(kind: str) -> str:
    import sys

    return f"{kind} {sys.modules[kind].__version__}"
