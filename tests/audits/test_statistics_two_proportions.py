"""Are exact tests scipy's, intervals those Newcombe printed, and adjusted p-values those of the methods' authors?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audits.statistics.multiplicity import benjamini_hochberg, holm
from audits.statistics.two_proportions import exact_tests, newcombe
from tests.drawing import examples


# Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10, quoted from memory
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_printed_intervals(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@examples(150)
@given(st.integers(1, 25), st.integers(1, 25), st.data())
def test_the_mid_p_is_fishers_less_half_of_what_is_as_likely_as_the_table_seen(
    n: int, m: int, data: st.DataObject
) -> None:
    hits, other = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = exact_tests(hits, n, other, m)
    chances = stats.hypergeom(n + m, hits + other, n)
    seen = chances.pmf(hits)
    support = [chances.pmf(at) for at in range(max(0, hits + other - m), min(n, hits + other) + 1)]
    alike = [p for p in support if math.isclose(p, seen, rel_tol=1e-9)]
    less = [p for p in support if p < seen and not math.isclose(p, seen, rel_tol=1e-9)]
    assert found.fisher == pytest.approx(min(1.0, sum(less) + sum(alike)), abs=1e-9)
    if 0 < hits + other < n + m:
        assert found.mid_p == pytest.approx(sum(less) + sum(alike) / 2, abs=1e-9)


def test_two_neighbours_on_top_of_the_distribution_are_equally_likely() -> None:
    # margins 11 + 2 with 9 hits: C(9,7) C(4,4) = C(9,8) C(4,3) = 36 of 78 tables, and C(9,9) C(4,2) = 6
    for hits in (7, 8):
        assert exact_tests(hits, 11, 9 - hits, 2).mid_p == pytest.approx((6 + 36) / 78, abs=1e-12)


def test_fishers_tea_and_boschloo_are_scipys() -> None:
    # Fisher's lady tasting tea with three of four right: p = 34/70
    tea = exact_tests(3, 4, 1, 4)
    assert tea.fisher == pytest.approx(34 / 70, abs=1e-12)
    found = exact_tests(7, 12, 2, 15)
    assert found.boschloo == stats.boschloo_exact([[7, 2], [5, 13]]).pvalue
    assert found.boschloo < found.fisher
    # the table of scipy's documentation of barnard_exact, after Mehta & Senchaudhuri 2003
    trial = exact_tests(7, 15, 12, 15)
    assert trial.barnard == stats.barnard_exact([[7, 12], [8, 3]]).pvalue
    assert trial.barnard < trial.fisher


def test_everybody_or_nobody_a_hit_is_no_difference_and_large_tables_have_no_boschloo() -> None:
    for hits in ((0, 0), (10, 20)):
        assert exact_tests(hits[0], 10, hits[1], 20).fisher == 1.0
    large = exact_tests(60, 101, 40, 100)
    assert large.boschloo is None
    assert large.barnard is None
    assert 0.0 < large.mid_p < large.fisher < 0.01
    assert exact_tests(900_000, 2_000_000, 1_100_000, 2_000_000).fisher == pytest.approx(0.0, abs=1e-300)
    with pytest.raises(ValueError, match="exact test"):
        exact_tests(3, 2, 0, 1)


def test_benjamini_and_hochbergs_own_example() -> None:
    # Benjamini & Hochberg 1995, section 3.2 (the trial of K.-L. Neuhaus et al., JACC 19 (1992) 885-891), as printed in
    # scipy's documentation of false_discovery_control: of 15 comparisons Bonferroni and Holm reject 3 at .05, theirs 4
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert sum(value <= 0.05 for value in benjamini_hochberg(p)) == 4
    assert sum(value <= 0.05 for value in holm(p)) == 3


def test_holm_by_hand_and_with_ties_in_the_order_given() -> None:
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.6]) == [1.0, 1.0]
    assert (holm([]), benjamini_hochberg([])) == ([], [])


@examples(100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_values_never_fall_below_the_raw_and_holm_never_below_benjamini_hochberg(p: list[float]) -> None:
    strict, lenient = holm(p), benjamini_hochberg(p)
    assert all(raw <= low + 1e-15 and low <= high + 1e-12 for raw, low, high in zip(p, lenient, strict, strict=True))
