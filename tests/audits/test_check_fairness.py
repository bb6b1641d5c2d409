"""Are group rates and gaps fairlearn's, right on published data, and silent about the few?"""

from __future__ import annotations

import dataclasses
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.checks.contract import CHECKS, CheckSubject, GroupRow, Insufficient, Measurement
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from tests.audits.evaluation_samples import ROLES, sample, table_of
from tests.drawing import examples

RATIO = "fairness.selection_rate_ratio"
OPPORTUNITY = "fairness.equal_opportunity_difference"
ODDS = "fairness.equalized_odds_difference"

# fairlearn user guide, "Performing a fairness assessment" (docs/user_guide/assessment, doctests)
Y_TRUE = [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
Y_PRED = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
WHO = list("bbabbcccaacabccbcc")


def measured(slug: str, frame: pd.DataFrame, *attributes: str, **params: Any) -> Measurement:
    weight = "w" if "w" in frame.columns else None
    roles = ColumnRoles(target="y", prediction="d", sensitive=attributes, weight=weight)
    table = open_frame(frame, roles=roles, required=("target",), check_values=False)
    return CHECKS.get(slug).run(CheckSubject(table, seed=1), **params)


def rows_of(found: Measurement, attribute: str) -> dict[str, GroupRow]:
    return {row.group: row for row in found.groups if row.attribute == attribute}


def compas() -> pd.DataFrame:
    """Rebuild 7,214 rows from the confusion counts by race (fp, fn, tn, tp) of aequitas' COMPAS example."""
    counts = {
        "African-American": (805, 532, 990, 1369),
        "Asian": (2, 3, 21, 6),
        "Caucasian": (349, 461, 1139, 505),
        "Hispanic": (87, 129, 318, 103),
        "Native American": (3, 1, 5, 9),
        "Other": (36, 90, 208, 43),
    }
    rows = []
    for race, (fp, fn, tn, tp) in counts.items():
        rows += [(0, 1, race)] * fp + [(1, 0, race)] * fn + [(0, 0, race)] * tn + [(1, 1, race)] * tp
    return pd.DataFrame(rows, columns=["y", "d", "race"])


def test_fairlearns_documented_example_shows_rates_of_groups_large_enough() -> None:
    frame = pd.DataFrame({"y": Y_TRUE * 10, "d": Y_PRED * 10, "g": WHO * 10})
    found = measured(RATIO, frame, "g")
    assert found.value == pytest.approx(2 / 3, abs=1e-15)
    rates = {name: row.values["selection_rate"] for name, row in rows_of(found, "g").items()}
    assert rates == {"a": 0.75, "b": 0.5, "c": 0.5}
    assert measured(ODDS, frame, "g", min_group_size=10).value == 1.0
    assert measured(OPPORTUNITY, frame, "g").value == pytest.approx(0.2, abs=1e-15)
    assert found.n == 180


def test_propublicas_error_rates_of_compas() -> None:
    found = measured(ODDS, compas(), "race")
    rows = rows_of(found, "race")
    # ProPublica 2016: false positive rate 44.85 % and 23.45 %; false negative rate 27.99 % and 47.72 %
    for race, fpr, fnr in (("African-American", 44.85, 27.99), ("Caucasian", 23.45, 47.72)):
        values = rows[race].values
        assert values["false_positive_rate"] is not None
        assert values["true_positive_rate"] is not None
        assert round(100 * values["false_positive_rate"], 2) == fpr
        assert round(100 * (1 - values["true_positive_rate"]), 2) == fnr
    assert (rows["Native American"].status, rows["Asian"].status) == ("too-small", "too-small")
    assert found.detail["attributes"][0]["groups_left_out"] == 2


def test_aequitas_disparity_of_prevalence_among_selected() -> None:
    rows = rows_of(measured(RATIO, compas(), "race", min_group_size=3), "race")
    rates = {race: row.values["selection_rate"] or 0.0 for race, row in rows.items()}
    # aequitas compas_demo: pprev disparity against Hispanic
    for race, published in (("African-American", 1.97203), ("Caucasian", 1.166727), ("Native American", 2.235088)):
        assert rates[race] / rates["Hispanic"] == pytest.approx(published, abs=1e-6)


rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from("abc"), st.sampled_from(["x", "y"])),
    min_size=40,
    max_size=150,
)


@examples(15)
@given(rows)
def test_every_gap_is_fairlearns_on_the_same_rows(found: list[tuple[int, int, str, str]]) -> None:
    frame = pd.DataFrame(found, columns=["y", "d", "g", "h"])
    roles = ColumnRoles(target="y", prediction="d", sensitive=("g", "h"))
    subject = CheckSubject(open_frame(frame, roles=roles, required=("target",), check_values=False))
    for slug, metric, attribute in (
        (RATIO, fl.demographic_parity_ratio, "g"),
        (OPPORTUNITY, fl.equal_opportunity_difference, "h"),
        (ODDS, fl.equalized_odds_difference, "h"),
    ):
        measurement = CHECKS.get(slug).run(subject, attributes=[attribute], min_group_size=3)
        if any(row.status != "measured" for row in measurement.groups) or measurement.value is None:
            continue
        expected = metric(frame.y, frame.d, sensitive_features=frame[attribute])
        assert measurement.value == pytest.approx(expected, abs=1e-12)


def test_weighted_rates_are_fairlearns() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.integers(0, 2, 300), "d": rng.integers(0, 2, 300), "g": rng.choice(["a", "b"], 300)})
    frame["w"] = rng.exponential(1.0, 300)
    for slug, metric in (
        (RATIO, fl.demographic_parity_ratio),
        (OPPORTUNITY, fl.equal_opportunity_difference),
        (ODDS, fl.equalized_odds_difference),
    ):
        expected = metric(frame.y, frame.d, sensitive_features=frame.g, sample_weight=frame.w)
        found = measured(slug, frame, "g")
        assert found.value == pytest.approx(expected, abs=1e-12)
        unweighted = measured(slug, frame.drop(columns="w"), "g")
        assert found.high is not None
        assert found.low is not None
        assert unweighted.high is not None
        assert unweighted.low is not None
        assert found.high - found.low > 1.1 * (unweighted.high - unweighted.low)


def test_intersections_are_fairlearns_cross_product() -> None:
    frame = sample(600).assign(d=lambda rows: (rows.s > 0.6).astype(int))
    found = measured(RATIO, frame, "sex", "region", intersections=True)
    both = rows_of(found, "sex × region")
    assert set(both) >= {"sex=f, region=north", "sex=m, region=(missing)"}
    label = "sex=" + frame.sex + ", region=" + frame.region.fillna("(missing)")
    assert {name: row.n for name, row in both.items()} == label.value_counts().to_dict()
    gaps = [item["value"] for item in found.detail["attributes"]]
    assert [item["attribute"] for item in found.detail["attributes"]] == ["sex", "region", "sex × region"]
    assert found.value == min(gaps) == fl.demographic_parity_ratio(frame.y, frame.d, sensitive_features=label)
    alone = measured(RATIO, frame, "sex", "region")
    assert [item["value"] for item in alone.detail["attributes"]] == gaps[:2]


def test_missing_group_values_are_a_group_that_is_shown_and_counts() -> None:
    frame = sample(400).assign(d=lambda rows: rows.region.notna().astype(int))
    found = measured(RATIO, frame, "region")
    row = rows_of(found, "region")["(missing)"]
    assert (row.status, row.values["selection_rate"]) == ("measured", 0.0)
    assert found.value == 0.0


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_people_leave_no_trace_but_their_suppression(n: int) -> None:
    frame = sample(200).assign(d=lambda rows: (rows.s > 0.6).astype(int))
    with_few = pd.concat([frame, frame.head(n).assign(sex="x", d=1 - frame.d.head(n))])
    for slug in (RATIO, OPPORTUNITY, ODDS):
        few, without = measured(slug, with_few, "sex"), measured(slug, frame, "sex")
        row = rows_of(few, "sex")["x"]
        assert (row.status, row.n, dict(row.values), row.low) == ("suppressed", None, {}, None)
        assert (few.value, few.low, few.high, few.n) == (without.value, without.low, without.high, without.n)


def test_many_suppressed_groups_are_not_listed_by_name() -> None:
    frame = sample(200).assign(d=lambda rows: (rows.s > 0.6).astype(int))
    strangers = frame.head(60).assign(sex=[f"person {at}" for at in range(60)])
    found = measured(RATIO, pd.concat([frame, strangers]), "sex")
    assert sum(row.status == "suppressed" for row in found.groups) == 20
    assert found.detail["attributes"][0]["groups_left_out"] == 60


def test_an_attribute_with_one_measurable_group_gives_no_value_rather_than_a_good_one() -> None:
    frame = sample(100).assign(d=1, other=["a"] * 85 + ["b"] * 15)
    found = measured(RATIO, frame, "sex", "other")
    assert found.value is None
    assert found.reason == "other: fewer than two groups can be measured (at least 20 rows each)."
    assert found.detail["attributes"][0]["value"] == 1.0
    assert {row.status for row in found.groups if row.attribute == "other"} == {"measured", "too-small"}


def test_nobody_selected_gives_no_ratio_and_no_difference() -> None:
    frame = sample(200).assign(d=0)
    assert "0/0" in measured(RATIO, frame, "sex").reason
    assert measured(OPPORTUNITY, frame, "sex").value == 0.0


def test_min_group_size_is_the_number_a_rate_is_over() -> None:
    frame = pd.DataFrame(
        {"y": [1] * 30 + [0] * 30 + [1] * 30 + [0] * 10, "d": [1, 0] * 50, "g": ["a"] * 60 + ["b"] * 40}
    )
    assert measured(OPPORTUNITY, frame, "g", min_group_size=30).value is not None
    found = measured(ODDS, frame, "g", min_group_size=30)
    assert found.value is None
    assert rows_of(found, "g")["b"].note == "10 rows with outcome 0, at least 30 are required"


def test_only_declared_attributes_are_compared() -> None:
    table = table_of(sample(60), roles=dataclasses.replace(ROLES, sensitive=("sex",)))
    with pytest.raises(Insufficient, match="region"):
        CHECKS.get(RATIO).run(CheckSubject(table), attributes=["region"])
