"""Are all comparisons counted, each once, and is every p-value that of the counts shown beside it?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from tests.audits.test_check_fairness import compas
from tests.audits.test_check_fairness_rates import decided, table

pytestmark = pytest.mark.thorough

SLUG = "fairness.exact_tests"


def compared(frame: pd.DataFrame, *attributes: str, **params: Any) -> Measurement:
    return CHECKS.get(SLUG).run(CheckSubject(table(frame, *attributes), seed=1), **params)


def test_each_group_is_tested_against_the_rest_and_p_is_fishers_of_its_counts() -> None:
    found = compared(compas(), "race", min_group_size=3)
    comparisons = found.detail["comparisons"]
    assert [item["group"] for item in comparisons] == sorted(compas().race.unique())
    total = len(compas())
    for item in comparisons:
        assert item["n"] + item["n_against"] == total
        counts = [
            [item["hits"], item["n"] - item["hits"]],
            [item["hits_against"], item["n_against"] - item["hits_against"]],
        ]
        assert item["p_fisher"] == pytest.approx(stats.fisher_exact(counts).pvalue, rel=1e-9)
        assert item["low"] < item["difference"] < item["high"]
    # prevalence among African-Americans 2174 of 3696, aequitas' published counts
    first = comparisons[0]
    assert (first["hits"], first["n"], first["against"]) == (2174, 3696, "(rest)")
    assert found.value == min(item["p_holm"] for item in comparisons)
    assert found.value < 1e-50


def test_adjustment_is_over_every_comparison_of_every_attribute_and_intersection() -> None:
    alone = compared(decided(), "sex", "region")
    crossed = compared(decided(), "sex", "region", intersections=True)
    assert (len(alone.detail["comparisons"]), len(crossed.detail["comparisons"])) == (5, 13)
    by_group = {(item["attribute"], item["group"]): item for item in crossed.detail["comparisons"]}
    raw = [item["p_fisher"] for item in crossed.detail["comparisons"]]
    expected = stats.false_discovery_control(raw)
    assert [item["p_benjamini_hochberg"] for item in crossed.detail["comparisons"]] == pytest.approx(expected)
    for item in alone.detail["comparisons"]:
        assert by_group[item["attribute"], item["group"]]["p_fisher"] == item["p_fisher"]
    assert by_group["sex", "f"]["p_holm"] >= alone.detail["comparisons"][0]["p_holm"]


def test_two_groups_are_one_comparison() -> None:
    found = compared(decided(), "sex")
    (only,) = found.detail["comparisons"]
    assert (only["group"], only["against"]) == ("f", "m")
    assert found.value == only["p_holm"] == only["p_fisher"]


def test_against_the_largest_group_or_one_that_is_named() -> None:
    frame = decided()
    largest = compared(frame, "region", against="largest").detail["comparisons"]
    assert {item["against"] for item in largest} == {"north"}
    named = compared(frame, "region", against={"region": "west"}).detail["comparisons"]
    assert [item["group"] for item in named] == ["(missing)", "north", "south"]
    assert compared(frame, "region", against={"region": "moon"}).value is None
    with pytest.raises(Insufficient, match="none for 'region'"):
        compared(frame, "region", against={"sex": "m"})


@pytest.mark.parametrize("rate", ["true_positive_rate", "positive_predictive_value", "accuracy"])
def test_error_rates_are_tested_on_the_rows_they_concern(rate: str) -> None:
    frame = decided()
    (item,) = compared(frame, "sex", rate=rate).detail["comparisons"]
    here = frame[frame.sex == "f"]
    concerned = {"true_positive_rate": here.y == 1, "positive_predictive_value": here.d == 1, "accuracy": here.y >= 0}
    hits = {"true_positive_rate": here.d, "positive_predictive_value": here.y, "accuracy": here.d == here.y}
    assert (item["n"], item["hits"]) == (concerned[rate].sum(), hits[rate][concerned[rate]].sum())


def test_mid_p_and_benjamini_hochberg_can_be_what_is_judged() -> None:
    strict, lenient = (
        compared(decided(), "region"),
        compared(decided(), "region", test="mid-p", adjust="benjamini-hochberg"),
    )
    assert lenient.method == "mid-p, benjamini-hochberg; newcombe for differences"
    assert strict.value is not None
    assert lenient.value is not None
    assert lenient.value < strict.value
    assert lenient.value == min(stats.false_discovery_control([one["p_mid"] for one in lenient.detail["comparisons"]]))


def test_small_groups_are_neither_tested_nor_part_of_the_rest() -> None:
    frame = decided(200)
    few = pd.concat([frame, frame.head(2).assign(sex="x", d=1)], ignore_index=True)
    with_few, without = compared(few, "sex"), compared(frame, "sex")
    assert with_few.detail == without.detail
    assert with_few.value == without.value


def test_rows_are_counted_where_a_table_has_weights_and_it_says_so() -> None:
    frame = decided(200).assign(w=lambda rows: 1.0 + rows.index % 3)
    subject = CheckSubject(table(frame, "sex", weight="w"))
    found = CHECKS.get(SLUG).run(subject)
    assert found.value == compared(frame.drop(columns="w"), "sex").value
    assert any("weights" in note for note in found.notes)


def test_error_rates_without_outcomes_and_one_group_alone_are_no_tests() -> None:
    frame = decided(100)
    roles = ColumnRoles(prediction="d", sensitive=("sex",))
    subject = CheckSubject(open_frame(frame, roles=roles, required=(), check_values=False))
    assert CHECKS.get(SLUG).run(subject).value is not None
    with pytest.raises(Insufficient, match="no outcome column"):
        CHECKS.get(SLUG).run(subject, rate="accuracy")
    alone = compared(frame.assign(sex="f"), "sex")
    assert (alone.value, alone.reason) == (None, "sex: there are no two groups to be tested (at least 20 rows each).")


def test_the_share_of_false_alarms_is_held_where_groups_are_alike() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(120):
        frame = pd.DataFrame({"g": rng.choice(list("abcde"), 300), "d": rng.integers(0, 2, 300)}).assign(y=0)
        alarms += (compared(frame, "g").value or 1.0) <= 0.05
    # at most 5 % by Holm: more than 13 of 120 would happen once in a thousand times
    assert alarms <= 13
