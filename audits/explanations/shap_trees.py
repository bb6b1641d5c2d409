"""What does each feature contribute to a scikit-learn tree ensemble's output? By shap's TreeExplainer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audits.explanations.columns import split
from audits.explanations.forest import Forest
from audits.explanations.offers import Offer, repeated
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SECONDS_TO_IMPORT = 4.0
SECONDS_FIXED = 0.003
SECONDS_PER_COPIED_LEAF = 4e-6
SECONDS_PER_STEP = 1.4e-9
SECONDS_PER_LEAF = 4e-8
SECONDS_PER_MEETING = 5e-9
"""Measured on one core of a 2 GHz server: shap's own loading, what it does first, its copy of a leaf, a leaf's squared
depth, a leaf, a leaf and background row."""


def offer(forest: Forest, model: Any, variant: str, column: int | None) -> Offer | None:
    """Offer shap's own values of a scikit-learn tree model; None where a feature is spread over several columns.

    shap takes columns for players. Where one feature became several columns, the sum of theirs is not the value of the
    feature, so only the routes of our own, which know the players, explain such a model. Source: Lundberg et al. 2020.
    """
    final = split(model)[1]
    if forest.reader is not None:
        return None  # shap reads no categories
    if len(set(forest.players)) != len(forest.players) or not type(final).__module__.startswith("sklearn."):
        return None
    if type(final).__name__ == "GradientBoostingClassifier" and len(final.classes_) > 2:
        return None  # shap refuses it
    import numpy as np

    leaves, steps = forest.leaves, forest.steps_of_shap

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        loading = 0.0 if "shap" in sys.modules else SECONDS_TO_IMPORT
        copied = SECONDS_FIXED + SECONDS_PER_COPIED_LEAF * leaves
        if variant == "interventional":
            return loading + draws * (2 * copied + SECONDS_PER_MEETING * rows * background_rows * leaves)
        return loading + copied + rows * (SECONDS_PER_STEP * steps + SECONDS_PER_LEAF * leaves)

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        found = against(background, sample)
        if variant != "interventional":
            return found
        return replace(found, redrawn=tuple(against(repeated(background, count), sample).values for count in counts))

    def against(background: Any, sample: Any) -> Contributions:
        import shap

        rows = forest.read(sample).T
        if variant == "interventional":
            thresholds = _thresholds(shap.TreeExplainer(final, model_output="raw").model)
            # Given an array, shap takes 100 of its rows without a word; a masker keeps them all.
            before = _snapped(forest.read(background).T, thresholds)
            explainer = shap.TreeExplainer(
                final,
                data=shap.maskers.Independent(before, max_samples=len(before)),
                feature_perturbation="interventional",
                model_output="raw",
            )
            rows = _snapped(rows, thresholds)
            base = float(np.mean(forest.outputs(background)))
        else:
            explainer = shap.TreeExplainer(final, feature_perturbation="tree_path_dependent", model_output="raw")
            base = _expected(explainer.expected_value, column)
        raw = np.asarray(explainer.shap_values(rows, check_additivity=False), dtype=np.float64)
        if raw.ndim == 3:
            raw = raw[:, :, column or 0]
        elif column == 0:
            raw = -raw
        values = np.zeros((len(sample), forest.features))
        values[:, forest.players] = raw
        return Contributions(
            values=values,
            base=base,
            outputs=forest.outputs(sample),
            route="tree-shap",
            variant=variant,
            library=f"shap {shap.__version__}",
            output=forest.output,
            background_rows=len(background),
        )

    return Offer("tree-shap", variant, seconds, contributions, varies=variant == "interventional")


def _expected(told: Any, column: int | None) -> float:
    """Return the mean output shap starts from, in the sign of the explained class."""
    import numpy as np

    several = np.ravel(np.asarray(told, dtype=np.float64))
    if len(several) > 1:
        return float(several[column or 0])
    return float(-several[0] if column == 0 else several[0])


def _thresholds(trees: Any) -> dict[int, NDArray[np.float64]]:
    """Return the sorted thresholds at which shap's copy of the trees splits each column."""
    import numpy as np

    inner = trees.children_left >= 0
    features, limits = trees.features[inner], trees.thresholds[inner]
    return {int(feature): np.unique(limits[features == feature]) for feature in np.unique(features)}


def _snapped(values: NDArray[np.float64], thresholds: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Move each value to the next threshold above it, rounded as shap rounds it; every comparison stays as it was.

    shap 0.51 keeps thresholds as float32 where it compares with a background. Histogram boosting splits exactly at
    values that occur, so that rounding sends rows down the wrong branch: the residual reached 1.6 log-odds on 600 rows.
    """
    import numpy as np

    moved = values.copy()
    for column, limits in thresholds.items():
        known = ~np.isnan(values[:, column])
        above = np.searchsorted(limits, values[known, column], side="left")
        rounded = np.append(limits.astype(np.float32).astype(np.float64), np.inf)
        moved[known, column] = rounded[above]
    return moved
