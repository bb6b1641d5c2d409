"""Do the explanations of chunks make the explanation of the whole, and is a costly one sampled in the open?"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from audits.explanations.chunks import joined
from audits.explanations.plan import ExplainPlan
from audits.explanations.routes import explain
from audits.explanations.strata import everything, stratified

WHOLE_SAME = ("mean_abs", "mean_abs_se", "base_value", "seed_weights")


def _frames(rows: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(rows, 5)), columns=list("abcde"))
    return frame, (frame.a + frame.b * frame.c + rng.normal(size=rows) > 0).astype(int).to_numpy()


@pytest.mark.parametrize(
    "model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=5, random_state=0)], ids=["linear", "trees"]
)
@pytest.mark.parametrize("variant", ["any", "path-dependent"])
def test_chunks_joined_are_the_whole(model, variant: str) -> None:
    frame, label = _frames()
    model.fit(frame, label)
    if isinstance(model, LogisticRegression) and variant != "any":
        pytest.skip("a linear model has no paths")
    plan = ExplainPlan(variant=variant)
    whole = explain(model, frame, frame, column=1, plan=plan)
    parts = [
        explain(model, frame, frame.iloc[cut], column=1, plan=plan)
        for cut in (slice(0, 90), slice(90, 250), slice(250, 400))
    ]
    found = joined(parts)
    for name in WHOLE_SAME:
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(found.by_seed, whole.by_seed, rtol=1e-9)
    assert found.rank_stability == pytest.approx(whole.rank_stability)
    assert found.additivity_residual_max == pytest.approx(whole.additivity_residual_max, abs=1e-12)
    assert (found.sample_rows, found.asked_rows, found.selection) == (400, 400, "all rows")
    again = joined([joined(parts[:2]), parts[2]])
    np.testing.assert_allclose(again.mean_abs_se, whole.mean_abs_se, rtol=1e-9)


def test_parts_that_answer_other_questions_are_not_joined() -> None:
    frame, label = _frames()
    found = explain(LogisticRegression().fit(frame, label), frame, frame, column=1)
    with pytest.raises(ValueError, match="differ in variant"):
        joined([found, dataclasses.replace(found, variant="path-dependent")])
    with pytest.raises(ValueError, match="base value"):
        joined([found, dataclasses.replace(found, base_value=found.base_value + 1.0)])
    with pytest.raises(ValueError, match="no part"):
        joined([])


def test_over_budget_a_stratified_sample_is_explained_and_said_so() -> None:
    frame, label = _frames()
    model = BaggingClassifier(LogisticRegression(), 3, random_state=0).fit(frame, label)
    whole = explain(model, frame, frame, column=1, seeds=(0,), plan=ExplainPlan(budget_seconds=None))
    assert whole.cost is not None
    assert whole.whole
    found = explain(model, frame, frame, column=1, seeds=(0,), plan=ExplainPlan(budget_seconds=whole.cost.used / 5))
    assert not found.whole
    assert 20 <= found.sample_rows < found.asked_rows == 400
    assert "stratified" in found.selection
    assert found.cost is not None
    assert found.cost.budget == whole.cost.used / 5
    assert found.cost.predicted <= whole.cost.used
    gaps = np.abs(np.array(found.mean_abs) - np.array(whole.mean_abs)) / np.array(found.mean_abs_se)
    assert gaps.max() < 5
    halves = [
        explain(model, frame, frame.iloc[cut], column=1, seeds=(0,), plan=ExplainPlan(budget_seconds=1e-6))
        for cut in (slice(0, 100), slice(100, 400))
    ]
    both = joined(halves)
    assert (both.sample_rows, both.asked_rows) == (40, 400)
    assert both.mean_abs[0] == pytest.approx(0.25 * halves[0].mean_abs[0] + 0.75 * halves[1].mean_abs[0])


def test_a_stratified_sample_estimates_the_mean_with_its_standard_error() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(1_000)
    amounts = scores**2 + rng.normal(scale=0.05, size=1_000)
    estimates, errors = [], []
    from audits.explanations.quality import importance

    for seed in range(300):
        chosen = stratified(scores, 100, seed=seed)
        assert len(chosen.rows) == 100
        assert chosen.weights.sum() == pytest.approx(1_000)
        mean, error = importance(amounts[chosen.rows, None] + 5.0, chosen.strata, chosen.sizes)
        estimates.append(mean[0])
        errors.append(error[0])
    assert np.mean(estimates) == pytest.approx(amounts.mean() + 5.0, abs=0.002)
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.15)
    simple = amounts.std() / 10
    assert np.mean(errors) < simple / 2
    assert everything(3).weights.tolist() == [1, 1, 1]


def test_few_rows_and_equal_scores_are_sampled_without_error() -> None:
    for total in (1, 2, 3, 7):
        chosen = stratified(np.full(total, 0.5), 1, seed=0)
        assert 1 <= len(chosen.rows) <= total
        assert chosen.sizes.sum() == total
