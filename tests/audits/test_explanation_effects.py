"""Are effects those of scikit-learn and of the formulas, do named reasons move the answer, do counterfactuals hold?"""

import dataclasses
import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression, LogisticRegression

from audits.explanations import dependence
from audits.explanations.contract import Explanation
from audits.explanations.plan import ExplainPlan, asked_for
from audits.explanations.routes import explain

ASKED = ExplainPlan(
    threshold=0.5, effects=True, local_rows=10, named_reasons=2, counterfactual_rows=15,
    reasons={"income": "Income too low"}, monotone={"income": "increasing"}, fixed=("age",),
)  # fmt: skip


def _frames(rows: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "income": np.round(rng.lognormal(3.0, 0.4, rows), 1),
            "debt": np.round(rng.random(rows) * 10, 2),
            "age": rng.integers(18, 80, rows),
            "noise": rng.normal(size=rows),
        }
    )
    logit = 0.25 * (frame.income - 20) - 0.5 * (frame.debt - 5) + 0.02 * (frame.age - 45)
    return frame, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int).to_numpy()


@pytest.fixture(scope="module")
def forest() -> tuple[RandomForestClassifier, pd.DataFrame]:
    frame, label = _frames()
    return RandomForestClassifier(20, max_depth=5, random_state=0).fit(frame, label), frame


@pytest.fixture(scope="module")
def told(forest) -> Explanation:
    model, frame = forest
    return explain(model, frame, frame, column=1, plan=ASKED)


def test_partial_dependence_and_curves_are_those_of_scikit_learn(forest) -> None:
    model, frame = forest
    for feature in range(4):
        found = dependence.dependence(model, frame, frame.iloc[:120], feature, column=1)
        assert found is not None
        theirs = partial_dependence(
            model, frame.iloc[:120].astype(float), [frame.columns[feature]], kind="both", method="brute",
            custom_values={frame.columns[feature]: np.array(found.grid)},
        )  # fmt: skip
        np.testing.assert_allclose(found.mean, theirs["average"][0], atol=1e-12)
        np.testing.assert_allclose(found.curves[0], theirs["individual"][0][0], atol=1e-12)
        assert found.rows == 120
        assert len(found.curves) == 50
        falls = (np.diff(theirs["individual"][0], axis=1) < -1e-9).any(axis=1).mean()
        assert found.falling == pytest.approx(falls)


def test_interaction_is_zero_for_a_sum_and_the_textbook_value_for_a_product() -> None:
    frame = pd.DataFrame(
        [[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)], columns=list("abc")
    )

    class Product:
        """f = a + b + 2 a b: the joint effect has variance 6, the interaction 4."""

        def predict(self, rows: pd.DataFrame) -> np.ndarray:
            return (rows.a + rows.b + 2 * rows.a * rows.b).to_numpy()

    found = dependence.interactions(Product(), frame, [0, 1, 2], column=None)[0]
    strengths = {(one.first, one.second): one.strength for one in found}
    assert strengths[0, 1] == pytest.approx(4 / 6)
    assert strengths[0, 2] == pytest.approx(0.0, abs=1e-12)
    linear = LinearRegression().fit(frame, frame.a + frame.b)
    assert max(one.strength for one in dependence.interactions(linear, frame, [0, 1, 2], column=None)[0]) < 1e-9
    constant = LinearRegression().fit(frame, np.ones(8))
    assert {one.strength for one in dependence.interactions(constant, frame, [0, 1], column=None)[0]} == {0.0}


def test_categories_and_features_of_one_value_have_a_defined_effect() -> None:
    frame, label = _frames(200)
    frame["home"] = pd.Categorical(np.where(label == 1, "own", "rent"))
    frame["same"] = 1.0
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(frame, label)
    found = dependence.dependence(model, frame, frame, 4, column=1)
    assert found is not None
    assert (found.grid, found.falling) == (("own", "rent"), None)
    assert found.mean[0] > found.mean[1] + 0.3
    assert dependence.dependence(model, frame, frame, 5, column=1) is None


def test_rows_decided_against_are_explained_by_their_most_adverse_features(forest, told: Explanation) -> None:
    model, frame = forest
    answers = model.predict_proba(frame)[:, 1]
    assert len(told.local) == 10
    for one in told.local:
        assert one.unfavourable is True
        assert one.answer == pytest.approx(answers[one.row])
        assert one.answer < 0.5
        assert all(part < 0 for _, part in one.against)
        assert [part for _, part in one.against] == sorted(part for _, part in one.against)
        assert len(one.against) <= 2
        assert all(
            word == ("Income too low" if feature == 0 else told.features[feature])
            for (feature, _), word in zip(one.against, one.reasons, strict=True)
        )


def test_named_factors_move_the_answer_more_than_random_ones(told: Explanation) -> None:
    found = told.fidelity
    assert found is not None
    assert 0.8 * found.denied < found.faithful <= found.denied <= 100
    assert found.move_named > 1.5 * found.move_random > 0


def test_wrong_reasons_are_found_out(forest) -> None:
    from audits.explanations import reasons

    model, frame = forest
    answers = model.predict_proba(frame)[:, 1]
    values = np.zeros((len(frame), 4))
    values[:, 3] = -1.0
    plan = dataclasses.replace(ASKED, named_reasons=1)
    found = reasons.fidelity(model, frame, frame, values, answers, column=1, plan=plan, seed=0)
    assert found is not None
    assert found.faithful < 0.2 * found.denied


def test_counterfactuals_flip_stay_plausible_and_touch_nothing_fixed(forest, told: Explanation) -> None:
    model, _ = forest
    library = told.counterfactuals
    assert library is not None
    assert library.asked == 15
    assert library.found == len(library.kept) >= 10
    assert library.plausible == library.found
    assert library.fixed == (2,)
    for one in library.kept:
        row = dict(zip(told.features, one.values, strict=True))
        assert model.predict_proba(pd.DataFrame([row]))[0, 1] < 0.5
        assert 1 <= len(one.changes) <= 3
        assert one.distance > 0
        for feature, new in one.changes:
            assert told.features[feature] != "age"
            if feature == 0:
                assert new > row["income"]
            row[told.features[feature]] = new
        assert model.predict_proba(pd.DataFrame([row]))[0, 1] >= 0.5
    assert f"{len(library.kept)} sampled rows leave" in told.notes[-1]


def test_the_kept_library_is_put_to_the_next_version(forest, told: Explanation) -> None:
    _, frame = forest
    assert told.counterfactuals is not None
    kept = told.counterfactuals.kept
    turned = frame[["noise", "age", "debt", "income"]]
    same = RandomForestClassifier(20, max_depth=5, random_state=0).fit(frame, _frames()[1])
    plan = ExplainPlan(threshold=0.5, previous=kept, previous_features=told.features)
    again = explain(same, frame, frame.iloc[:50], column=1, plan=plan).counterfactuals
    assert again is not None
    assert (again.rechecked, again.still_flip) == (len(kept), len(kept))
    other = LogisticRegression(max_iter=2_000).fit(turned, _frames()[1])
    moved = explain(other, turned, turned.iloc[:50], column=1, plan=plan).counterfactuals
    assert moved is not None
    assert 0 < moved.still_flip < moved.rechecked <= len(kept)
    strange = explain(
        other,
        turned,
        turned.iloc[:50],
        column=1,
        plan=dataclasses.replace(plan, previous_features=("a", "b", "c", "d")),
    )
    assert strange.counterfactuals is not None
    assert strange.counterfactuals.rechecked == 0


def test_the_same_seed_finds_the_same_and_all_survives_json(forest, told: Explanation) -> None:
    model, frame = forest
    again = explain(model, frame, frame, column=1, plan=ExplainPlan.from_json(json.loads(json.dumps(ASKED.to_json()))))
    assert dataclasses.replace(again, cost=told.cost) == told
    assert Explanation.from_json(json.loads(json.dumps(told.to_json(), allow_nan=False))) == told


def test_without_a_threshold_nothing_is_decided_and_nobody_denied_is_an_answer(forest) -> None:
    model, frame = forest
    found = explain(model, frame, frame.iloc[:60], column=1, plan=dataclasses.replace(ASKED, threshold=None))
    assert {one.unfavourable for one in found.local} == {None}
    assert (found.fidelity, found.counterfactuals) == (None, None)
    found = explain(model, frame, frame.iloc[:60], column=1, plan=dataclasses.replace(ASKED, threshold=0.0))
    assert found.local == ()
    assert found.fidelity is None
    assert found.counterfactuals is not None
    assert found.counterfactuals.asked == 0


def test_a_low_score_may_be_the_favourable_one(forest) -> None:
    model, frame = forest
    plan = dataclasses.replace(ASKED, favourable_high=False, monotone={})
    found = explain(model, frame, frame, column=1, plan=plan)
    assert all(one.answer >= 0.5 and all(part > 0 for _, part in one.against) for one in found.local)
    assert found.counterfactuals is not None
    assert found.counterfactuals.found > 0


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("dependence", [{"feature": 99}]),
        ("local", [{"row": -1}]),
        ("fidelity", {"denied": 1, "faithful": 2, "named": 1, "draws": 1, "move_named": 0, "move_random": 0}),
        ("counterfactuals", {"asked": 1}),
        ("interactions", [{"first": 0, "second": 99, "strength": 0.1, "rows": 5}]),
        ("cost", {"predicted": -1, "used": 0, "budget": None, "considered": []}),
        ("by_seed", [[0.1]]),
        ("asked_rows", 1),
    ],
)
def test_hostile_parts_are_refused(told: Explanation, part: str, wrong: object) -> None:
    data = json.loads(json.dumps(told.to_json()))
    with pytest.raises((ValueError, KeyError)):
        Explanation.from_json(data | {part: wrong})


def test_a_plan_asks_for_what_its_checks_need_and_only_once(told: Explanation) -> None:
    declared = {"reasons": {"income": "Income"}, "monotone": {"debt": "decreasing"}, "immutable": ["age"]}
    bare = asked_for(["explainability.shap_importance", "fairness.x"], threshold=0.5, declared=declared)
    assert (bare.effects, bare.local_rows, bare.counterfactual_rows, bare.previous) == (False, 0, 0, ())
    checks = [
        "explainability.interaction_strength",
        "explainability.reason_fidelity",
        "explainability.counterfactual_validity",
    ]
    full = asked_for(checks, threshold=0.5, declared=declared, sensitive=("sex",), previous=told)
    assert full.effects
    assert full.local_rows > 0 < full.counterfactual_rows
    assert full.fixed == ("sex", "age")
    assert told.counterfactuals is not None
    assert (full.previous, full.previous_features) == (told.counterfactuals.kept, told.features)
    assert not asked_for(checks, threshold=0.5, declared={"favourable": "low"}).favourable_high
    later = asked_for(checks, threshold=0.5, declared=declared, previous=told, first=False)
    assert later == ExplainPlan()


def test_a_frozen_plan_hands_its_checks_threshold_and_sensitive_columns_to_the_explanation() -> None:
    from audits.runs.explaining import _wanted
    from audits.runs.steps import complete

    frozen = complete(
        {
            "requirements": [{"check": "explainability.counterfactual_coverage"}],
            "scoring": {"threshold": 0.4},
            "datasets": {"evaluation": {"roles": {"sensitive": ["sex"], "features": ["income"]}}},
        }
    )
    wanted = _wanted(frozen, first=True)
    assert (wanted.threshold, wanted.fixed, wanted.counterfactual_rows) == (0.4, ("sex",), 30)
    assert _wanted(frozen, first=False).counterfactual_rows == 0


class Laborious:
    """A model that takes half a millisecond of the processor for each row."""

    classes_ = np.array([0, 1])

    def predict_proba(self, rows):
        until = time.process_time() + 5e-4 * len(rows)
        while time.process_time() < until:
            pass
        score = 1.0 / (1.0 + np.exp(-rows.iloc[:, 0].to_numpy() - rows.iloc[:, 1].to_numpy()))
        return np.column_stack([1.0 - score, score])


def test_effects_over_the_budget_are_of_a_stratified_sample_with_its_error():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    plan = ExplainPlan(effects=True, counterfactual_rows=30, threshold=0.5, budget_seconds=2.0)
    began = time.process_time()
    found = explain(Laborious(), frame.iloc[:5], frame.iloc[:300], column=1, seeds=(0,), plan=plan)
    used = time.process_time() - began
    assert used < 4 * plan.budget_seconds, "attributions and what is beside them, with what was spent on measuring"
    said = {note.partition(":")[0]: note for note in found.notes}
    assert {one.rows for one in found.dependence} != {200}
    assert f"{found.dependence[0].rows} of 300 rows, stratified by the model's answers" in said["dependence"]
    assert "standard error of a mean at most" in said["dependence"]
    assert found.interactions[0].rows < 50
    assert "standard error of a strength" in said["interactions"]
    assert found.counterfactuals is not None
    assert 1 <= found.counterfactuals.asked < 30
    assert "over the budget" in said["counterfactuals"]


def test_the_error_of_a_sampled_dependence_is_of_the_size_of_its_mistake():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(2_000, 2)), columns=["a", "b"])
    linear = LinearRegression().fit(frame, frame["a"] + 2.0 * frame["b"])
    plan = ExplainPlan(effects=True, budget_seconds=60.0)
    found = explain(linear, frame, frame, column=None, seeds=(0,), plan=plan)
    (note,) = (one for one in found.notes if one.startswith("dependence"))
    error = float(note.rpartition(" ")[2])
    assert "200 of 2000 rows" in note
    for one in found.dependence:
        moved = frame.copy()
        moved.iloc[:, one.feature] = one.grid[0]
        assert abs(one.mean[0] - linear.predict(moved).mean()) < 4 * error
    assert 0.0 < error < 0.2
