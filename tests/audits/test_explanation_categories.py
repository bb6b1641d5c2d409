"""Are models with categories explained exactly: by the Shapley definition, and as the library itself does?"""

from __future__ import annotations

import time
import warnings

import catboost
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.explanations import native, trees
from audits.explanations.offers import Offer
from audits.explanations.quality import residual
from audits.explanations.routes import attributions, explain
from tests.audits.shapley import by_definition

pytestmark = pytest.mark.thorough

with warnings.catch_warnings():
    # shap's plotting part, which the product never imports, uses a call that matplotlib will give up.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap

QUIET = {"verbose": 0, "thread_count": 1, "allow_writing_files": False, "random_state": 0}


def frames(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"]).mask(rng.random((rows, 2)) < 0.1)
    frame["home"] = rng.choice(["own", "rent", "other"], rows)
    frame["job"] = rng.choice(list("uvwxyz"), rows)
    total = frame["a"].fillna(0.3) + (frame["home"] == "rent") * frame["b"].fillna(0) + (frame["job"] > "w")
    return frame, (total + rng.normal(scale=0.3, size=rows) > 0.5).astype(int).to_numpy()


def one_by_one(one_hot: int = 3) -> catboost.CatBoostClassifier:
    """Return a model whose splits look at one feature each: home one-hot, job by its statistics."""
    kinds = {"cat_features": ["home", "job"], "one_hot_max_size": one_hot, "max_ctr_complexity": 1}
    return catboost.CatBoostClassifier(iterations=25, depth=4, **kinds, **QUIET)


def offered(model, frame: pd.DataFrame, variant: str, column: int | None = 1) -> Offer:
    found = trees.offers(model, list(frame.columns), column=column)
    return next(one for one in found if (one.route, one.variant) == ("tree-tables", variant))


def boosted(kind: str) -> tuple[pd.DataFrame, np.ndarray, object]:
    frame, label = frames()
    if kind == "catboost":
        return frame, label, one_by_one().fit(frame, label)
    typed = frame.astype({"home": "category", "job": "category"})
    model = HistGradientBoostingClassifier(max_iter=15, categorical_features="from_dtype", random_state=0)
    return typed, label, model.fit(typed, label)


@pytest.mark.parametrize("kind", ["catboost", "histogram"])
@pytest.mark.parametrize("column", [0, 1])
def test_interventional_values_of_categories_are_those_of_the_definition(kind: str, column: int) -> None:
    frame, _, model = boosted(kind)
    background, sample = frame.iloc[:25], frame.iloc[100:104]
    found = offered(model, frame, "interventional", column).contributions(background, sample)

    def value(mixed: pd.DataFrame) -> float:
        odds = model.predict_proba(mixed)
        return float(np.mean(np.log(odds[:, column] / odds[:, 1 - column])))

    for place in range(len(sample)):
        truth = by_definition(value, background, sample.iloc[place])
        np.testing.assert_allclose(found.values[place], truth, atol=1e-6)
    assert residual(found) < 1e-9
    assert found.values[:, 2:].any(axis=0).all(), "the categories matter"


@pytest.mark.parametrize("several", [False, True])
def test_path_dependent_values_of_catboost_are_its_own(several: bool) -> None:
    frame, label = frames()
    outcome = label + (frame["b"] > 0.5) if several else label
    model = one_by_one().fit(frame, outcome)
    for column in (0, 1):
        found = offered(model, frame, "path-dependent", column).contributions(frame, frame)
        own = native.offer(model, list(frame.columns), None, column=column).contributions(frame, frame)
        np.testing.assert_allclose(found.values, own.values, atol=1e-9)
        assert found.base == pytest.approx(own.base, abs=1e-9)
        assert found.output == own.output == ("margin" if several else "log-odds")


def test_another_draw_of_the_background_is_that_of_its_rows() -> None:
    frame, label = frames()
    model = make_pipeline(StandardScaler(), catboost.CatBoostRegressor(iterations=9, depth=3, **QUIET))
    model.fit(frame[["a", "b"]], label * 10.0)
    background, sample = frame[["a", "b"]].iloc[:40], frame[["a", "b"]].iloc[40:60]
    count = np.random.default_rng(0).integers(0, 3, 40).astype(float)
    offer = offered(model, sample, "interventional", None)
    drawn = offer.contributions(background, sample, [count]).redrawn[0]
    repeated = background.iloc[np.repeat(np.arange(40), count.astype(int))]
    np.testing.assert_allclose(drawn, offer.contributions(repeated, sample).values, atol=1e-12)


def test_combined_categories_are_left_to_the_library() -> None:
    frame, label = frames()
    kinds = {"cat_features": ["home", "job"], "one_hot_max_size": 1, "max_ctr_complexity": 4}
    statistics = {"simple_ctr": ["Borders"], "combinations_ctr": ["Borders"]}
    model = catboost.CatBoostClassifier(iterations=60, depth=5, **kinds, **statistics, **QUIET)
    model.fit(frame, label)
    found = explain(model, frame, frame.iloc[:40], column=1)
    assert (found.route, found.variant) == ("native", "path-dependent")
    assert found.additivity_residual_max < 1e-6 * (1 + found.output_scale)


def test_unknown_and_missing_categories_go_where_the_model_sends_them() -> None:
    frame, label, _ = boosted("histogram")
    frame = frame.astype({"home": "str"}).mask(np.random.default_rng(1).random(frame.shape) < 0.1)
    typed = frame.astype({"home": "category", "job": "category"})
    model = HistGradientBoostingRegressor(max_iter=12, categorical_features="from_dtype", random_state=0)
    model.fit(typed.iloc[:200], label[:200] * 2.0)
    strange = typed.iloc[200:].copy()
    strange["home"] = strange["home"].cat.add_categories(["boat"])
    strange.iloc[:10, 2] = "boat"
    found = offered(model, typed, "interventional", None).contributions(typed.iloc[:50], strange)
    assert residual(found) < 1e-9


@pytest.mark.parametrize("rows", [1, 40, 3_000])
def test_catboost_is_explained_no_slower_than_by_shap(rows: int) -> None:
    frame, label = frames(3_000)
    numbers = frame[["a", "b"]].assign(c=frame["a"] * frame["b"], d=-frame["b"])
    model = catboost.CatBoostClassifier(iterations=300, depth=6, **QUIET).fit(numbers, label)
    sample = numbers.iloc[:rows]

    def took(work) -> float:
        spent = []
        for _ in range(5):
            began = time.process_time()
            work()
            spent.append(time.process_time() - began)
        return min(spent)

    ours = took(lambda: attributions(model, numbers.iloc[:100], sample, variant="path-dependent"))
    theirs = took(lambda: shap.TreeExplainer(model).shap_values(sample))
    assert ours < theirs * 1.3 + 0.005
