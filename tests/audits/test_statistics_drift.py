"""Is PSI the published number, defined for empty bins, and is its interval honest about chance?"""

from __future__ import annotations

import numpy as np
import pytest

from audits.statistics.drift import psi, psi_by_chance, psi_interval
from audits.statistics.importance import ranking


def test_the_published_example() -> None:
    # geeksforgeeks "Population Stability Index": expected .4 .3 .3, actual .35 .25 .4
    found = psi(np.array([40.0, 30.0, 30.0]), np.array([35.0, 25.0, 40.0]))
    assert found.value == pytest.approx(0.04456085471610198, abs=1e-15)
    assert sum(found.parts) == pytest.approx(found.value)
    assert found.empty_bins == 0


def test_the_categorical_example_of_strappy() -> None:
    # strappy 0.0.3 tests/test_psi.py: 6 a and 5 b against 5 a and 4 b
    assert psi(np.array([6.0, 5.0]), np.array([5.0, 4.0])).value == pytest.approx(0.00041, abs=5e-6)


def test_equal_shares_have_no_drift_whatever_their_number() -> None:
    assert psi(np.array([10.0, 30.0]), np.array([100.0, 300.0])).value == 0.0


def test_an_empty_bin_counts_half_a_row_and_a_bin_empty_on_both_sides_does_not_count() -> None:
    found = psi(np.array([10.0, 0.0, 10.0]), np.array([10.0, 0.0, 0.0]))
    before, now = np.array([10.0, 10.0]) / 20.0, np.array([10.0, 0.5]) / 10.5
    assert found.empty_bins == 1
    assert found.value == pytest.approx(float(((now - before) * np.log(now / before)).sum()))


def test_rows_are_needed_on_both_sides() -> None:
    with pytest.raises(ValueError, match="both sides"):
        psi(np.array([1.0, 2.0]), np.array([0.0, 0.0]))


def test_the_interval_holds_the_true_drift_most_of_the_time() -> None:
    before, now = np.array([0.1] * 10), np.linspace(0.06, 0.14, 10)
    truth = float(((now - before) * np.log(now / before)).sum())
    rng, covered = np.random.default_rng(0), 0
    for seed in range(60):
        drawn = [rng.multinomial(1500, shares).astype(float) for shares in (before, now)]
        found = psi_interval(*drawn, seed=seed, replicates=300)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered >= 52


def test_chance_alone_comes_to_what_the_formula_says() -> None:
    rng = np.random.default_rng(1)
    values = [
        psi(rng.multinomial(1000, [0.1] * 10).astype(float), rng.multinomial(2000, [0.1] * 10).astype(float)).value
        for _ in range(400)
    ]
    assert np.mean(values) == pytest.approx(psi_by_chance(np.full(10, 100.0), np.full(10, 200.0)), rel=0.1)


def test_features_are_ranked_with_ties_by_name_and_the_rest_summed() -> None:
    rows, rest = ranking(("b", "a", "c", "d"), (0.2, 0.2, 0.5, 0.1), (0.01, 0.01, 0.02, 0.2), max_rank=3)
    assert [(row["rank"], row["feature"]) for row in rows] == [(1, "c"), (2, "a"), (3, "b")]
    assert rows[0]["share"] == pytest.approx(0.5)
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx((0.5 - 0.0392, 0.5 + 0.0392), abs=1e-4)
    assert rest == pytest.approx(0.1)
    with pytest.raises(ValueError, match="one length"):
        ranking(("a",), (0.1, 0.2), None, max_rank=3)
    with pytest.raises(ValueError, match="not negative"):
        ranking(("a",), (float("nan"),), None, max_rank=3)
