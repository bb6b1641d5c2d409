"""From which input feature does each column come that a pipeline's preparation steps hand on?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Sources = list[int]
"""For each column handed on, the index of the one input feature it is computed from."""


@dataclass(frozen=True)
class InOrder:
    """The step before a model of a library's own format: its features by the names the file holds."""

    names: tuple[str, ...]

    def spelled(self, known: Any) -> list[str]:
        """Return the names as ``known`` spells them: LightGBM writes a blank as an underscore."""
        words = {str(name).replace(" ", "_"): name for name in known}
        return [name if name in known else words.get(name, name) for name in self.names]

    def transform(self, frame: Any) -> Any:
        """Return the columns of ``frame`` in the model's own order."""
        return frame[self.spelled(list(frame.columns))]


def split(model: Any) -> tuple[list[Any], Any]:
    """Return the preparation steps of a scikit-learn Pipeline and its last step; ([], model) for anything else.

    A model of a library's own format that answers through ``native`` is that library's object, after its features are
    brought into its order.
    """
    from sklearn.pipeline import Pipeline

    native = getattr(model, "native", None)
    if native is not None:
        names = _own_names(native)
        return [InOrder(names)] if names else [], native
    if type(model) is not Pipeline:
        return [], model
    return [step for _, step in model.steps[:-1]], model.steps[-1][1]


def _own_names(native: Any) -> tuple[str, ...]:
    """Return the names of the features a booster was made with; none where it numbers them."""
    found = getattr(native, "feature_names_", None) or getattr(native, "feature_names", None)
    named = getattr(native, "feature_name", None)
    names = tuple(str(name) for name in found or (named() if callable(named) else ()))
    numbered = [tuple(f"{word}{place}" for place in range(len(names))) for word in ("Column_", "")]
    return () if names in numbered else names


def prepare(steps: list[Any], frame: Any) -> Any:
    """Run ``frame`` (rows x features) through ``steps``; return a dense float64 array (rows x columns handed on)."""
    import numpy as np

    values = frame
    for step in steps:
        if not _passes(step):
            values = step.transform(values)
    if hasattr(values, "toarray"):
        values = values.toarray()
    return np.asarray(values, dtype=np.float64)


def trace(steps: list[Any], features: list[str]) -> Sources | None:
    """Follow each input feature through ``steps``; None when one of them mixes features or is not known here.

    Known are scikit-learn's own column-wise steps, by exact type: a subclass may do anything.
    """
    names: list[str] | None = list(features)
    sources = list(range(len(features)))
    for step in steps:
        if _passes(step):
            continue
        handed = _columns_of(step, names, len(sources))
        if handed is None:
            return None
        sources, names = [sources[column] for column in handed], None
    return sources


def _passes(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _columns_of(step: Any, names: list[str] | None, width: int) -> Sources | None:
    """Return, for each output column of a fitted ``step``, the input column it is computed from."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (
        Binarizer,
        MaxAbsScaler,
        MinMaxScaler,
        OneHotEncoder,
        OrdinalEncoder,
        PowerTransformer,
        QuantileTransformer,
        RobustScaler,
        StandardScaler,
    )

    one_to_one = (
        StandardScaler,
        MinMaxScaler,
        MaxAbsScaler,
        RobustScaler,
        QuantileTransformer,
        PowerTransformer,
        OrdinalEncoder,
        Binarizer,
    )
    kind = type(step)
    if kind is InOrder:
        return _places(step.spelled(names) if names else [], names, width)
    if kind in one_to_one:
        return list(range(width))
    if kind is SimpleImputer:
        return _imputed(step)
    if kind is MissingIndicator:
        return [int(column) for column in step.features_]
    if kind is OneHotEncoder and step.drop is None and step.max_categories is None and step.min_frequency is None:
        return [column for column, known in enumerate(step.categories_) for _ in known]
    if kind is Pipeline:
        names = names or [str(column) for column in range(width)]
        return trace([inner for _, inner in step.steps], names)
    if kind is ColumnTransformer:
        return _side_by_side(step, names, width)
    return None


def _imputed(step: Any) -> Sources:
    """Columns without a single value are dropped, unless they are kept empty; indicators follow at the end."""
    import numpy as np

    statistics = np.asarray(step.statistics_)
    empty = np.array([isinstance(value, float) and bool(np.isnan(value)) for value in statistics.tolist()])
    handed = [column for column in range(len(statistics)) if step.keep_empty_features or not empty[column]]
    if step.add_indicator:
        handed += [int(column) for column in step.indicator_.features_]
    return handed


def _side_by_side(step: Any, names: list[str] | None, width: int) -> Sources | None:
    """Follow the columns of each part of a ColumnTransformer, in the order in which it joins them."""
    handed: Sources = []
    for _, part, columns in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        places = _places(columns, names, width)
        if places is None:
            return None
        inner: Sources | None = list(range(len(places)))
        if not (_passes(part) or _is_identity(part)):
            inner = _columns_of(part, None if names is None else [names[place] for place in places], len(places))
        if inner is None:
            return None
        handed += [places[column] for column in inner]
    return handed


def _is_identity(part: Any) -> bool:
    from sklearn.preprocessing import FunctionTransformer

    return type(part) is FunctionTransformer and part.func is None


def _places(columns: Any, names: list[str] | None, width: int) -> list[int] | None:
    """Return the positions that a ColumnTransformer's choice of columns stands for, None for a choice not known
    here."""
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, slice) or callable(columns):
        return None
    places: list[int] = []
    for column in columns:
        if isinstance(column, str):
            if names is None or column not in names:
                return None
            places.append(names.index(column))
        elif isinstance(column, bool) or int(column) != column:
            return None
        else:
            places.append(int(column) % width)
    return places
