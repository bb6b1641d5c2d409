"""Are links between features and attributes those of scipy and scikit-learn, and does a stand-in come out on top?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score, roc_auc_score

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.statistics import cramer
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from audits.tables.stand_ins import feature_by_group

SLUG = "fairness.proxy_screen"
FEATURES = ("height", "postcode", "noise", "employed")


def applicants(n: int = 800, seed: int = 4) -> pd.DataFrame:
    """Draw people whose height tells their sex, whose postcode tells their origin a little, and noise that tells nothing."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    origin = rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1])
    height = np.round(rng.normal(165 + 13 * (sex == "m"), 7), 1)
    height[rng.random(n) < 0.05] = np.nan
    postcode = np.where(rng.random(n) < 0.3, origin, rng.choice(["p", "q", "r"], n)).astype(object)
    return pd.DataFrame(
        {
            "sex": sex,
            "origin": origin,
            "height": height,
            "postcode": postcode,
            "noise": rng.normal(size=n),
            "employed": rng.random(n) < 0.5,
        }
    )


def screened(frame: pd.DataFrame, *, roles: ColumnRoles | None = None, **params: Any) -> Measurement:
    roles = roles or ColumnRoles(sensitive=("sex", "origin"), features=FEATURES)
    table = open_frame(frame, roles=roles, required=(), check_values=False)
    return CHECKS.get(SLUG).run(CheckSubject(table, seed=2), **params)


def pair(found: Measurement, feature: str, attribute: str) -> dict[str, Any]:
    return next(row for row in found.detail["features"] if (row["feature"], row["attribute"]) == (feature, attribute))


def test_a_category_is_measured_as_scipy_and_scikit_learn_do() -> None:
    frame = applicants()
    row = pair(screened(frame), "postcode", "origin")
    crossed = pd.crosstab(frame.postcode, frame.origin).to_numpy()
    assert row["plain_cramers_v"] == pytest.approx(association(crossed, method="cramer"), abs=1e-12)
    assert row["mutual_information"] == pytest.approx(mutual_info_score(frame.postcode, frame.origin), abs=1e-12)
    shares = frame.origin.value_counts(normalize=True)
    assert row["share_of_entropy"] == pytest.approx(row["mutual_information"] / -(shares * np.log(shares)).sum())
    assert row["low"] < row["cramers_v"] < row["plain_cramers_v"]
    assert row["auc"] is None


@pytest.mark.parametrize("attribute", ["sex", "origin"])
def test_the_auc_of_a_number_is_scikit_learns_for_the_group_it_tells_best(attribute: str) -> None:
    frame = applicants()
    row = pair(screened(frame), "height", attribute)
    known = frame[frame.height.notna()]
    areas = {name: roc_auc_score(known[attribute] == name, known.height) for name in known[attribute].unique()}
    folded = {name: max(area, 1 - area) for name, area in areas.items()}
    assert row["auc"] == pytest.approx(max(folded.values()), abs=1e-12)
    assert folded[row["group_told_best"]] == pytest.approx(max(folded.values()), abs=1e-12)


def test_the_bins_of_a_number_hold_equal_shares_and_missing_is_a_line_of_its_own() -> None:
    frame = applicants()
    row = pair(screened(frame, bins=4), "height", "sex")
    known = frame.height.dropna()
    ends = np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf")
    lines = np.where(frame.height.isna(), -1, np.searchsorted(ends, frame.height.fillna(0)))
    crossed = pd.crosstab(lines, frame.sex).to_numpy()
    assert row["lines"] == 5
    assert row["plain_cramers_v"] == pytest.approx(association(crossed, method="cramer"), abs=1e-12)


def test_the_feature_that_stands_in_comes_first_and_noise_tells_nothing() -> None:
    found = screened(applicants())
    first = found.detail["features"][0]
    assert (first["feature"], first["attribute"]) == ("height", "sex")
    assert found.value == first["cramers_v"] > 0.5
    assert found.low is not None
    assert found.high is not None
    assert 0.4 < found.low < found.value < found.high < 1.0
    for feature in ("noise", "employed"):
        assert pair(found, feature, "sex")["cramers_v"] < 0.15
        assert pair(found, feature, "sex")["low"] == 0.0
    assert found.plots[0].rows[0][:2] == ("height", "sex")


def test_an_attribute_that_is_a_feature_tells_itself_entirely_and_is_named() -> None:
    roles = ColumnRoles(sensitive=("sex",), features=("sex", "noise"))
    found = screened(applicants(), roles=roles)
    assert found.value == pytest.approx(1.0, abs=1e-12)
    assert found.detail["features"][0]["itself"]
    assert "sex: the attribute itself is a feature." in found.notes


def test_chance_alone_gives_an_unbiased_link_of_about_nothing() -> None:
    rng = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(200):
        counts = rng.multinomial(120, np.full(24, 1 / 24)).reshape(8, 3).astype(float)
        plain.append(cramer.plain_cramers_v(counts))
        corrected.append(float(cramer.cramers_v(counts)))
    assert np.mean(plain) > 0.2
    assert np.mean(corrected) < 0.08


def test_the_interval_of_v_covers_the_true_link() -> None:
    rng = np.random.default_rng(1)
    shares = np.array([[0.30, 0.10], [0.20, 0.15], [0.05, 0.20]])
    true = cramer.plain_cramers_v(shares * 1e9)
    held = 0
    for seed in range(150):
        counts = rng.multinomial(300, shares.ravel()).reshape(3, 2)
        interval = cramer.v_interval(counts, seed=seed, confidence=0.95)
        assert interval is not None
        held += interval.low <= true <= interval.high
    assert held >= 133  # 95 % nominal; fewer would happen once in a thousand times


def test_small_groups_are_left_out_and_one_group_gives_no_value() -> None:
    frame = applicants()
    few = pd.concat([frame, frame.head(2).assign(sex="other", height=400.0)], ignore_index=True)
    assert screened(few).value == screened(frame).value
    alone = screened(frame.assign(sex="f"))
    assert alone.value is None
    assert alone.reason == "sex: no feature can be screened (two groups of at least 20 rows each)."


def test_constant_and_missing_features_tell_nothing() -> None:
    frame = applicants().assign(noise=1.0, height=np.nan)
    found = screened(frame)
    for feature in ("noise", "height"):
        row = pair(found, feature, "sex")
        assert (row["cramers_v"], row["plain_cramers_v"], row["mutual_information"]) == (0.0, 0.0, 0.0)
    assert pair(found, "noise", "sex")["auc"] == 0.5
    assert pair(found, "height", "sex")["auc"] is None


def test_texts_that_name_people_are_skipped_and_said_so() -> None:
    frame = applicants(6_000).assign(name=lambda rows: [f"person {at}" for at in range(len(rows))])
    roles = ColumnRoles(sensitive=("sex",), features=("name", "employed"))
    found = screened(frame, roles=roles)
    assert found.detail["skipped"] == ["name"]
    assert any("texts with too many values: name" in note for note in found.notes)


def test_numbers_with_very_many_values_are_read_over_fine_bins_close_to_the_exact_area() -> None:
    frame = applicants(9_000).assign(
        height=lambda rows: rows.height + np.random.default_rng(0).normal(0, 1e-3, len(rows))
    )
    row = pair(screened(frame), "height", "sex")
    known = frame[frame.height.notna()]
    assert row["rule"] == "bins"
    assert row["auc"] == pytest.approx(roc_auc_score(known.sex == "m", known.height), abs=1e-4)


def test_many_categories_are_read_as_the_commonest_and_all_others() -> None:
    counts = np.vstack([[[0, 0]], np.arange(2, 242).reshape(120, 2)])
    found = cramer.merged(counts, ordered=False, bins=10)
    assert len(found) == cramer.MOST_LINES
    assert found.sum() == counts.sum()


def test_only_features_of_the_table_are_screened() -> None:
    with pytest.raises(Insufficient, match="'shoe'"):
        screened(applicants(), features=["shoe"])
    only = screened(applicants(), features=["noise"], attributes=["sex"])
    assert len(only.detail["features"]) == 1


def test_nothing_of_a_value_of_a_feature_stays_in_the_evidence() -> None:
    frame = applicants().assign(postcode=lambda rows: "secret-" + rows.postcode)
    assert "secret" not in str(screened(frame).as_json())


def test_counts_by_value_and_group_are_those_of_the_rows() -> None:
    frame = applicants()
    roles = ColumnRoles(sensitive=("sex",), features=FEATURES)
    table = open_frame(frame, roles=roles, required=(), check_values=False)
    found = feature_by_group(table, "height", "sex")
    assert found is not None
    assert found.groups == ("f", "m")
    assert found.counts[0].tolist() == [(frame.height.isna() & (frame.sex == name)).sum() for name in "fm"]
    assert found.counts[1:].sum(axis=1).tolist() == frame.height.value_counts().sort_index().tolist()
    assert dataclasses.astuple(found)[2:] == (True, "values")
