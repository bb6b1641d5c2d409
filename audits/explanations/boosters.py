"""Of which trees do LightGBM and XGBoost models consist? Read from the form in which the library writes them."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from audits.explanations.columns import split, trace
from audits.explanations.forest import Forest, Tree

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def library_of(final: Any) -> str:
    """Return "lightgbm", "xgboost", "catboost", or "" for a model of another library."""
    name = type(final).__module__.partition(".")[0]
    return name if name in ("lightgbm", "xgboost", "catboost") else ""


def booster_of(final: Any) -> Any:
    """Return the library's own booster, cut to its best iteration where training stopped early."""
    if library_of(final) == "lightgbm":
        return getattr(final, "booster_", final)
    if library_of(final) == "xgboost":
        booster = final.get_booster() if hasattr(final, "get_booster") else final
        best = booster.attr("best_iteration")
        return booster if best is None else booster[: int(best) + 1]
    return final


def forest(model: Any, features: list[str], *, column: int | None) -> Forest | None:
    """Return the trees of a LightGBM or XGBoost model behind column-wise steps; None for other models.

    Two classes are explained in log-odds of the class in ``column``, more in its score before softmax, regression in
    the predicted value, and in its score where the objective puts a link between. Not read are trees with categorical
    splits, linear leaves or dropped trees, LightGBM's averaged forests, and missing values that are not NaN.
    """
    steps, final = split(model)
    kind = library_of(final)
    sources = trace(steps, features)
    if sources is None or kind not in ("lightgbm", "xgboost"):
        return None
    grown = _lightgbm(final, column) if kind == "lightgbm" else _xgboost(final, column)
    if grown is None:
        return None
    trees, constant, output = grown

    def outputs(frame: Any) -> Any:
        return raw_outputs(steps, final, frame, column)

    library = f"{kind} {sys.modules[kind].__version__}"
    return Forest(trees, constant, output, steps, sources, len(features), kind == "xgboost", outputs, library)


def transformed(steps: list[Any], final: Any, frame: Any) -> Any:
    """Run ``frame`` through the preparation steps, keeping the kinds of its columns, as the library takes them."""
    for step in steps:
        if step is not None and step != "passthrough":
            frame = step.transform(frame)
    if not hasattr(frame, "columns"):
        return frame
    if library_of(final) == "catboost":
        named = [frame.columns[place] for place in final.get_cat_feature_indices()]
        return frame.astype({name: object for name in named if frame[name].dtype.kind != "i"})
    texts = [name for name in frame.columns if frame[name].dtype.kind == "O" or str(frame[name].dtype) == "str"]
    return frame.astype(dict.fromkeys(texts, "category"))


def matrix(final: Any, prepared: Any) -> Any:
    """Return prepared rows as the object an XGBoost booster reads."""
    import numpy as np
    import xgboost

    named = hasattr(prepared, "columns")
    names = None if named else booster_of(final).feature_names
    values = prepared if named else np.asarray(prepared, dtype=np.float64)
    return xgboost.DMatrix(values, feature_names=names, enable_categorical=True)


def raw_outputs(steps: list[Any], final: Any, frame: Any, column: int | None) -> NDArray[np.float64]:
    """Return the model's own score before any link, of the class in ``column``; float64 (rows,)."""
    import numpy as np

    prepared = transformed(steps, final, frame)
    booster = booster_of(final)
    if library_of(final) == "lightgbm":
        raw = np.asarray(booster.predict(prepared, raw_score=True, num_threads=1), dtype=np.float64)
    elif library_of(final) == "xgboost":
        raw = np.asarray(booster.predict(matrix(final, prepared), output_margin=True), dtype=np.float64)
    else:
        raw = np.asarray(final.predict(prepared, prediction_type="RawFormulaVal", thread_count=1), dtype=np.float64)
    if raw.ndim == 2 and raw.shape[1] > 1:
        return raw[:, column or 0]
    raw = raw.reshape(len(frame))
    return -raw if column == 0 else raw


Grown = tuple[list[Tree], float, str]


def _named(trees: list[list[Tree]], constants: list[float], column: int | None, *, identity: bool) -> Grown:
    """Pick the trees of the explained class; two classes share one score."""
    from dataclasses import replace

    if len(trees) > 1:
        return trees[column or 0], constants[column or 0], "margin"
    if column is None:
        return trees[0], constants[0], "value" if identity else "margin"
    if column == 1:
        return trees[0], constants[0], "log-odds"
    return [replace(tree, value=-tree.value) for tree in trees[0]], -constants[0], "log-odds"


def _lightgbm(final: Any, column: int | None) -> Grown | None:
    text = booster_of(final).model_to_string()
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    facts = dict(line.partition("=")[::2] for line in head.splitlines())
    objective = facts.get("objective", "").split()
    if not objective or ("sigmoid:1" not in objective and objective[0] == "binary"):
        return None
    classes = int(facts["num_tree_per_iteration"])
    if "average_output" in head:
        return None
    trees: list[list[Tree]] = [[] for _ in range(classes)]
    for number, block in enumerate(blocks):
        tree = _lightgbm_tree(block)
        if tree is None:
            return None
        trees[number % classes].append(tree)
    identity = objective[0] in ("regression", "regression_l1", "huber", "fair", "quantile", "mape") and (
        "sqrt" not in objective
    )
    return _named(trees, [0.0] * classes, column, identity=identity)


def _lightgbm_tree(block: str) -> Tree | None:
    import numpy as np

    facts = dict(line.partition("=")[::2] for line in block.splitlines())
    if facts.get("num_cat", "0") != "0" or facts.get("is_linear", "0") != "0":
        return None
    leaves = int(facts["num_leaves"])
    value = np.array(facts["leaf_value"].split(), dtype=np.float64)
    if leaves == 1:
        one = np.ones(1)
        return Tree(-one.astype(int), -one.astype(int), 0 * one.astype(int), one, one < 0, value, one)
    splits = leaves - 1
    kinds = np.array(facts["decision_type"].split(), dtype=np.int64)
    missing = (kinds >> 2) & 3
    if (kinds & 1).any() or (missing == 1).any():  # a category, or a zero that stands for missing
        return None
    threshold = np.array(facts["threshold"].split(), dtype=np.float64)
    inner = np.arange(splits)

    def places(name: str) -> NDArray[np.int64]:
        child = np.array(facts[name].split(), dtype=np.int64)
        return np.where(child >= 0, child, splits + ~child)

    nothing = np.zeros(leaves)
    tree = Tree(
        left=np.concatenate([places("left_child"), -np.ones(leaves, dtype=np.int64)]),
        right=np.concatenate([places("right_child"), -np.ones(leaves, dtype=np.int64)]),
        column=np.concatenate([np.array(facts["split_feature"].split(), dtype=np.int64), nothing.astype(np.int64)]),
        threshold=np.concatenate([threshold, nothing]),
        # without a value of its own for missing, the library reads NaN as zero
        missing_left=np.concatenate([np.where(missing == 2, (kinds & 2) > 0, threshold >= 0.0), nothing > 0]),
        value=np.concatenate([np.zeros(splits), value]),
        cover=np.concatenate(
            [np.array(facts[name].split(), dtype=np.float64) for name in ("internal_count", "leaf_count")]
        ),
    )
    return tree if all((tree.left[inner] > inner) & (tree.right[inner] > inner)) else None


def _xgboost(final: Any, column: int | None) -> Grown | None:
    missing = getattr(final, "missing", math.nan)
    if missing is not None and not math.isnan(missing):
        return None
    learner = json.loads(bytes(booster_of(final).save_raw("json")))["learner"]
    grown, facts = learner["gradient_booster"], learner["learner_model_param"]
    if grown["name"] != "gbtree" or int(facts.get("num_target", 1)) > 1:
        return None
    objective = learner["objective"]["name"]
    classes = max(1, int(facts["num_class"]))
    trees: list[list[Tree]] = [[] for _ in range(classes)]
    for of, described in zip(grown["model"]["tree_info"], grown["model"]["trees"], strict=True):
        tree = _xgboost_tree(described)
        if tree is None:
            return None
        trees[of].append(tree)
    margins = _margins_of_missing(final, classes)
    constants = [
        margin - math.fsum(_value_of_missing(tree) for tree in grown)
        for margin, grown in zip(margins, trees, strict=True)
    ]
    identity = objective in ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")
    return _named(trees, constants, column, identity=identity)


def _margins_of_missing(final: Any, classes: int) -> list[float]:
    """Return the scores of a row without any value; the base score is written with too few digits to be read."""
    import numpy as np
    import xgboost

    booster = booster_of(final)
    empty = xgboost.DMatrix(np.full((1, booster.num_features()), np.nan), feature_names=booster.feature_names)
    return [
        float(one) for one in np.reshape(booster.predict(empty, output_margin=True, validate_features=False), classes)
    ]


def _value_of_missing(tree: Tree) -> float:
    node = 0
    while tree.left[node] >= 0:
        node = int(tree.left[node] if tree.missing_left[node] else tree.right[node])
    return float(tree.value[node])


def _xgboost_tree(described: dict[str, Any]) -> Tree | None:
    import numpy as np

    if any(described["split_type"]) or int(described["tree_param"]["size_leaf_vector"]) > 1:
        return None
    left = np.array(described["left_children"], dtype=np.int64)
    limits = np.array(described["split_conditions"], dtype=np.float32)
    right = np.array(described["right_children"], dtype=np.int64)
    inner = np.flatnonzero(left >= 0)
    if not all((left[inner] > inner) & (right[inner] > inner)):
        return None
    return Tree(
        left=left,
        right=right,
        column=np.array(described["split_indices"], dtype=np.int64),
        # the library goes left below the limit, these trees at most at it: the next smaller number of its precision
        threshold=np.nextafter(limits, np.float32(-np.inf)).astype(np.float64),
        missing_left=np.array(described["default_left"], dtype=bool),
        value=limits.astype(np.float64),
        cover=np.array(described["sum_hessian"], dtype=np.float64),
    )
