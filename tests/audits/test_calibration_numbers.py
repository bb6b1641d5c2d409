"""Do the checks of calibration give published values, and those of other formulas on the same rows?"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from audits.statistics import goodness
from audits.statistics.backtests import binomial, jeffreys
from audits.statistics.decomposition import decompose
from audits.statistics.multiplicity import holm
from registry.errors import DomainError
from tests.audits.evaluation_samples import many_classes, sample
from tests.audits.quality_samples import (
    CLASSES,
    MANY_ROLES,
    SCORED,
    WEIGHTED,
    likeliest,
    run,
    scored_mortgages,
    weighted,
)


def test_murphys_terms_of_the_forecasts_in_wilks() -> None:
    # R package verification, example of reliability.plot: data of Wilks, Statistical Methods, table 7.3
    score = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    rate = np.array([0.006, 0.019, 0.059, 0.15, 0.277, 0.377, 0.511, 0.587, 0.723, 0.779, 0.934, 0.933])
    share = np.array([0.4112, 0.0671, 0.1833, 0.0986, 0.0616, 0.0366, 0.0303, 0.0275, 0.0245, 0.022, 0.017, 0.0203])
    found = decompose(score, share * rate, share * (1 - rate))
    assert found.reliability == pytest.approx(0.0008276164, abs=1e-7)
    assert found.resolution == pytest.approx(0.0627866282, abs=1e-6)
    assert found.uncertainty == pytest.approx(0.1354200518, abs=1e-6)
    assert found.total == pytest.approx(0.07346104, abs=1e-6)
    assert (found.within_bin_variance, found.within_bin_covariance) == pytest.approx((0.0, 0.0), abs=1e-30)


def test_the_five_terms_add_up_to_the_brier_score() -> None:
    frame = scored_mortgages()
    found = run("calibration.brier_score", frame, roles=SCORED)
    assert found.value == pytest.approx(brier_score_loss(frame.y, frame.s), abs=1e-12)
    for name in ("decomposition", "by_distinct_score"):
        terms = found.detail[name]
        total = terms["reliability"] - terms["resolution"] + terms["uncertainty"] + terms["within_bin_variance"]
        assert total - 2.0 * terms["within_bin_covariance"] == pytest.approx(found.value, abs=1e-12)
    assert found.detail["by_distinct_score"]["within_bin_variance"] == pytest.approx(0.0, abs=1e-15)


def test_published_errors_over_two_bins() -> None:
    # torchmetrics, BinaryCalibrationError: l1 0.2900 and max 0.3167 over two bins of equal width
    frame = pd.DataFrame({"s": [0.25, 0.25, 0.55, 0.75, 0.75], "y": [0, 0, 1, 1, 1]})
    expected = run("calibration.expected_calibration_error", frame, roles=SCORED, bins=2)
    largest = run("calibration.maximum_calibration_error", frame, roles=SCORED, bins=2, binning="equal-width")
    assert expected.value == pytest.approx(0.29, abs=1e-12)
    assert largest.value == pytest.approx(0.3167, abs=5e-5)
    assert largest.detail["worst_bin"] == 1


def test_adaptive_and_maximum_errors_are_those_of_scikit_learns_curve() -> None:
    frame = scored_mortgages()
    rate, score = calibration_curve(frame.y, frame.s, n_bins=10)
    found = run("calibration.maximum_calibration_error", frame, roles=SCORED, binning="equal-width")
    assert found.value == pytest.approx(np.abs(rate - score).max(), abs=1e-12)
    continuous = pd.DataFrame({"s": np.random.default_rng(3).permutation(1000) / 1000.0 + 0.0005})
    continuous["y"] = (np.random.default_rng(4).random(1000) < continuous.s**1.5).astype(int)
    rate, score = calibration_curve(continuous.y, continuous.s, n_bins=10, strategy="quantile")
    found = run("calibration.adaptive_calibration_error", continuous, roles=SCORED)
    assert found.value == pytest.approx(np.abs(rate - score).mean(), abs=1e-12)
    assert found.method.endswith("equal-mass-10")


def test_slope_and_intercept_are_those_of_an_unpenalised_regression() -> None:
    for frame in (scored_mortgages(), sample(600).query("0 < s < 1")):
        logit = np.log(frame.s / (1 - frame.s)).to_numpy()
        fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(logit[:, None], frame.y)
        found = run("calibration.calibration_slope", frame, roles=SCORED)
        assert found.value == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
        assert found.detail["intercept"] == pytest.approx(fitted.intercept_[0], abs=1e-5)
        p = fitted.predict_proba(logit[:, None])[:, 1]
        design = np.column_stack([np.ones(len(p)), logit])
        errors = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))))
        assert found.detail["slope_standard_error"] == pytest.approx(errors[1], rel=1e-4)
        assert found.low == pytest.approx(found.value - stats.norm.ppf(0.975) * errors[1], abs=1e-4)


def test_calibration_in_the_large_is_the_mean_of_outcome_less_score() -> None:
    frame = scored_mortgages()
    apart = frame.y - frame.s
    found = run("calibration.calibration_in_the_large", frame, roles=SCORED)
    assert found.value == pytest.approx(apart.mean(), abs=1e-12)
    half = stats.norm.ppf(0.975) * apart.std(ddof=1) / np.sqrt(len(apart))
    assert (found.low, found.high) == pytest.approx((apart.mean() - half, apart.mean() + half), abs=1e-12)
    logit = np.log(frame.s / (1 - frame.s))
    assert (1 / (1 + np.exp(-logit - found.detail["intercept"]))).mean() == pytest.approx(frame.y.mean(), abs=1e-9)


def test_hosmer_lemeshow_is_the_formula_over_the_groups_it_names() -> None:
    frame = scored_mortgages()
    found = run("calibration.hosmer_lemeshow", frame, roles=SCORED)
    groups = found.detail["groups"]
    assert sum(group["n"] for group in groups) == len(frame)
    statistic = 0.0
    for group in groups:
        rows = frame[(frame.s >= group["low"]) & (frame.s <= group["high"])]
        assert (len(rows), rows.y.sum()) == (group["n"], group["observed"])
        assert rows.s.sum() == pytest.approx(group["expected"])
        mean = rows.s.mean()
        statistic += (rows.y.sum() - rows.s.sum()) ** 2 / (len(rows) * mean * (1 - mean))
    assert found.detail["statistic"] == pytest.approx(statistic)
    assert found.detail["df"] == len(groups)
    assert found.value == pytest.approx(stats.chi2.sf(statistic, len(groups)))
    fitted = run("calibration.hosmer_lemeshow", frame, roles=SCORED, fitted_on_these_rows=True)
    assert fitted.detail["df"] == len(groups) - 2
    assert found.detail["grouping"]["ties"] == "equal scores stay in one group"


def test_equal_scores_are_never_parted_by_hosmer_lemeshow() -> None:
    frame = sample(300)
    found = run("calibration.hosmer_lemeshow", frame, roles=SCORED)
    ends = [(group["low"], group["high"]) for group in found.detail["groups"]]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    one = run("calibration.hosmer_lemeshow", frame.assign(s=0.5), roles=SCORED, fitted_on_these_rows=True)
    assert (one.value, bool(one.reason)) == (None, True)


def test_a_certain_and_wrong_group_has_p_value_zero() -> None:
    frame = pd.DataFrame({"s": [0.0] * 30 + [0.5] * 30 + [1.0] * 30, "y": [0, 1] * 45})
    found = run("calibration.hosmer_lemeshow", frame, roles=SCORED, groups=3)
    assert (found.value, found.detail["statistic"]) == (0.0, None)


def test_spiegelhalters_z_is_the_formula_by_rows() -> None:
    frame = scored_mortgages()
    y, s = frame.y, frame.s
    z = ((y - s) * (1 - 2 * s)).sum() / np.sqrt(((1 - 2 * s) ** 2 * s * (1 - s)).sum())
    found = run("calibration.spiegelhalter", frame, roles=SCORED)
    assert found.detail["z"] == pytest.approx(z)
    assert found.value == pytest.approx(2 * stats.norm.sf(abs(z)))
    none = run("calibration.spiegelhalter", frame.assign(s=0.5), roles=SCORED)
    assert (none.value, bool(none.reason)) == (None, True)


@pytest.mark.parametrize("test", ["hosmer_lemeshow", "spiegelhalter"])
def test_true_scores_are_rejected_as_often_as_the_p_value_says(test: str) -> None:
    rng, rejected = np.random.default_rng(12), 0
    for _ in range(400):
        score, place = np.unique(np.round(rng.beta(2, 3, 400), 3), return_inverse=True)
        y = rng.random(400) < score[place]
        one, zero = (np.bincount(place, weights=side, minlength=len(score)) for side in (y, ~y))
        if test == "spiegelhalter":
            found = goodness.spiegelhalter(score, one, zero)
        else:
            found = goodness.hosmer_lemeshow(goodness.groups_of_scores(score, one, zero, 10), fitted=False)
        assert found is not None
        rejected += found.p_value <= 0.1
    assert 0.06 <= rejected / 400 <= 0.145


def test_backtests_are_scipys_tails() -> None:
    for d, n, pd_ in ((0, 50, 0.02), (5, 100, 0.02), (3, 7, 0.3), (100, 100, 0.5)):
        assert binomial(d, n, pd_) == pytest.approx(stats.binomtest(d, n, pd_, alternative="greater").pvalue, abs=1e-12)
        assert jeffreys(d, n, pd_) == pytest.approx(stats.beta(d + 0.5, n - d + 0.5).cdf(pd_), abs=1e-12)
    assert binomial(0, 10, 0.0) == 1.0
    assert binomial(1, 10, 0.0) == 0.0
    with pytest.raises(ValueError, match="backtest"):
        jeffreys(3, 2, 0.1)


def graded(seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    grade = rng.choice(["A", "B", "C", "D"], 2000, p=[0.4, 0.3, 0.2, 0.1])
    pd_ = pd.Series(grade).map({"A": 0.005, "B": 0.02, "C": 0.06, "D": 0.15}).to_numpy()
    true = np.where(grade == "C", 2.2 * pd_, pd_)
    return pd.DataFrame({"grade": grade, "s": pd_, "y": (rng.random(2000) < true).astype(int)})


@pytest.mark.parametrize("test", ["binomial", "jeffreys"])
def test_the_grade_that_is_too_low_is_named_and_holm_is_applied(test: str) -> None:
    frame, slug = graded(), f"calibration.pd_backtest_{test}"
    by_grade = run(slug, frame, roles=SCORED, level="grade", grade_column="grade")
    assert by_grade.detail["worst_grade"] == "C"
    rows = by_grade.detail["grades"]
    assert [row["grade"] for row in rows] == ["A", "B", "C", "D"]
    tail = {"binomial": binomial, "jeffreys": jeffreys}[test]
    raw = [tail(group.y.sum(), len(group), group.s.mean()) for _, group in frame.groupby("grade")]
    assert [row["p_value"] for row in rows] == pytest.approx(raw, abs=1e-12)
    assert by_grade.value == pytest.approx(min(holm(raw)))
    assert by_grade.value < 0.001
    same = run(slug, frame, roles=SCORED, level="grade")  # four distinct scores are the same four grades
    assert same.value == pytest.approx(by_grade.value)
    whole = run(slug, frame, roles=SCORED)
    assert whole.value == pytest.approx(tail(frame.y.sum(), len(frame), frame.s.mean()))


def test_grades_of_two_rows_are_neither_tested_nor_shown_and_identifiers_are_refused() -> None:
    frame = graded()
    frame.loc[:1, "grade"] = "Z"
    found = run("calibration.pd_backtest_binomial", frame, roles=SCORED, grade_column="grade")
    assert {row["grade"] for row in found.detail["grades"]} == {"A", "B", "C", "D"}
    assert any("neither tested nor shown" in note for note in found.notes)
    with pytest.raises(DomainError) as caught:
        run("calibration.pd_backtest_binomial", frame.assign(grade=range(2000)), roles=SCORED, grade_column="grade")
    assert caught.value.code == "too-many-groups"
    with pytest.raises(DomainError) as caught:
        run("calibration.pd_backtest_binomial", frame, roles=SCORED, grade_column="rating")
    assert caught.value.code == "unknown-column"


def test_holm_is_rs() -> None:
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") and with one value repeated
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.5, 0.001, 0.5]) == pytest.approx([1.0, 0.003, 1.0])
    assert holm([0.001], of=20) == pytest.approx([0.02])
    assert holm([]) == []


def test_classes_are_calibrated_as_one_against_the_rest() -> None:
    frame = many_classes(600, seed=5)
    top = run("calibration.top_label_calibration_error", frame, task="multiclass", roles=MANY_ROLES)
    confidence = frame[[f"p_{name}" for name in CLASSES]].max(axis=1)
    binary = pd.DataFrame({"y": (frame.y.to_numpy() == likeliest(frame)).astype(int), "s": confidence})
    assert top.value == pytest.approx(run("calibration.expected_calibration_error", binary, roles=SCORED).value)
    wise = run("calibration.classwise_calibration_error", frame, task="multiclass", roles=MANY_ROLES)
    parts = [
        run(
            "calibration.expected_calibration_error",
            pd.DataFrame({"y": (frame.y == name).astype(int), "s": frame[f"p_{name}"]}),
            roles=SCORED,
        ).value
        for name in CLASSES
    ]
    assert wise.value == pytest.approx(np.mean(parts))
    assert wise.low is not None
    assert wise.low <= wise.value <= wise.high


ROW = pd.DataFrame({"y": [1], "s": [0.7]})


@pytest.mark.parametrize(
    ("slug", "frame", "value"),
    [
        ("calibration.calibration_slope", ROW, None),
        ("calibration.calibration_slope", pd.DataFrame({"y": [0, 0, 1, 1], "s": [0.1, 0.2, 0.8, 0.9]}), None),
        ("calibration.calibration_slope", sample(50).assign(y=0), None),
        ("calibration.calibration_in_the_large", ROW, 0.3),
        ("calibration.calibration_in_the_large", sample(50).assign(y=0, s=0.0), 0.0),
        ("calibration.adaptive_calibration_error", ROW, 0.3),
        ("calibration.maximum_calibration_error", ROW, 0.3),
        ("calibration.brier_score", ROW, 0.09),
        ("calibration.pd_backtest_binomial", ROW, 0.7),
        ("calibration.pd_backtest_binomial", sample(50).assign(y=0), 1.0),
        ("calibration.hosmer_lemeshow", ROW, stats.chi2.sf(0.09 / 0.21, 1)),
    ],
)
def test_degenerate_tables_have_a_defined_answer(slug: str, frame: pd.DataFrame, value: float | None) -> None:
    found = run(slug, frame, roles=SCORED)
    assert found.value == (value if value is None else pytest.approx(value))
    assert bool(found.reason) == (value is None)


def test_weights_are_worth_kishs_number_of_rows() -> None:
    frame = weighted(scored_mortgages())
    size = sum(rows.w.sum() ** 2 / (rows.w**2).sum() for _, rows in frame.groupby("y"))
    found = run("calibration.hosmer_lemeshow", frame, roles=WEIGHTED)
    assert sum(group["n"] for group in found.detail["groups"]) == pytest.approx(size)
    assert any("Kish" in note for note in found.notes)
    doubled = frame.assign(w=2.0 * frame.w)
    assert run("calibration.hosmer_lemeshow", doubled, roles=WEIGHTED).value == pytest.approx(found.value)
    score, place = np.unique(frame.s, return_inverse=True)
    one, zero = (np.bincount(place, weights=frame.w * (frame.y == side)) for side in (1, 0))
    again = goodness.hosmer_lemeshow(goodness.groups_of_scores(score, one, zero, 10, effective=size), fitted=False)
    assert again is not None
    assert again.p_value == pytest.approx(found.value)
