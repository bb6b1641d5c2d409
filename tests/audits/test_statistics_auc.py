"""Is the AUC exact, ties and weights included, and is its interval DeLong's?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from audits.statistics.auc import Auc, auc_delong, auc_interval, roc_points


def cells(y: np.ndarray, s: np.ndarray, w: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    w = np.ones(len(y)) if w is None else w
    score, place = np.unique(s, return_inverse=True)
    return (
        score,
        np.bincount(place, weights=w * y, minlength=len(score)),
        np.bincount(place, weights=w * (1 - y), minlength=len(score)),
    )


def delong_by_rows(y: np.ndarray, s: np.ndarray) -> float:
    """DeLong's variance by the definition: all pairs, two sample variances."""
    kernel = (s[y == 1][:, None] > s[y == 0][None, :]) + 0.5 * (s[y == 1][:, None] == s[y == 0][None, :])
    m, n = kernel.shape
    return float(kernel.mean(axis=1).var(ddof=1) / m + kernel.mean(axis=0).var(ddof=1) / n)


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=4, max_size=60).filter(
    lambda found: min(sum(y for y, _ in found), sum(1 - y for y, _ in found)) >= 2
)


@given(rows)
def test_auc_and_variance_agree_with_scikit_learn_and_with_the_definition(found: list[tuple[int, int]]) -> None:
    y, s = np.array([row[0] for row in found]), np.array([row[1] for row in found]) / 12
    _, positive, negative = cells(y, s)
    auc = auc_delong(positive, negative)
    assert auc.value == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert auc.variance == pytest.approx(delong_by_rows(y, s), abs=1e-12)


def test_weighted_auc_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    y, s, w = rng.integers(0, 2, 300), np.round(rng.random(300), 1), rng.exponential(1.0, 300)
    _, positive, negative = cells(y, s, w)
    assert auc_delong(positive, negative).value == pytest.approx(roc_auc_score(y, s, sample_weight=w), abs=1e-12)


def test_scikit_learns_documented_example() -> None:
    _, positive, negative = cells(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    assert auc_delong(positive, negative).value == 0.75


def test_the_plain_interval_is_the_one_proc_prints() -> None:
    # xrobin/pROC tests: ndka in aSAH, AUC, DeLong variance and 95 % interval
    found = auc_interval(Auc(0.611957994579946, 0.0031908105493913, 0.0), 0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.501244999271703, 0.722670989888189), abs=1e-12)
    assert found.method == "delong"


def test_the_logit_interval_stays_inside_and_is_named() -> None:
    found = auc_interval(Auc(0.98, 0.0004, 0.0), 0.95, "logit")
    assert found is not None
    assert 0.0 < found.low < 0.98 < found.high < 1.0
    assert found.method == "delong-logit"


@pytest.mark.parametrize("s", [[0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1]])
def test_a_perfect_or_reversed_ranking_has_no_interval(s: list[float]) -> None:
    _, positive, negative = cells(np.array([0, 0, 1, 1]), np.array(s))
    auc = auc_delong(positive, negative)
    assert auc.value in (0.0, 1.0)
    assert auc_interval(auc) is None


def test_one_class_is_refused_and_one_case_has_no_variance() -> None:
    with pytest.raises(ValueError, match="both outcomes"):
        auc_delong(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    assert auc_interval(auc_delong(np.array([0.0, 1.0]), np.array([3.0, 1.0]))) is None


def test_roc_points_are_those_of_scikit_learn_and_never_more_than_asked() -> None:
    rng = np.random.default_rng(2)
    y, s = rng.integers(0, 2, 150), np.round(rng.random(150), 2)
    score, positive, negative = cells(y, s)
    fpr, tpr, thresholds = roc_curve(y, s, drop_intermediate=False)
    points = np.array(roc_points(score, positive, negative))
    assert points[:, 0] == pytest.approx(fpr)
    assert points[:, 1] == pytest.approx(tpr)
    assert points[1:, 2] == pytest.approx(thresholds[1:])
    score, positive, negative = cells(rng.integers(0, 2, 5000), rng.random(5000))
    few = roc_points(score, positive, negative, limit=200)
    assert len(few) <= 200
    assert few[0][:2] == [0.0, 0.0]
    assert few[-1][:2] == [1.0, 1.0]
