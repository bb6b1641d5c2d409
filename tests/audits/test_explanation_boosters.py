"""Are the trees of LightGBM, XGBoost and CatBoost explained as the libraries explain them, and by the definition?"""

import dataclasses
import io
import warnings
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from audits.explanations import trees
from audits.explanations.plan import ExplainPlan
from audits.explanations.quality import residual, scale
from audits.explanations.routes import explain
from audits.sandbox.formats.contract import FORMATS
from audits.sandbox.launch import score
from audits.sandbox.protocol import ExplainInput, TableInput
from tests.audits.hostile_models import a_job
from tests.audits.shapley import by_definition

pytestmark = pytest.mark.thorough

with warnings.catch_warnings():
    # shap's plotting part, which the product never imports, uses a call that matplotlib will give up.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap  # noqa: F401 -- loaded here, so that the routes find it loaded

MODELS = {
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=12, min_child_samples=5, verbose=-1, n_jobs=1, random_state=0),
    "lightgbm-forest": lightgbm.LGBMClassifier(
        boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, n_estimators=8, verbose=-1, n_jobs=1, random_state=0
    ),
    "xgboost": xgboost.XGBClassifier(n_estimators=12, max_depth=4, n_jobs=1, random_state=0),
    "xgboost-dart": xgboost.XGBClassifier(booster="dart", n_estimators=5, max_depth=3, rate_drop=0.3, n_jobs=1),
    "catboost": catboost.CatBoostClassifier(
        iterations=12, depth=4, verbose=0, thread_count=1, random_state=0, allow_writing_files=False
    ),
}  # fmt: skip


def _frames(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=[f"f{number}" for number in range(4)])
    label = (frame.f0 + 2 * frame.f1 * frame.f2 + rng.normal(scale=0.5, size=rows) > 0).astype(int)
    return frame.mask(rng.random(frame.shape) < 0.1), label.to_numpy()


@pytest.mark.parametrize("kind", MODELS)
def test_every_route_gives_the_librarys_own_values(kind: str) -> None:
    frame, label = _frames()
    model = MODELS[kind].fit(frame, label)
    found = {
        one.route: one.contributions(frame, frame)
        for one in trees.offers(model, list(frame.columns), column=1)
        if one.variant == "path-dependent"
    }
    own = found.pop("native")
    if kind in ("lightgbm", "xgboost"):
        assert set(found) == {"tree-tables", "tree-quadrature"}
    for one in found.values():
        np.testing.assert_allclose(one.values, own.values, atol=1e-6 * (1 + scale(own)))
        assert one.base == pytest.approx(own.base, abs=1e-6)
    for one in (own, *found.values()):
        assert residual(one) < 1e-6 * (1 + scale(own))
        assert one.output == "log-odds"
    if kind != "lightgbm-forest":
        odds = model.predict_proba(frame)
        np.testing.assert_allclose(own.outputs, np.log(odds[:, 1] / odds[:, 0]), atol=1e-4)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_interventional_values_of_boosters_are_those_of_the_definition(kind: str) -> None:
    frame, label = _frames()
    model = make_pipeline(SimpleImputer().set_output(transform="pandas"), MODELS[kind]).fit(frame, label)
    found = next(
        one
        for one in trees.offers(model, list(frame.columns), column=0)
        if (one.route, one.variant) == ("tree-tables", "interventional")
    ).contributions(frame.iloc[:25], frame.iloc[100:102])

    def value(mixed: pd.DataFrame) -> float:
        odds = model.predict_proba(mixed)
        return float(np.mean(np.log(odds[:, 0] / odds[:, 1])))

    for place in range(2):
        truth = by_definition(value, frame.iloc[:25], frame.iloc[100 + place])
        np.testing.assert_allclose(found.values[place], truth, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1),
        lightgbm.LGBMRegressor(objective="poisson", n_estimators=5, verbose=-1, n_jobs=1),
        xgboost.XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1),
        catboost.CatBoostRegressor(iterations=5, verbose=0, thread_count=1, allow_writing_files=False),
    ],
    ids=["lightgbm", "poisson", "xgboost", "catboost"],
)
def test_regression_adds_up_in_the_unit_it_states(model) -> None:
    frame, label = _frames()
    found = explain(model.fit(frame, label * 10.0 + 1.0), frame, frame.iloc[:50], column=None)
    assert found.output == ("margin" if "poisson" in str(model.get_params()) else "value")
    assert found.additivity_residual_max < 1e-6 * (1 + found.output_scale)
    if found.output == "value":
        assert found.output_scale == pytest.approx(np.abs(model.predict(frame.iloc[:50])).max())


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1),
        xgboost.XGBClassifier(n_estimators=4, max_depth=3, n_jobs=1),
        catboost.CatBoostClassifier(iterations=4, verbose=0, thread_count=1, allow_writing_files=False),
    ],
    ids=["lightgbm", "xgboost", "catboost"],
)
def test_each_class_of_several_adds_up(model) -> None:
    frame, label = _frames()
    model.fit(frame, label + (frame.f3 > 0.5))
    for column in (0, 2):
        found = explain(model, frame, frame.iloc[:50], column=column)
        assert (found.output, found.explained) == ("margin", str(column))
        assert found.additivity_residual_max < 1e-6 * (1 + found.output_scale)


def test_categories_are_explained_by_the_library_itself() -> None:
    frame, label = _frames()
    frame["home"] = pd.Categorical(np.where(label == 1, "rent", "own"))
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(frame, label)
    found = explain(model, frame, frame.iloc[:50], column=1)
    assert (found.route, found.variant) == ("native", "path-dependent")
    assert found.additivity_residual_max < 1e-9
    assert found.mean_abs[4] == max(found.mean_abs)


def test_a_model_stopped_early_is_explained_up_to_its_best_round() -> None:
    frame, label = _frames()
    model = xgboost.XGBClassifier(n_estimators=40, max_depth=3, early_stopping_rounds=2, n_jobs=1)
    model.fit(frame[:200], label[:200], eval_set=[(frame[200:], label[200:])], verbose=False)
    assert model.best_iteration < 39
    found = explain(model, frame, frame.iloc[:50], column=1)
    assert found.additivity_residual_max < 1e-6 * (1 + found.output_scale)
    odds = model.predict_proba(frame.iloc[:50])
    assert found.output_scale == pytest.approx(np.abs(np.log(odds[:, 1] / odds[:, 0])).max(), rel=1e-4)


def test_deep_forests_go_by_quadrature_and_the_cheapest_route_is_taken() -> None:
    frame, label = _frames(600)
    wide = pd.concat([frame.fillna(0.0) + 0.01 * shift for shift in range(6)], axis=1).set_axis(
        [f"x{at}" for at in range(24)], axis=1
    ) + np.random.default_rng(0).normal(scale=0.5, size=(600, 24))
    model = RandomForestClassifier(15, max_features=1, random_state=0).fit(wide, label)
    found = explain(model, wide, wide.iloc[:60], column=1, plan=ExplainPlan(variant="path-dependent"))
    assert found.additivity_residual_max < 1e-12
    assert found.cost is not None
    routes = dict(found.cost.considered)
    assert f"{found.route}, {found.variant}" == min(
        (name for name in routes if "path-dependent" in name), key=lambda name: routes[name]
    )
    values = {
        one.route: one.contributions(wide, wide.iloc[:40]).values
        for one in trees.offers(model, list(wide.columns), column=1)
        if one.variant == "path-dependent"
    }
    np.testing.assert_allclose(values["tree-quadrature"], values["tree-shap"], atol=1e-9)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
def test_a_model_in_its_librarys_own_format_is_explained_with_its_features_in_any_order(
    kind: str, tmp_path: Path
) -> None:
    frame, label = _frames()
    model = MODELS[kind].fit(frame, label)
    path = tmp_path / ("model.json" if kind == "xgboost" else "model")
    (model.booster_ if kind == "lightgbm" else model).save_model(path)
    loaded = FORMATS.get(kind).load(path)
    turned = frame[["f2", "f0", "f3", "f1"]]
    found = explain(loaded, turned, turned.iloc[:60], column=1, plan=ExplainPlan(variant="path-dependent"))
    direct = explain(model, frame, frame.iloc[:60], column=1, plan=ExplainPlan(variant="path-dependent"))
    assert found.features == ("f2", "f0", "f3", "f1")
    assert found.additivity_residual_max < 1e-6 * (1 + found.output_scale)
    np.testing.assert_allclose(np.array(found.mean_abs)[[1, 3, 0, 2]], direct.mean_abs, rtol=1e-5)


def test_a_deep_forest_is_explained_inside_the_sandbox_by_compiled_code(tmp_path: Path) -> None:
    """Nothing can be written there and memory is bounded; the compiler works all the same."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2_000, 24)), columns=[f"x{at}" for at in range(24)])
    label = (frame.x0 + frame.x1 * frame.x2 + rng.normal(size=2_000) > 0).astype(int)
    model = RandomForestClassifier(30, max_features=2, random_state=0).fit(frame, label)
    data = io.BytesIO()
    joblib.dump(model, data)
    frame.iloc[:300].to_parquet(tmp_path / "rows.parquet")
    names, path = tuple(frame.columns), tmp_path / "rows.parquet"
    wanted = ExplainInput(path, path, names, plan=ExplainPlan(variant="path-dependent"))
    job = dataclasses.replace(
        a_job(tmp_path, data.getvalue()), tables=(TableInput("evaluation", path, names),), explain=wanted
    )
    outcome = score(job)
    assert outcome.explanation is not None, outcome.explanation_error
    assert outcome.explanation.route == "tree-quadrature"
    assert outcome.explanation.additivity_residual_max < 1e-9
    assert outcome.explanation.notes == ()
