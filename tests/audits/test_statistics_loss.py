"""Are paired losses those of scikit-learn, and do their intervals hold the truth as often as they say?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

from audits.statistics.loss import ErrorSums, accuracy_loss, auc_loss, loss_interval, rmse_loss


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    label = rng.integers(0, 2, n)
    before = label + rng.normal(0.0, 1.0, n)
    return label, before, before + rng.normal(0.0, 0.7, n)


def test_the_loss_of_auc_is_that_of_scikit_learn() -> None:
    label, before, after = drawn(np.random.default_rng(1), 500)
    before, after = np.round(before, 1), np.round(after, 1)
    found = auc_loss(np.ones(500), label, after, before)
    assert found.before == pytest.approx(roc_auc_score(label, before), abs=1e-12)
    assert found.after == pytest.approx(roc_auc_score(label, after), abs=1e-12)
    assert found.value == pytest.approx(found.before - found.after)


def test_the_paired_variance_is_that_of_the_row_by_row_placements() -> None:
    label, before, after = drawn(np.random.default_rng(2), 200)
    placed = []
    for score in (before, after):
        ones, rest = score[label == 1], score[label == 0]
        above = (ones[:, None] > rest[None, :]) + 0.5 * (ones[:, None] == rest[None, :])
        placed.append((above.mean(axis=1), above.mean(axis=0)))
    expected = sum(np.var(placed[0][side] - placed[1][side], ddof=1) / (label == 1 - side).sum() for side in (0, 1))
    assert auc_loss(np.ones(200), label, after, before).variance == pytest.approx(expected, rel=1e-12)


def test_counts_by_cell_stand_for_rows() -> None:
    label, before, after = np.array([1, 0, 1, 0]), np.array([0.9, 0.2, 0.4, 0.5]), np.array([0.8, 0.3, 0.3, 0.5])
    count = np.array([3.0, 2.0, 1.0, 4.0])
    rows = [np.repeat(values, count.astype(int)) for values in (label, after, before)]
    assert auc_loss(count, label, after, before) == auc_loss(np.ones(10), *rows)


def test_intervals_hold_the_true_loss_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    big = drawn(rng, 400_000)
    truth = auc_loss(np.ones(400_000), big[0], big[2], big[1]).value
    held = 0
    for _ in range(300):
        label, before, after = drawn(rng, 250)
        found = loss_interval(auc_loss(np.ones(250), label, after, before), 0.9)
        assert found is not None
        held += found.low <= truth <= found.high
    assert 270 - 16 <= held <= 270 + 16


def test_unchanged_rows_lose_nothing_and_have_no_interval() -> None:
    label, before, _ = drawn(np.random.default_rng(4), 50)
    found = auc_loss(np.ones(50), label, before, before)
    assert found.value == 0.0
    assert loss_interval(found, 0.95) is None
    with pytest.raises(ValueError, match="both outcomes"):
        auc_loss(np.ones(3), np.ones(3, dtype=np.int64), np.ones(3), np.ones(3))
    assert np.isnan(auc_loss(np.ones(3), np.array([1, 0, 0]), np.ones(3), np.zeros(3)).variance)


def test_the_loss_of_accuracy_and_its_variance_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(5)
    label, before, after = rng.integers(0, 3, 300), rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    right = [(guess == label) for guess in (before, after)]
    lost, won = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    found = accuracy_loss(300, int(right[0].sum()), int(right[1].sum()), lost, won)
    assert found.before - found.after == pytest.approx(found.value)
    assert found.before == pytest.approx(accuracy_score(label, before))
    difference = right[0].astype(float) - right[1].astype(float)
    assert found.variance == pytest.approx(np.var(difference, ddof=1) / 300)
    assert np.isnan(accuracy_loss(1, 1, 0, 1, 0).variance)


def test_the_growth_of_rmse_is_that_of_scikit_learn_and_its_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(6)

    def measured(n: int) -> tuple[float, object]:
        outcome = rng.normal(0.0, 2.0, n)
        before = outcome + rng.normal(0.0, 1.0, n)
        after = before + rng.normal(0.0, 1.0, n)
        e, f = (before - outcome) ** 2, (after - outcome) ** 2
        sums = ErrorSums(n, e.sum(), f.sum(), (e * e).sum(), (f * f).sum(), (e * f).sum())
        found = rmse_loss(sums, 2.0)
        expected = root_mean_squared_error(outcome, after) - root_mean_squared_error(outcome, before)
        assert found.value == pytest.approx(expected / 2.0, rel=1e-9)
        return found.value, loss_interval(found, 0.9)

    truth = (2.0**0.5 - 1.0) / 2.0
    held = sum(interval.low <= truth <= interval.high for _, interval in (measured(400) for _ in range(200)))
    assert held >= stats.binom.ppf(0.001, 200, 0.9)


def test_a_perfect_prediction_has_no_interval_of_its_loss() -> None:
    found = rmse_loss(ErrorSums(3, 0.0, 3.0, 0.0, 3.0, 0.0), 1.0)
    assert found.value == 1.0
    assert loss_interval(found, 0.95) is None
