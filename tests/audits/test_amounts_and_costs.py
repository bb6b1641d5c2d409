"""Are errors of amounts scikit-learn's, and is the cheapest threshold the cheapest of all?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables import order_statistics
from audits.tables.answers import loss
from audits.tables.contract import ColumnRoles
from tests.audits.evaluation_samples import AMOUNT_ROLES, amounts, sample
from tests.audits.quality_samples import SCORED, WEIGHTED, run, scored_mortgages, table, weighted

pytestmark = pytest.mark.thorough

PREDICTED = ColumnRoles(target="y", prediction="p")
HEAVY = ColumnRoles(target="y", prediction="p", weight="w")
AMOUNTS = {
    "performance.rmse": metrics.root_mean_squared_error,
    "performance.mae": metrics.mean_absolute_error,
    "performance.median_absolute_error": metrics.median_absolute_error,
    "performance.r2": metrics.r2_score,
    "performance.mape": metrics.mean_absolute_percentage_error,
    "performance.mean_error": lambda y, p, sample_weight=None: np.average(p - y, weights=sample_weight),
}


@pytest.mark.parametrize("slug", AMOUNTS)
@pytest.mark.parametrize("n", [401, 800])
def test_errors_are_scikit_learns(slug: str, n: int) -> None:
    frame = amounts(n, seed=3)
    found = run(slug, frame, task="regression", roles=AMOUNT_ROLES)
    assert found.value == pytest.approx(AMOUNTS[slug](frame.y, frame.p), rel=1e-10)
    assert found.low is not None
    assert found.low < found.value < found.high
    assert found.n == n


@pytest.mark.parametrize("slug", sorted(set(AMOUNTS) - {"performance.median_absolute_error"}))
def test_weighted_errors_are_scikit_learns(slug: str) -> None:
    frame = weighted(amounts(300))
    found = run(slug, frame, task="regression", roles=HEAVY)
    assert found.value == pytest.approx(AMOUNTS[slug](frame.y, frame.p, sample_weight=frame.w), rel=1e-10)


def test_intervals_of_errors_cover_as_often_as_promised() -> None:
    rng, slugs = np.random.default_rng(5), ("rmse", "mae", "r2", "median_absolute_error", "mean_error")
    true = {
        "rmse": 1.0,
        "mae": np.sqrt(2 / np.pi),
        "r2": 1 - 1 / 5,
        "median_absolute_error": stats.norm.ppf(0.75),
        "mean_error": 0.0,
    }
    held = dict.fromkeys(slugs, 0)
    for _ in range(100):
        y = rng.normal(0, 2, 300)
        e = rng.normal(0, 1, 300)
        frame = pd.DataFrame({"p": y, "y": y + e})
        subject = CheckSubject(table(frame, task="regression", roles=PREDICTED))
        for slug in slugs:
            found = CHECKS.get(f"performance.{slug}").run(subject, confidence=0.9)
            assert found.low is not None
            held[slug] += found.low <= true[slug] <= found.high
        subject.evaluation.close()
    assert all(0.81 <= count / 100 <= 0.98 for count in held.values()), held


def test_outcomes_of_zero_are_left_out_of_shares_and_counted() -> None:
    frame = pd.DataFrame({"y": [0.0, 0.0, 10.0, -20.0], "p": [1.0, 0.0, 11.0, -15.0]})
    found = run("performance.mape", frame, task="regression", roles=PREDICTED)
    assert found.value == pytest.approx((0.1 + 0.25) / 2)
    assert (found.n, found.detail["zero_outcomes"]) == (2, 2)
    assert found.detail["wape"] == pytest.approx(7 / 30)
    none = run("performance.mape", frame.assign(y=0.0), task="regression", roles=PREDICTED)
    assert (none.value, bool(none.reason)) == (None, True)


def test_degenerate_amounts_have_a_defined_answer() -> None:
    alike = pd.DataFrame({"y": [5.0] * 8, "p": [5.0] * 8})
    assert run("performance.r2", alike, task="regression", roles=PREDICTED).value is None
    for slug in ("rmse", "mae", "median_absolute_error", "mean_error", "mape"):
        assert run(f"performance.{slug}", alike, task="regression", roles=PREDICTED).value == 0.0
        one = run(f"performance.{slug}", alike.head(1).assign(p=6.0), task="regression", roles=PREDICTED)
        assert one.value == pytest.approx(0.2 if slug == "mape" else 1.0)
        assert one.low is None


def test_ranks_are_found_by_narrowing_where_values_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = weighted(amounts(999))
    for roles in (PREDICTED, HEAVY):
        evaluation = table(frame, task="regression", roles=roles)
        exact, nothing = order_statistics.weighted_quantiles(evaluation, loss(evaluation, "absolute"), (0.25, 0.9))
        monkeypatch.setattr(order_statistics, "MAX_DISTINCT", 50)
        near, error = order_statistics.weighted_quantiles(evaluation, loss(evaluation, "absolute"), (0.25, 0.9))
        monkeypatch.undo()
        evaluation.close()
        assert nothing == 0.0
        assert near == pytest.approx(exact, abs=max(error, 1e-9))
        assert error < 1e-6


def test_costs_are_those_of_every_row_and_the_cheapest_threshold_is_found() -> None:
    frame = scored_mortgages()
    prices = {"false_positive": 5.0, "false_negative": 1.0, "true_positive": -0.5}

    def cost(threshold: float, rows: pd.DataFrame = frame) -> np.ndarray:
        chosen = rows.s >= threshold
        return np.select(
            [chosen & (rows.y == 1), chosen & (rows.y == 0), ~chosen & (rows.y == 1)], [-0.5, 5.0, 1.0], 0.0
        )

    found = run("performance.expected_cost", frame, roles=SCORED, **prices)
    paid = cost(0.5)
    assert found.value == pytest.approx(paid.mean(), abs=1e-12)
    half = stats.norm.ppf(0.975) * paid.std(ddof=1) / np.sqrt(len(paid))
    assert (found.low, found.high) == pytest.approx((paid.mean() - half, paid.mean() + half), abs=1e-12)
    every = {threshold: cost(threshold).mean() for threshold in [*frame.s.unique(), 2.0]}
    assert found.detail["cheapest"]["cost"] == pytest.approx(min(every.values()), abs=1e-12)
    assert cost(found.detail["cheapest"]["threshold"]).mean() == pytest.approx(min(every.values()), abs=1e-12)
    assert found.detail["best_threshold_if_calibrated"] == pytest.approx(5.0 / 6.5)
    row = next(row for row in found.detail["table"] if row["threshold"] == 0.9)
    assert row["cost"] == pytest.approx(cost(0.9).mean())
    assert row["precision"] == pytest.approx(metrics.precision_score(frame.y, frame.s >= 0.9))


def test_without_costs_it_is_the_share_of_wrong_decisions() -> None:
    frame = weighted(sample(300))
    found = run("performance.expected_cost", frame, roles=WEIGHTED)
    accuracy = run("performance.accuracy", frame, roles=WEIGHTED)
    assert found.value == pytest.approx(1 - accuracy.value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((1 - accuracy.high, 1 - accuracy.low), abs=1e-12)
    nothing = run("performance.expected_cost", frame, roles=WEIGHTED, false_positive=0.0, false_negative=0.0)
    assert nothing.value == 0.0
