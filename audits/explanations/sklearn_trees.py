"""Of which trees does a scikit-learn model consist? Read from its fitted arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.explanations.category_splits import Conditions
from audits.explanations.columns import split, trace
from audits.explanations.forest import Forest, Tree

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def forest(model: Any, features: list[str], *, column: int | None) -> Forest | None:
    """Return the trees of a scikit-learn model behind column-wise steps; None for other models.

    Boosted trees are explained in log-odds of the class in ``column`` (two classes) or its score before softmax (more),
    forests and single trees in its probability, regression in the predicted value. A split by
    categories is read as a column of its own.
    """
    import numpy as np
    import sklearn
    from sklearn import ensemble, tree

    steps, final = split(model)
    sources = trace(steps, features)
    if sources is None:
        return None
    kind = type(final)
    reader = None
    if kind in (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor):
        conditions = Conditions(steps, final) if np.any(getattr(final, "is_categorical_", None)) else None
        grown = _histogram(final, column, conditions)
        if conditions is not None:
            sources, reader = conditions.players(sources), conditions.read
    elif kind in (ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor):
        grown = _boosted(final, column)
    elif kind in (
        tree.DecisionTreeClassifier,
        tree.ExtraTreeClassifier,
        tree.DecisionTreeRegressor,
        tree.ExtraTreeRegressor,
        ensemble.RandomForestClassifier,
        ensemble.ExtraTreesClassifier,
        ensemble.RandomForestRegressor,
        ensemble.ExtraTreesRegressor,
    ):
        grown = _averaged(final, column)
    else:
        return None
    if grown is None:
        return None
    trees, constant, output = grown

    def outputs(frame: Any) -> Any:
        return _outputs(model, frame, column, output)

    single = "HistGradient" not in kind.__name__
    library = f"scikit-learn {sklearn.__version__}"
    return Forest(trees, constant, output, steps, sources, len(features), single, outputs, library, reader)


Grown = tuple[list[Tree], float, str]


def _histogram(final: Any, column: int | None, conditions: Conditions | None) -> Grown | None:
    import numpy as np

    wanted = "squared_error" if column is None else "log_loss"
    if final.loss != wanted:
        return None
    rounds = final._predictors
    place = 0 if column is None or len(rounds[0]) == 1 else column
    trees = []
    for round_ in rounds:
        nodes = round_[place].nodes
        leaf = nodes["is_leaf"].astype(bool)
        read, threshold = nodes["feature_idx"].astype(np.int64), nodes["num_threshold"].astype(np.float64)
        if conditions is not None:
            conditions.put(round_[place], read, threshold)
        trees.append(
            Tree(
                left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                column=read,
                threshold=threshold,
                missing_left=nodes["missing_go_to_left"].astype(bool),
                value=nodes["value"].astype(np.float64),
                cover=nodes["count"].astype(np.float64),
            )
        )
    constant = float(np.ravel(final._baseline_prediction)[place])
    if column is None:
        return trees, constant, "value"
    if len(final.classes_) > 2:
        return trees, constant, "margin"
    return _signed(trees, constant, column)


def _boosted(final: Any, column: int | None) -> Grown | None:
    import numpy as np

    if final.loss != ("squared_error" if column is None else "log_loss"):
        return None
    several = column is not None and len(final.classes_) > 2
    place = column if several and column is not None else 0
    rate = float(final.learning_rate)
    trees = [_grown(one.tree_, rate * one.tree_.value[:, 0, 0]) for one in final.estimators_[:, place]]
    if isinstance(final.init_, str):
        start = 0.0
    else:
        width = int(final.n_features_in_)
        start = float(final._raw_predict_init(np.zeros((1, width), dtype=np.float32))[0, place])
        if type(final.init_).__module__ != "sklearn.dummy":
            return None
    if column is None:
        return trees, start, "value"
    return (trees, start, "margin") if several else _signed(trees, start, column)


def _averaged(final: Any, column: int | None) -> Grown | None:
    import numpy as np

    members = getattr(final, "estimators_", [final])
    if int(final.n_outputs_) != 1:
        return None
    trees = []
    for one in members:
        answer = np.asarray(one.tree_.value[:, 0, :], dtype=np.float64)
        if column is not None:
            answer = answer / answer.sum(axis=1, keepdims=True)
        trees.append(_grown(one.tree_, answer[:, column or 0] / len(members)))
    return trees, 0.0, "value" if column is None else "probability"


def _grown(tree: Any, value: NDArray[np.float64]) -> Tree:
    import numpy as np

    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return Tree(
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        column=tree.feature.astype(np.int64),
        threshold=tree.threshold.astype(np.float64),
        missing_left=np.asarray(missing).astype(bool),
        value=np.asarray(value, dtype=np.float64),
        cover=tree.weighted_n_node_samples.astype(np.float64),
    )


def _signed(trees: list[Tree], constant: float, column: int) -> Grown:
    """Two classes share one score, the log-odds of the second; that of the first is its negative."""
    from dataclasses import replace

    if column == 1:
        return trees, constant, "log-odds"
    return [replace(tree, value=-tree.value) for tree in trees], -constant, "log-odds"


def _outputs(model: Any, frame: Any, column: int | None, output: str) -> NDArray[np.float64]:
    import numpy as np

    if column is None:
        return np.asarray(model.predict(frame), dtype=np.float64).reshape(len(frame))
    if output == "probability":
        return np.asarray(model.predict_proba(frame), dtype=np.float64)[:, column]
    raw = np.asarray(model.decision_function(frame), dtype=np.float64)
    if raw.ndim == 2:
        return raw[:, column]
    return raw if column == 1 else -raw
