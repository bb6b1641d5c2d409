"""Are the values of trees the Shapley values, by definition, as shap has them, and as they were published?"""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from audits.explanations import trees
from audits.explanations.quality import residual
from audits.explanations.routes import explain, offers
from tests.audits.shapley import by_definition, of_game

with warnings.catch_warnings():
    # shap's plotting part, which the product never imports, uses a call that matplotlib will give up.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap  # noqa: F401  (loaded here, where its warning is expected)


def _frames(width: int = 4, *, missing: float = 0.0, rows: int = 260) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(rows, width)), columns=[f"f{number}" for number in range(width)])
    label = (frame["f0"] + 2 * frame["f1"] * frame["f2"] + rng.normal(scale=0.5, size=len(frame)) > 0).astype(int)
    return frame.mask(rng.random(frame.shape) < missing), label.to_numpy()


BINARY = {
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(8, random_state=0),
    "extra-trees": ExtraTreesClassifier(8, random_state=0),
    "histogram": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "boosting": make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=8, random_state=0)),
}
VALUED = {
    "tree": DecisionTreeRegressor(max_depth=4, random_state=0),
    "forest": RandomForestRegressor(6, max_depth=6, random_state=0),
    "histogram": HistGradientBoostingRegressor(max_iter=8, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=8, random_state=0),
}


def _offered(model, frame, route, variant, column=1):
    found = [one for one in trees.offers(model, list(frame.columns), column=column) if one.route == route]
    return next(one for one in found if one.variant == variant)


@pytest.mark.parametrize("missing", [0.0, 0.15], ids=["complete", "missing"])
@pytest.mark.parametrize("kind", BINARY)
@pytest.mark.parametrize("route", ["tree-tables", "tree-shap"])
def test_interventional_values_are_those_of_the_definition(kind: str, missing: float, route: str) -> None:
    frame, label = _frames(missing=missing)
    model = BINARY[kind].fit(frame, label)
    background, rows = frame.iloc[:30], frame.iloc[100:103]
    found = _offered(model, frame, route, "interventional").contributions(background, rows)
    assert residual(found) < 1e-9 if route == "tree-tables" else residual(found) < 1e-6

    def value(mixed: pd.DataFrame) -> float:
        raw = model.decision_function(mixed) if found.output == "log-odds" else model.predict_proba(mixed)[:, 1]
        return float(np.mean(raw))

    for place in range(len(rows)):
        np.testing.assert_allclose(found.values[place], by_definition(value, background, rows.iloc[place]), atol=1e-6)


@pytest.mark.parametrize("kind", BINARY)
def test_path_dependent_values_are_those_of_shap(kind: str) -> None:
    frame, label = _frames()
    model = BINARY[kind].fit(frame, label)
    ours = _offered(model, frame, "tree-tables", "path-dependent").contributions(frame, frame)
    theirs = _offered(model, frame, "tree-shap", "path-dependent").contributions(frame, frame)
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-6, atol=1e-6 * np.abs(theirs.values).max())
    assert residual(ours) < 1e-9
    assert ours.base == pytest.approx(theirs.base)


@pytest.mark.parametrize("kind", VALUED)
@pytest.mark.parametrize("variant", ["interventional", "path-dependent"])
def test_regression_is_explained_in_its_own_unit(kind: str, variant: str) -> None:
    frame, label = _frames()
    model = VALUED[kind].fit(frame, label * 100.0 + frame.f3)
    found = _offered(model, frame, "tree-tables", variant, column=None).contributions(frame, frame.iloc[:40])
    theirs = _offered(model, frame, "tree-shap", variant, column=None).contributions(frame, frame.iloc[:40])
    assert (found.output, found.variant) == ("value", variant)
    assert residual(found) < 1e-9
    np.testing.assert_allclose(found.values, theirs.values, atol=1e-4)
    np.testing.assert_allclose(found.outputs, model.predict(frame.iloc[:40]))


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingClassifier(max_iter=4, random_state=0),
        GradientBoostingClassifier(n_estimators=4, random_state=0),
        RandomForestClassifier(5, random_state=0),
    ],
    ids=["histogram", "boosting", "forest"],
)
@pytest.mark.parametrize("column", [0, 1, 2])
def test_each_class_of_several_is_explained_in_its_own_score(model, column: int) -> None:
    frame, label = _frames()
    model.fit(frame, label + (frame.f3 > 0.5))
    found = explain(model, frame, frame.iloc[:40], column=column)
    assert found.explained == str(column)
    assert found.output == ("probability" if isinstance(model, RandomForestClassifier) else "margin")
    assert found.additivity_residual_max < 1e-9
    offered = offers(model, list(frame.columns), column=column)[0].contributions(frame, frame.iloc[:2])

    def value(mixed: pd.DataFrame) -> float:
        answer = model.predict_proba(mixed) if found.output == "probability" else model.decision_function(mixed)
        return float(np.mean(answer[:, column]))

    np.testing.assert_allclose(offered.values[1], by_definition(value, frame, frame.iloc[1]), atol=1e-9)


def test_the_columns_of_one_feature_are_one_player() -> None:
    frame, label = _frames(3)
    frame["home"] = np.where(label == 1, "rent", np.where(frame["f0"] > 0, "own", "other"))
    parts = ColumnTransformer(
        [("n", StandardScaler(), ["f2", "f0"]), ("h", OneHotEncoder(sparse_output=False), ["home"])]
    )
    model = make_pipeline(parts, HistGradientBoostingClassifier(max_iter=6, random_state=0)).fit(frame, label)
    background, rows = frame.iloc[:40], frame.iloc[100:103]
    found = offers(model, list(frame.columns), column=1)[0].contributions(background, rows)
    assert (found.route, found.values.shape) == ("tree-tables", (3, 4))
    for place in range(len(rows)):
        truth = by_definition(
            lambda mixed: float(np.mean(model.decision_function(mixed))), background, rows.iloc[place]
        )
        np.testing.assert_allclose(found.values[place], truth, atol=1e-9)


PUBLISHED = {
    "single": (0.5, (0.5, 0.0, 0.0, 0.0), (-0.5, 0.0, 0.0, 0.0)),
    "and": (0.25, (0.375, 0.375, 0.0, 0.0), (-0.125, -0.125, 0.0, 0.0)),
    "or": (0.75, (0.125, 0.125, 0.0, 0.0), (-0.375, -0.375, 0.0, 0.0)),
    "xor": (0.5, (-0.25, -0.25, 0.0, 0.0), (-0.25, -0.25, 0.0, 0.0)),
}
"""Base value and contributions of a row of ones and a row of zeros, from shap's notebook "Understanding Tree SHAP for
Simple Models": 100 rows, x0 = 1 in the first half, x1 = 1 in each first half of these halves."""


@pytest.mark.parametrize("rule", PUBLISHED)
@pytest.mark.parametrize("variant", ["interventional", "path-dependent"])
@pytest.mark.parametrize("route", ["tree-tables", "tree-shap"])
def test_simple_rules_have_the_published_values(rule: str, variant: str, route: str) -> None:
    values = np.zeros((100, 4))
    values[:50, 0] = values[:25, 1] = values[50:75, 1] = 1
    first, second = values[:, 0] == 1, values[:, 1] == 1
    outcome = {"single": first, "and": first & second, "or": first | second, "xor": first ^ second}[rule].astype(float)
    frame = pd.DataFrame(values, columns=list("abcd"))
    model = DecisionTreeRegressor(max_depth=2 if rule != "single" else 1, random_state=0).fit(frame, outcome)
    found = _offered(model, frame, route, variant, column=None).contributions(
        frame, pd.DataFrame([[1.0] * 4, [0.0] * 4], columns=list("abcd"))
    )
    base, ones, zeros = PUBLISHED[rule]
    assert found.base == pytest.approx(base)
    np.testing.assert_allclose(found.values, [ones, zeros], atol=1e-9)


@pytest.mark.parametrize(("extra", "base", "expected"), [(0.0, 20.0, (30.0, 30.0)), (10.0, 25.0, (30.0, 35.0))])
def test_fever_and_cough_have_the_published_values(extra: float, base: float, expected: tuple[float, float]) -> None:
    """Lundberg, Erion and Lee 2018 (arXiv:1802.03888), figure 1: 80 for fever and cough, and 10 more for cough."""
    frame = pd.DataFrame([[0, 0], [0, 1], [1, 0], [1, 1]] * 5, columns=["fever", "cough"], dtype=float)
    outcome = 80.0 * frame.fever * frame.cough + extra * frame.cough
    model = DecisionTreeRegressor(random_state=0).fit(frame, outcome)
    for variant in ("interventional", "path-dependent"):
        found = _offered(model, frame, "tree-tables", variant, column=None).contributions(frame, frame.iloc[[3]])
        assert found.base == pytest.approx(base)
        np.testing.assert_allclose(found.values[0], expected)


def test_the_definition_the_tests_hold_to_gives_the_published_games() -> None:
    """The airport game (Littlechild and Owen 1973) and the glove game (Shapley 1959)."""
    costs = (8, 11, 13, 18)
    airport = of_game(lambda chosen: float(max((costs[player] for player in chosen), default=0)), 4)
    np.testing.assert_allclose(airport, [2, 3, 4, 9])
    glove = of_game(lambda chosen: float(2 in chosen and len(chosen) > 1), 3)
    np.testing.assert_allclose(glove, [1 / 6, 1 / 6, 4 / 6])


def test_a_tree_without_a_split_and_one_that_repeats_a_feature_are_explained() -> None:
    frame = _frames()[0][["f0"]]
    stump = DecisionTreeClassifier().fit(frame, np.ones(len(frame)))
    assert (
        _offered(stump, frame, "tree-tables", "interventional", column=0).contributions(frame, frame).values.sum() == 0
    )
    deep = DecisionTreeRegressor(max_depth=9, random_state=0).fit(frame, np.sin(3 * frame.f0))
    found = _offered(deep, frame, "tree-tables", "path-dependent", column=None).contributions(frame, frame)
    np.testing.assert_allclose(found.values[:, 0], deep.predict(frame) - found.base)
