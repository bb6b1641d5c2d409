"""Are gaps between groups fairlearn's, exact at the four-fifths line, and silent about the few?"""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference

from audits.statistics.groups import Group, Rate, gap_between, status_of


def group(name: str, selected: float, n: int) -> Group:
    return Group(name, n, (Rate(selected, float(n), n, float(n)),))


def test_forty_eight_of_sixty_is_exactly_four_fifths() -> None:
    # Uniform Guidelines Q&A (1979) no. 11: 60 % white, 48 % Hispanic: the ratio is .80 and not below it
    gap = gap_between([group("White", 60, 100), group("Hispanic", 48, 100)], "ratio", seed=0)
    assert gap is not None
    assert gap.value == 0.8
    assert (gap.lowest, gap.highest) == ("Hispanic", "White")


@pytest.mark.parametrize(("rate", "ratio"), [(45, 0.75), (48, 0.8), (51, 0.85)])
def test_the_published_impact_ratios_come_out_exactly(rate: int, ratio: float) -> None:
    gap = gap_between([group("White", 60, 100), group("other", rate, 100)], "ratio", seed=0)
    assert gap is not None
    assert gap.value == ratio


def test_a_ratio_of_nothing_to_nothing_has_no_value_and_a_difference_is_zero() -> None:
    nobody = [group("a", 0, 30), group("b", 0, 40)]
    ratio = gap_between(nobody, "ratio", seed=0)
    assert ratio is not None
    assert (ratio.value, ratio.interval) == (None, None)
    difference = gap_between(nobody, "difference", seed=0)
    assert difference is not None
    assert difference.value == 0.0


def test_one_group_alone_has_no_gap() -> None:
    assert gap_between([group("a", 3, 30)], "difference", seed=0) is None


def test_the_interval_is_that_of_resampling_rows_and_the_value_fairlearns() -> None:
    rng = np.random.default_rng(0)
    who = np.array(["a"] * 300 + ["b"] * 200)
    chosen = np.concatenate([rng.random(300) < 0.6, rng.random(200) < 0.45]).astype(int)
    gaps = []
    for _ in range(4000):
        rows = rng.integers(0, 500, 500)
        gaps.append(abs(chosen[rows][who[rows] == "a"].mean() - chosen[rows][who[rows] == "b"].mean()))
    groups = [group("a", chosen[:300].sum(), 300), group("b", chosen[300:].sum(), 200)]
    gap = gap_between(groups, "difference", seed=1, replicates=4000)
    assert gap is not None
    assert gap.value == pytest.approx(demographic_parity_difference(chosen, chosen, sensitive_features=who), abs=1e-12)
    assert gap.interval is not None
    assert (gap.interval.low, gap.interval.high) == pytest.approx(np.quantile(gaps, [0.025, 0.975]), abs=0.01)


def test_groups_selected_without_exception_still_have_an_interval_with_width() -> None:
    gap = gap_between([group("a", 25, 25), group("b", 30, 30)], "ratio", seed=0)
    assert gap is not None
    assert gap.value == 1.0
    assert gap.interval is not None
    assert gap.interval.low < 0.99
    assert gap.interval.high == 1.0


def test_the_same_seed_gives_the_same_interval_and_another_gives_another() -> None:
    groups = [group("a", 20, 50), group("b", 30, 60)]
    assert gap_between(groups, "ratio", seed=4) == gap_between(groups, "ratio", seed=4)
    assert gap_between(groups, "ratio", seed=4) != gap_between(groups, "ratio", seed=5)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_people_are_suppressed_without_their_number(n: int) -> None:
    status, note = status_of(group("a", 1, n), 20, ("rows",))
    assert status == "suppressed"
    assert str(n) not in note


def test_a_rate_over_too_few_rows_is_not_measured_and_tiny_counts_stay_hidden() -> None:
    assert status_of(group("a", 1, 19), 20, ("rows",)) == ("too-small", "19 rows, at least 20 are required")
    assert status_of(group("a", 1, 20), 20, ("rows",)) == ("measured", "")
    few = Group("a", 40, (Rate(1.0, 2.0, 2, 2.0),))
    assert status_of(few, 20, ("rows with outcome 0",)) == (
        "too-small",
        "fewer than 3 rows with outcome 0, at least 20 are required",
    )
