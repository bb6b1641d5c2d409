"""Are the intervals those of the literature, and do they behave at their edges?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audits.statistics import intervals

# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I
NEWCOMBE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("k", "n", "wilson", "exact"), NEWCOMBE)
def test_wilson_and_clopper_pearson_give_newcombes_figures(
    k: int, n: int, wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    found = intervals.wilson(k, n)
    assert (round(found.low, 4), round(found.high, 4)) == wilson
    found = intervals.clopper_pearson(k, n)
    assert (round(found.low, 4), round(found.high, 4)) == exact


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.6, 0.999))
def test_wilson_agrees_with_scipy(pair: tuple[int, int], confidence: float) -> None:
    k, n = pair
    found = intervals.wilson(k, n, confidence)
    expected = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)
    assert 0.0 <= found.low < found.high <= 1.0


@pytest.mark.parametrize(("k", "n"), [(1, 0), (-1, 5), (6, 5), (math.nan, 5)])
def test_a_proportion_of_nothing_or_of_too_many_is_refused(k: float, n: float) -> None:
    for formula in (intervals.wilson, intervals.clopper_pearson):
        with pytest.raises(ValueError, match="proportion"):
            formula(k, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0])
def test_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        intervals.wilson(1, 2, confidence)


def test_kish_size_is_the_count_without_weights_and_less_with_unequal_ones() -> None:
    assert intervals.effective_size(7.0, 7.0) == 7.0
    assert intervals.effective_size(1.0 + 3.0, 1.0 + 9.0) == pytest.approx(1.6)
    assert intervals.effective_size(0.0, 0.0) == 0.0


def test_drawing_cells_has_the_spread_of_resampling_rows() -> None:
    counts = np.array([30.0, 50.0, 20.0])
    drawn = intervals.resample(counts, seed=3, replicates=20_000)
    assert drawn.shape == (20_000, 3)
    assert (drawn.sum(axis=1) == 100).all()
    assert drawn.mean(axis=0) == pytest.approx(counts, abs=0.15)
    assert drawn.var(axis=0) == pytest.approx([21.0, 25.0, 16.0], rel=0.05)
    again = intervals.resample(counts, seed=3, replicates=20_000)
    assert (again == drawn).all()


def test_efron_and_tibshiranis_law_schools_normal_mean() -> None:
    # Efron & Tibshirani 1993, law school data: the fifteen GPA values
    gpa = np.array([3.39, 3.3, 2.81, 3.03, 3.44, 3.07, 3.0, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96])
    found = intervals.normal_mean(float(gpa.mean()), float(gpa.var(ddof=1)), len(gpa))
    expected = stats.norm.interval(0.95, loc=gpa.mean(), scale=stats.sem(gpa))
    assert (found.low, found.high) == pytest.approx(expected)


def test_percentiles_leave_out_undefined_draws_and_give_up_when_most_are_undefined() -> None:
    draws = np.concatenate([np.linspace(0.0, 1.0, 101), np.full(50, np.nan)])
    found = intervals.percentile(draws, 0.9)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.05, 0.95))
    assert intervals.percentile(np.concatenate([draws, np.full(60, np.nan)]), 0.9) is None


def test_the_bias_corrected_form_holds_the_estimate_keeps_its_bounds_and_takes_the_wider_end() -> None:
    draws = np.linspace(0.05, 0.15, 1001)  # quantiles .0525 and .1475, mean .1
    found = intervals.bias_corrected(0.06, draws, 0.95, (0.0, 1.0))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0, 0.1475 - 0.04))
    without_bias = intervals.bias_corrected(0.1, draws, 0.95, (0.0, 1.0))
    assert without_bias is not None
    assert (without_bias.low, without_bias.high) == pytest.approx((0.0525, 0.1475))
    above = intervals.bias_corrected(0.02, draws, 0.95, (0.0, 0.03))
    assert above is not None
    assert above.low <= 0.02 <= above.high <= 0.03
    assert intervals.bias_corrected(0.02, np.full(10, np.nan)) is None


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_a_quantile_of_one_series_is_numpys(size: int) -> None:
    values = np.random.default_rng(4).standard_normal(size)
    for q in (0.0, 0.025, 0.5, 0.975, 0.99375, 1.0):
        assert intervals.quantile_of(values, q) == pytest.approx(np.quantile(values, q), rel=1e-12)
