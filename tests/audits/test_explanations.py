"""Do the explanations add up, agree with shap, and say what they are?"""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler

from audits.explanations import linear, sampled
from audits.explanations.contract import Explanation
from audits.explanations.quality import beeswarm, importance, lowest_rank_correlation, residual
from audits.explanations.routes import explain
from tests.audits.shapley import by_definition

with warnings.catch_warnings():
    # shap's plotting part, which the product never imports, uses a call that matplotlib will give up.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import shap


def _frames(width: int = 5, *, missing: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(260, width)), columns=[f"f{number}" for number in range(width)])
    label = (frame["f0"] + 2 * frame["f1"] * frame["f2"] + rng.normal(scale=0.5, size=len(frame)) > 0).astype(int)
    return frame.mask(rng.random(frame.shape) < missing), label.to_numpy()


def _one_stratum(rows: int):
    return np.zeros(rows, dtype=np.int64), np.array([rows])


def _linear(model, background, sample, *, column):
    offer = linear.offer(model, list(sample.columns), column=column)
    return None if offer is None else offer.contributions(background, sample)


LINEAR = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(MinMaxScaler(), LogisticRegression()),
        LINEAR,
        make_pipeline(
            SimpleImputer(add_indicator=True), StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)
        ),
    ],
    ids=["plain", "scaled", "imputed", "indicators"],
)
def test_linear_values_equal_shap_and_add_up(model) -> None:
    frame, label = _frames(
        missing=0.0 if model.__class__ is LogisticRegression or "minmax" in str(model).lower() else 0.15
    )
    model.fit(frame, label)
    offer = linear.offer(model, list(frame.columns), column=1)
    assert offer is not None
    found = offer.contributions(frame, frame.iloc[:50])
    assert residual(found) < 1e-9
    steps, final = (model[:-1], model[-1]) if hasattr(model, "steps") else (None, model)
    before = frame.to_numpy() if steps is None else steps.transform(frame)
    rows = frame.iloc[:50].to_numpy() if steps is None else steps.transform(frame.iloc[:50])
    explainer = shap.LinearExplainer(final, shap.maskers.Independent(np.asarray(before), max_samples=len(before)))
    theirs = explainer.shap_values(np.asarray(rows))
    width = frame.shape[1]
    indicators = theirs[:, width:]
    ours = found.values.copy()
    if indicators.shape[1]:
        assert indicators.shape[1] == width
        theirs = theirs[:, :width] + indicators
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert found.base == pytest.approx(float(model.decision_function(frame).mean()))


def test_the_other_class_has_the_opposite_values() -> None:
    frame, label = _frames()
    model = LogisticRegression().fit(frame, label)
    one, other = (_linear(model, frame, frame, column=column) for column in (1, 0))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.values, -other.values)


def test_one_hot_columns_are_led_back_to_their_feature() -> None:
    frame, label = _frames(3)
    frame["home"] = np.where(label == 1, "rent", np.where(frame["f0"] > 0, "own", "other"))
    parts = ColumnTransformer(
        [("n", make_pipeline(SimpleImputer(), StandardScaler()), ["f2", "f0"]), ("h", OneHotEncoder(), ["home"])]
    )
    model = make_pipeline(parts, LogisticRegression()).fit(frame, label)
    found = explain(model, frame, frame.iloc[:40], column=1)
    assert found.route == "linear-closed-form"
    assert found.additivity_residual_max < 1e-6
    assert found.features == ("f0", "f1", "f2", "home")
    assert found.mean_abs[1] == 0.0
    assert found.mean_abs[3] == max(found.mean_abs)


def test_steps_that_mix_features_are_not_taken_for_column_wise() -> None:
    frame, label = _frames(3)
    model = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=500)).fit(frame, label)
    assert linear.offer(model, list(frame.columns), column=1) is None

    class Scaler(StandardScaler):
        """A subclass may do anything."""

    other = make_pipeline(Scaler(), LogisticRegression()).fit(frame, label)
    assert linear.offer(other, list(frame.columns), column=1) is None
    found = explain(model, frame.iloc[:20], frame.iloc[:10], column=1)
    assert (found.route, found.output) == ("permutation", "probability")
    assert found.additivity_residual_max < 1e-9


def test_asking_every_coalition_gives_the_true_shapley_values() -> None:
    frame, label = _frames(5)
    model = BaggingClassifier(LogisticRegression(), 4, random_state=0).fit(frame, label)
    background, rows = frame.iloc[:20], frame.iloc[100:104]
    found = sampled.offer(model, background, column=1, seed=0).contributions(background, rows)
    assert found.variant == "interventional, all coalitions"
    assert residual(found) < 1e-9
    for place in range(len(rows)):
        truth = by_definition(
            lambda mixed: float(model.predict_proba(mixed)[:, 1].mean()), background, rows.iloc[place]
        )
        np.testing.assert_allclose(found.values[place], truth, atol=1e-9)


def test_walking_random_orders_adds_up_and_comes_near_the_truth() -> None:
    frame, label = _frames(9)
    model = LINEAR.fit(frame, label)
    background, rows = frame.iloc[:20], frame.iloc[100:104]
    found = sampled.offer(model, background, column=1, seed=0).contributions(background, rows)
    assert "orders" in found.variant
    assert residual(found) < 1e-9
    truth = by_definition(lambda mixed: float(model.predict_proba(mixed)[:, 1].mean()), background, rows.iloc[0])
    assert np.abs(found.values[0] - truth).max() < 0.02


def test_text_columns_keep_their_type_when_they_are_masked() -> None:
    frame, label = _frames(3)
    frame = frame[["f0"]].copy()
    frame["home"] = pd.Categorical(np.where(label == 1, "rent", "own"))
    trees = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    model = VotingClassifier([("trees", trees)], voting="soft").fit(frame, label)
    found = explain(model, frame.iloc[:20], frame.iloc[:20], column=1)
    assert found.route == "permutation"
    assert found.additivity_residual_max < 1e-9
    assert found.mean_abs[1] > found.mean_abs[0]


def test_an_explanation_survives_json_and_hostile_json_is_refused() -> None:
    frame, label = _frames(missing=0.1)
    found = explain(LINEAR.fit(frame, label), frame, frame, column=1)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Explanation.from_json(json.loads(text)) == found
    assert found.background_rows == len(frame)
    for name, wrong in [("route", "magic"), ("mean_abs", [1.0]), ("mean_abs", [-1.0] * 5), ("base_value", "1"),
                        ("rank_stability", 2), ("beeswarm", [[9, 0.5, 1.0]]), ("sample_rows", True), ("seeds", "012"),
                        ("features", [["f0"]]), ("additivity_residual_max", 10**400)]:  # fmt: skip
        with pytest.raises((ValueError, OverflowError)):
            Explanation.from_json({**json.loads(text), name: wrong})
    with pytest.raises(ValueError, match="finite"):
        Explanation.from_json({**json.loads(text), "base_value": 10**400})
    with pytest.raises(ValueError, match="other fields"):
        Explanation.from_json({**json.loads(text), "verdict": "good"})


def test_the_ranking_is_stable_for_a_clear_model_and_its_measure_knows_disorder() -> None:
    frame, label = _frames()
    stable = explain(LogisticRegression().fit(frame, label), frame, frame, column=1).rank_stability
    assert stable is not None
    assert stable > 0.5
    assert (
        lowest_rank_correlation([np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])])
        == -1.0
    )
    assert lowest_rank_correlation([np.array([3.0, 2.0, 1.0])]) is None
    assert lowest_rank_correlation([np.zeros(3), np.zeros(3)]) is None


def test_plot_points_hold_quantiles_and_no_raw_values() -> None:
    frame, label = _frames(missing=0.2)
    frame *= 1_000_000.0
    found = _linear(LINEAR.fit(frame, label), frame, frame, column=1)
    assert found is not None
    points = beeswarm(found.values, frame, frame)
    assert len(points) == 5 * 200
    assert {quantile is None for _, quantile, _ in points} == {True, False}
    assert all(quantile is None or 0.0 <= quantile <= 1.0 for _, quantile, _ in points)
    mean, error = importance(found.values, *_one_stratum(len(frame)))
    assert mean.shape == error.shape == (5,)
    assert points[0][0] == int(np.argmax(mean))


def test_an_empty_sample_or_no_seed_is_refused() -> None:
    frame, label = _frames()
    model = LogisticRegression().fit(frame, label)
    with pytest.raises(ValueError, match="needs a background"):
        explain(model, frame, frame.iloc[:0], column=1)
    with pytest.raises(ValueError, match="needs a background"):
        explain(model, frame, frame, column=1, seeds=())
