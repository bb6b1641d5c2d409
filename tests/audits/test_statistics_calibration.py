"""Are log loss, Brier score and calibration error those of scikit-learn and of the published examples?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from audits.statistics import calibration
from tests.audits.test_statistics_auc import cells
from tests.drawing import sampled

rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40)), min_size=3, max_size=80)


@given(rows)
def test_losses_agree_with_scikit_learn(found: list[tuple[int, int]]) -> None:
    y, s = np.array([row[0] for row in found]), np.array([row[1] for row in found]) / 40
    score, positive, negative = cells(y, s)
    brier = calibration.brier(score, positive, negative)
    assert brier.value == pytest.approx(brier_score_loss(y, s, labels=[0, 1]), abs=1e-12)
    assert brier.variance == pytest.approx(((s - y) ** 2).var(ddof=1), abs=1e-12)
    log = calibration.log_loss(score, positive, negative)
    assert log.value == pytest.approx(sklearn_log_loss(y, s, labels=[0, 1]), abs=1e-9)
    assert log.clipped == pytest.approx(np.mean(((s == 0) & (y == 1)) | ((s == 1) & (y == 0))))


def test_scikit_learns_documented_brier_and_log_loss() -> None:
    score, positive, negative = cells(np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.3]))
    assert calibration.brier(score, positive, negative).value == pytest.approx(0.0375)
    # ["spam", "ham", "ham", "spam"] with P(spam) of .9, .1, .2, .65 in scikit-learn's log_loss example
    score, positive, negative = cells(np.array([1, 0, 0, 1]), np.array([0.9, 0.1, 0.2, 0.65]))
    assert calibration.log_loss(score, positive, negative).value == pytest.approx(0.21616, abs=5e-6)


def test_weighted_brier_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    y, s, w = rng.integers(0, 2, 200), np.round(rng.random(200), 2), rng.exponential(1.0, 200)
    score, positive, negative = cells(y, s, w)
    assert calibration.brier(score, positive, negative).value == pytest.approx(
        brier_score_loss(y, s, sample_weight=w), abs=1e-12
    )


def test_torchmetrics_published_calibration_error() -> None:
    # torchmetrics BinaryCalibrationError, n_bins=2, norm="l1": 0.29
    score, positive, negative = cells(np.array([0, 0, 1, 1, 1]), np.array([0.25, 0.25, 0.55, 0.75, 0.75]))
    value, table = calibration.calibration_error(score, positive, negative, bins=2)
    assert value == pytest.approx(0.29)
    assert [row.n for row in table] == [2.0, 3.0]
    assert table[0].observed is None  # two rows: no rate
    assert table[1].observed == 1.0


@given(rows)
def test_bins_are_those_of_scikit_learns_calibration_curve(found: list[tuple[int, int]]) -> None:
    y, s = np.array([row[0] for row in found]), np.array([row[1] for row in found]) / 40
    score, positive, negative = cells(y, s)
    value, table = calibration.calibration_error(score, positive, negative, bins=8)
    observed, predicted = calibration_curve(y, s, n_bins=8)
    filled = [row for row in table if row.n]
    assert value == pytest.approx(
        sum(row.n * abs(o - p) for row, o, p in zip(filled, observed, predicted, strict=True)) / len(y), abs=1e-12
    )


def test_equal_mass_bins_hold_equal_numbers_and_never_split_a_score() -> None:
    rng = np.random.default_rng(8)
    y, s = rng.integers(0, 2, 100), rng.permutation(np.arange(1, 101) / 101)
    score, positive, negative = cells(y, s)
    _, table = calibration.calibration_error(score, positive, negative, bins=5, binning="equal-mass")
    assert [row.n for row in table] == [20.0] * 5
    score, positive, negative = cells(np.array([0, 1, 0, 1, 1]), np.array([0.3, 0.3, 0.3, 0.3, 0.9]))
    _, table = calibration.calibration_error(score, positive, negative, bins=5, binning="equal-mass")
    assert [row.n for row in table] == [4.0, 1.0]


def test_entropy_is_the_log_loss_of_the_base_rate() -> None:
    positive, negative = np.array([3.0]), np.array([1.0])
    assert calibration.entropy(positive, negative) == pytest.approx(sklearn_log_loss([1, 1, 1, 0], [0.75] * 4))
    assert calibration.entropy(np.array([4.0]), np.array([0.0])) == 0.0


def test_the_interval_covers_the_true_error_of_a_miscalibrated_model() -> None:
    # scores are 0.1 too low everywhere, so the true calibration error is 0.1
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        s = np.round(rng.uniform(0.05, 0.85, 600), 2)
        y = (rng.random(600) < s + 0.1).astype(int)
        score, positive, negative = cells(y, s)
        found = calibration.calibration_interval(score, positive, negative, effective=600.0, seed=seed, replicates=300)
        assert found is not None
        covered += found.low <= 0.1 <= found.high
    assert covered >= 35


def test_the_interval_of_many_scores_is_that_of_their_groups() -> None:
    rng = np.random.default_rng(11)
    s = rng.random(4000)
    y = (rng.random(4000) < s).astype(int)
    score, positive, negative = cells(y, s)
    value, _ = calibration.calibration_error(score, positive, negative)
    found = calibration.calibration_interval(score, positive, negative, effective=4000.0, seed=0)
    again = calibration.calibration_interval(score, positive, negative, effective=4000.0, seed=0)
    assert found is not None
    assert found.low <= value <= found.high
    assert found == again


LAWS = [(f"{binning} {law}", law, binning) for binning in ("equal-width", "equal-mass")
        for law in ((2.0, 3.0), (0.5, 0.5), (1.0, 30.0))]  # fmt: skip


@pytest.mark.parametrize(("law", "binning"), sampled(LAWS, one_in=4))
def test_groups_of_scores_give_the_interval_that_all_scores_give(
    law: tuple[float, float], binning: calibration.Binning, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    s = rng.beta(*law, 3000)
    y = (rng.random(3000) < np.clip(s + 0.05, 0.0, 1.0)).astype(int)
    score, positive, negative = cells(y, s)

    def interval() -> calibration.Interval:
        found = calibration.calibration_interval(
            score, positive, negative, effective=3000.0, seed=0, binning=binning, replicates=4_000
        )
        assert found is not None
        return found

    grouped = interval()
    monkeypatch.setattr(calibration, "INTERVAL_CELLS", 3_000)
    alone = interval()
    width = alone.high - alone.low
    assert grouped != alone
    assert grouped.low == pytest.approx(alone.low, abs=0.08 * width)
    assert grouped.high == pytest.approx(alone.high, abs=0.08 * width)


def test_nothing_to_average_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        calibration.brier(np.array([0.5]), np.array([0.0]), np.array([0.0]))
    one = calibration.brier(np.array([0.5]), np.array([1.0]), np.array([0.0]))
    assert math.isnan(one.variance)
    assert calibration.mean_interval(one, 1.0, 0.95, (0.0, 1.0)) is None
