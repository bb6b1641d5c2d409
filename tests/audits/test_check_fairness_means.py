"""Are calibration by group and amounts by group those of scikit-learn and fairlearn, with intervals that cover?"""

from __future__ import annotations

import dataclasses
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import mean_absolute_error

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.statistics.group_means import Mean, widest_difference
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from registry.errors import DomainError
from tests.audits.evaluation_samples import AMOUNT_ROLES, CLASSES, MANY_ROLES, ROLES, amounts, many_classes, sample
from tests.audits.evaluation_samples import table_of as opened

CALIBRATION, ERROR = "fairness.calibration_difference", "fairness.calibration_error"
AMOUNTS = ("mean_prediction", "mean_error", "mean_absolute_error")


def calibrated(slug: str, frame: pd.DataFrame, *, weight: str | None = None, **params: Any) -> Measurement:
    table = opened(frame, roles=dataclasses.replace(ROLES, weight=weight), check_values=False)
    return CHECKS.get(slug).run(CheckSubject(table, seed=3), **params)


def by_group(found: Measurement, attribute: str) -> dict[str, Any]:
    return {row.group: row for row in found.groups if row.attribute == attribute}


def expected_error(y: pd.Series, s: pd.Series, bins: int) -> float:
    """Work the error out from scikit-learn's calibration curve and the number of rows in each bin."""
    observed, mean = calibration_curve(y, s, n_bins=bins)
    rows = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], s), minlength=bins)
    return float((np.abs(observed - mean) * rows[rows > 0]).sum() / len(s))


@pytest.mark.parametrize("bins", [5, 10])
def test_calibration_by_group_is_scikit_learns(bins: int) -> None:
    frame = sample(700)
    found = calibrated(CALIBRATION, frame, attributes=["sex"], bins=bins)
    errors = calibrated(ERROR, frame, attributes=["sex"], bins=bins)
    gaps = {}
    for name, part in frame.groupby("sex"):
        row = by_group(found, "sex")[str(name)]
        gaps[name] = part.s.mean() - part.y.mean()
        assert row.values["calibration_gap"] == pytest.approx(gaps[name], abs=1e-9)
        assert row.values["mean_score"] == pytest.approx(part.s.mean(), abs=1e-9)
        assert row.values["observed_rate"] == part.y.mean()
        error = expected_error(part.y, part.s, bins)
        assert row.values["calibration_error"] == pytest.approx(error, abs=1e-9)
        assert by_group(errors, "sex")[str(name)].values["calibration_error"] == pytest.approx(error, abs=1e-9)
    assert found.value == pytest.approx(max(gaps.values()) - min(gaps.values()), abs=1e-9)
    assert errors.value == max(row.values["calibration_error"] for row in errors.groups)
    assert errors.method == f"multinomial-resampling-bias-corrected, equal-width-{bins}"


def test_weighted_calibration_is_that_of_weighted_means() -> None:
    frame = sample(500).assign(w=lambda rows: 0.5 + rows.index % 4)
    found = calibrated(CALIBRATION, frame, weight="w", attributes=["sex"])
    for name, part in frame.groupby("sex"):
        expected = np.average(part.s - part.y, weights=part.w)
        assert by_group(found, "sex")[str(name)].values["calibration_gap"] == pytest.approx(expected, abs=1e-12)
    unweighted = calibrated(CALIBRATION, frame, attributes=["sex"])
    assert found.value != unweighted.value


def test_calibration_to_all_and_to_a_reference() -> None:
    frame = sample(600)
    gap = (frame.s - frame.y).groupby(frame.region.fillna("(missing)")).mean()
    to_all = calibrated(CALIBRATION, frame, attributes=["region"], to="overall")
    assert to_all.value == pytest.approx((gap - (frame.s - frame.y).mean()).abs().max(), abs=1e-9)
    to_one = calibrated(CALIBRATION, frame, attributes=["region"], to={"region": "north"})
    assert to_one.value == pytest.approx((gap - gap["north"]).abs().max(), abs=1e-9)
    nowhere = calibrated(CALIBRATION, frame, attributes=["region"], to={"region": "moon"})
    assert "the reference group 'moon' cannot be measured" in nowhere.reason


@pytest.mark.parametrize("favourable", CLASSES)
def test_a_multiclass_score_is_that_of_the_favourable_class(favourable: str) -> None:
    frame = many_classes(500)
    table = open_frame(frame, roles=MANY_ROLES, task="multiclass", favourable=favourable)
    found = CHECKS.get(CALIBRATION).run(CheckSubject(table))
    residual = (frame[f"p_{favourable}"] - (frame.y == favourable)).groupby(frame.sex).mean()
    assert found.value == pytest.approx(residual.max() - residual.min(), abs=1e-9)


def test_without_scores_or_favourable_class_calibration_says_what_is_missing() -> None:
    roles = ColumnRoles(target="y", prediction="d", sensitive=("sex",))
    table = open_frame(sample(60).assign(d=1), roles=roles, required=(), check_values=False)
    for slug in (CALIBRATION, ERROR):
        with pytest.raises(Insufficient, match="no score column"):
            CHECKS.get(slug).run(CheckSubject(table))


def test_the_reliability_diagram_has_a_line_for_each_measured_group() -> None:
    found = calibrated(CALIBRATION, sample(600), intersections=True, min_group_size=30)
    diagram = next(plot for plot in found.plots if plot.diagonal)
    measured = {
        row.group if " × " in row.attribute else f"{row.attribute}={row.group}"
        for row in found.groups
        if row.status == "measured"
    }
    assert {row[0] for row in diagram.rows} == measured
    assert all(row[5] >= 3 for row in diagram.rows)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_people_are_suppressed_in_calibration_and_amounts(n: int) -> None:
    frame = sample(300)
    few = pd.concat([frame, frame.head(n).assign(sex="x")], ignore_index=True)
    for slug in (CALIBRATION, ERROR):
        with_few, without = (calibrated(slug, rows, attributes=["sex"]) for rows in (few, frame))
        assert (with_few.value, with_few.low, with_few.n) == (without.value, without.low, without.n)
        row = by_group(with_few, "sex")["x"]
        assert (row.status, row.n, dict(row.values)) == ("suppressed", None, {})
    frame = amounts(200)
    few = pd.concat([frame, frame.head(n).assign(sex="x", p=1e6)], ignore_index=True)
    with_few, without = (measured("mean_error", rows) for rows in (few, frame))
    assert by_group(with_few, "sex")["x"].n is None
    assert with_few.value == pytest.approx(without.value, abs=1e-9)


def measured(name: str, frame: pd.DataFrame, *, roles: ColumnRoles = AMOUNT_ROLES, **params: Any) -> Measurement:
    table = open_frame(frame, roles=roles, task="regression", check_values=False)
    return CHECKS.get(f"fairness.{name}_difference").run(CheckSubject(table, seed=3), **params)


@pytest.mark.parametrize(("to", "method"), [("between-groups", "between_groups"), ("overall", "to_overall")])
@pytest.mark.parametrize("weighted", [False, True])
def test_amounts_by_group_are_fairlearns(to: str, method: str, weighted: bool) -> None:
    frame = amounts(400).assign(w=lambda rows: 0.5 + rows.index % 4)
    roles = dataclasses.replace(AMOUNT_ROLES, sensitive=("sex", "region"), weight="w" if weighted else None)
    metrics = {
        "mean_prediction": fl.mean_prediction,
        "mean_error": lambda y, p, sample_weight=None: float(np.average(p - y, weights=sample_weight)),
        "mean_absolute_error": mean_absolute_error,
    }
    groups = "sex=" + frame.sex + ", region=" + frame.region.fillna("(missing)")
    params = {"sample_params": {name: {"sample_weight": frame.w} for name in AMOUNTS}} if weighted else {}
    theirs = fl.MetricFrame(metrics=metrics, y_true=frame.y, y_pred=frame.p, sensitive_features=groups, **params)
    for name in AMOUNTS:
        found = measured(name, frame, roles=roles, intersections=True, min_group_size=3, to=to)
        crossed = {item["attribute"]: item["value"] for item in found.detail["attributes"]}["sex × region"]
        assert crossed == pytest.approx(theirs.difference(method=method)[name], abs=1e-9)
        rows = {name_: row.values[name] for name_, row in by_group(found, "sex × region").items()}
        assert rows == pytest.approx(theirs.by_group[name].to_dict(), abs=1e-9)


def test_large_amounts_lose_no_digits() -> None:
    frame = amounts(300).assign(p=lambda rows: rows.p + 1e9)
    near, far = measured("mean_prediction", amounts(300)), measured("mean_prediction", frame)
    assert far.value == pytest.approx(near.value, abs=1e-5)
    assert far.high == pytest.approx(near.high, rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_an_amount_that_is_no_number_is_refused(bad: float | None) -> None:
    for column in ("p", "y"):
        frame = amounts(40)
        frame.loc[3, column] = bad
        with pytest.raises(DomainError) as caught:
            measured("mean_error", frame)
        assert caught.value.code == "score-not-a-number"


def test_predictions_alone_are_enough_for_the_mean_prediction() -> None:
    roles = dataclasses.replace(AMOUNT_ROLES, target=None, baseline=None)
    frame = amounts(200)
    table = open_frame(frame, roles=roles, task="regression", required=(), check_values=False)
    means = frame.groupby("sex").p.mean()
    found = CHECKS.get("fairness.mean_prediction_difference").run(CheckSubject(table))
    assert found.value == pytest.approx(means.max() - means.min(), abs=1e-9)
    with pytest.raises(Insufficient, match="no outcome column"):
        CHECKS.get("fairness.mean_error_difference").run(CheckSubject(table))


def test_one_group_alone_gives_no_value() -> None:
    found = measured("mean_error", amounts(100).assign(sex="f"))
    assert (found.value, found.reason) == (None, "sex: fewer than two groups can be measured (at least 20 rows each).")


@pytest.mark.parametrize("means", [(0.0, 0.0), (0.0, 1.0), (0.0,) * 6], ids=["alike", "apart", "six alike"])
@pytest.mark.parametrize("reference", [None, "g0"])
def test_the_interval_of_a_difference_of_means_covers_the_true_one(
    means: tuple[float, ...], reference: str | None
) -> None:
    rng = np.random.default_rng(2)
    true = max(means) - min(means)
    held = 0
    for seed in range(200):
        groups = []
        for at, mean in enumerate(means):
            n = 15 + 10 * at
            drawn = rng.normal(mean, 2.0, n)
            groups.append(Mean(f"g{at}", n, drawn.mean(), drawn.var(ddof=1), float(n), float(n)))
        gap = widest_difference(groups, seed=seed, reference=reference, replicates=400)
        assert gap is not None
        assert gap.interval is not None
        held += gap.interval.low - 1e-9 <= true <= gap.interval.high + 1e-9
    assert held >= 179


def test_the_interval_of_a_group_is_students() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.normal(3.0, 1.0, 12)
    interval = Mean("g", 12, drawn.mean(), drawn.var(ddof=1), 12.0, 12.0).interval(0.9)
    half = 1.7958848187036696 * drawn.std(ddof=1) / np.sqrt(12)  # t with 11 degrees of freedom at .95
    assert (interval.low, interval.high) == pytest.approx((drawn.mean() - half, drawn.mean() + half))
