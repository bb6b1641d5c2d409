"""Do the explainability checks give the numbers of their formulas, and defined answers where there are none?"""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.explanations import records
from tests.audits.evaluation_samples import complete_subject, explanation_of


def _measured(slug: str, *, before=None, confidence: float = 0.95, **more) -> Measurement:
    subject = dataclasses.replace(
        complete_subject(), explanation=explanation_of(**more), previous_explanation=before or explanation_of()
    )
    return CHECKS.get(f"explainability.{slug}").run(subject, confidence=confidence)


def test_the_residual_is_seen_against_the_largest_output() -> None:
    found = _measured("additivity_residual", additivity_residual_max=0.3, output_scale=2.0)
    assert found.value == pytest.approx(0.1)
    assert found.detail["residual"] == 0.3
    assert found.detail["background_rows"] == 100
    assert (found.detail["predicted_seconds"], found.detail["used_seconds"], found.detail["budget_seconds"]) == (
        0.02,
        0.03,
        60,
    )


def test_a_sampled_explanation_says_so_in_every_ranking() -> None:
    words = "40 of 200 rows, stratified by the model's answers in 10 strata"
    found = _measured("shap_importance", sample_rows=40, selection=words)
    assert found.n == 40
    assert (found.detail["asked_rows"], found.detail["selection"]) == (200, words)
    assert words in found.notes[0]
    low, high = found.plots[0].rows[0][2:4]
    assert (low, high) == pytest.approx((0.5 - 0.0196, 0.5 + 0.0196), abs=1e-4)


def test_stability_is_the_lowest_correlation_and_lacks_without_two_rankings() -> None:
    assert _measured("rank_stability", rank_stability=-0.5).value == -0.5
    with pytest.raises(Insufficient, match="no two rankings"):
        _measured("rank_stability", rank_stability=None)
    older = _measured("rank_stability", by_seed=(), seed_weights=())
    assert (older.value, older.plots) == (1.0, ())


def test_the_widest_dependence_is_named() -> None:
    found = _measured("dependence_range")
    assert found.value == pytest.approx(0.3)
    assert "income" in found.notes[0]
    assert [plot.kind for plot in found.plots] == ["line", "intervals"]
    with pytest.raises(Insufficient):
        _measured("dependence_range", dependence=())


def test_curves_against_the_declared_direction_are_counted_with_an_interval() -> None:
    found = _measured("dependence_against_declared")
    assert (found.value, found.n) == (0.02, 200)
    expected = stats.binomtest(4, 200).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    for declared, value in (({"income": "decreasing"}, 1.0), ({"income": "increasing"}, 0.02)):
        subject = dataclasses.replace(complete_subject(), declared={"monotone": declared})
        assert CHECKS.get("explainability.dependence_against_declared").run(subject).value == value
    for declared in ({}, {"region": "increasing"}, {"other": "increasing"}):
        subject = dataclasses.replace(complete_subject(), declared={"monotone": declared})
        with pytest.raises(Insufficient, match="declared monotone"):
            CHECKS.get("explainability.dependence_against_declared").run(subject)


def test_shares_of_rows_decided_against_have_wilsons_interval() -> None:
    for slug, hits, n in (
        ("reason_fidelity", 72, 80),
        ("counterfactual_coverage", 15, 20),
        ("counterfactual_validity", 9, 10),
    ):
        found = _measured(slug, confidence=0.9)
        expected = stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
        assert (found.value, found.n) == (hits / n, n)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_newcombes_published_interval_is_that_of_a_fidelity_of_the_same_counts() -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3: 81 of 263."""
    found = _measured("reason_fidelity", fidelity=records.ReasonFidelity(263, 81, 4, 20, 0.1, 0.05))
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(
    ("slug", "part"),
    [
        ("reason_fidelity", {"fidelity": None}),
        ("counterfactual_coverage", {"counterfactuals": None}),
        ("counterfactual_coverage", {"counterfactuals": records.CounterfactualLibrary(0, 0, 0, (), 3, 1, ())}),
        ("counterfactual_validity", {"counterfactuals": records.CounterfactualLibrary(3, 1, 1, (), 0, 0, ())}),
        ("interaction_strength", {"interactions": ()}),
    ],
)
def test_what_was_not_worked_out_is_insufficient_and_never_a_pass(slug: str, part: dict) -> None:
    with pytest.raises(Insufficient) as caught:
        _measured(slug, **part)
    assert caught.value.mend.endswith(".")


def test_raw_rows_of_the_library_are_in_no_measurement() -> None:
    library = records.CounterfactualLibrary(
        1, 1, 1, (records.Counterfactual((123456.5, "hidden-place"), ((0, 98765.5),), 1.0, True, True),), 1, 1, ()
    )
    for entry in CHECKS:
        if entry.slug.startswith("explainability."):
            text = repr(_measured(entry.slug.partition(".")[2], counterfactuals=library).as_json())
            assert not any(raw in text for raw in ("123456", "hidden-place", "98765"))


def test_moved_mass_is_the_total_variation_of_the_shares() -> None:
    before = explanation_of(mean_abs=(3.0, 1.0))
    found = _measured("attribution_drift", before=before, mean_abs=(1.0, 1.0))
    assert found.value == pytest.approx(0.25)
    assert found.low is not None
    assert found.low < 0.25 < found.high
    assert found.detail["features"] == [["income", 0.75, 0.5], ["region", 0.25, 0.5]]
    same = _measured("attribution_drift")
    assert (same.value, same.low) == (0.0, 0.0)
    assert _measured("attribution_rank_correlation", before=before, mean_abs=(1.0, 2.0)).value == -1.0
    with pytest.raises(Insufficient, match="nothing to rank"):
        _measured("attribution_rank_correlation", before=before, mean_abs=(1.0, 1.0))


def test_the_interval_of_the_moved_mass_covers_it() -> None:
    """Means drawn around true ones: the interval of a clear shift holds the true share about as often as it says."""
    rng = np.random.default_rng(0)
    true, errors = np.array([1.0, 0.6, 0.3]), (0.05, 0.05, 0.05)
    old = np.array([0.4, 0.8, 0.3])
    share = float(np.abs(true / true.sum() - old / old.sum()).sum() / 2)
    from audits.statistics.importance import moved_share

    hits = 0
    for seed in range(200):
        found = moved_share(rng.normal(old, errors), rng.normal(true, errors), errors, errors, seed=seed)
        assert found is not None
        hits += found.low <= share <= found.high
    assert 180 <= hits <= 200


def test_features_are_matched_by_name_and_a_new_one_counts_as_unused_before() -> None:
    before = explanation_of(features=("region", "income"), mean_abs=(1.0, 3.0))
    found = _measured("attribution_drift", before=before, mean_abs=(3.0, 1.0))
    assert found.value == pytest.approx(0.0)
    strange = explanation_of(features=("debt", "age"), mean_abs=(1.0, 3.0))
    found = _measured("attribution_drift", before=strange)
    assert found.value == pytest.approx(1.0)
    assert any("same features" in note for note in found.notes)


@pytest.mark.parametrize("part", [{"variant": "path-dependent"}, {"output": "probability"}, {"explained": "0"}])
def test_explanations_of_another_question_are_not_compared(part: dict) -> None:
    with pytest.raises(Insufficient, match="another"):
        _measured("attribution_drift", before=explanation_of(**part))
    with pytest.raises(Insufficient, match="attributes nothing"):
        _measured("attribution_drift", mean_abs=(0.0, 0.0))


def test_a_real_forest_is_measured_from_end_to_end() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from audits.explanations.plan import ExplainPlan
    from audits.explanations.routes import explain
    from tests.audits.evaluation_samples import sample

    frame = sample(400)[["income", "y"]].assign(debt=lambda rows: (rows.index * 7 % 50).astype(float))
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(frame[["income", "debt"]], frame.y)
    plan = ExplainPlan(
        threshold=0.5, effects=True, local_rows=5, counterfactual_rows=10, monotone={"income": "increasing"}
    )
    told = explain(model, frame[["income", "debt"]], frame[["income", "debt"]], column=1, plan=plan)
    subject = CheckSubject(
        complete_subject().evaluation,
        explanation=told,
        previous_explanation=told,
        declared={"monotone": dict(plan.monotone)},
    )
    for entry in CHECKS:
        if entry.slug.startswith("explainability.") and entry.slug != "explainability.counterfactual_validity":
            value = entry.item.run(subject).value
            assert value is not None
            assert math.isfinite(value)
    assert CHECKS.get("explainability.additivity_residual").run(subject).value < 1e-12
