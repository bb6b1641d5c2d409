"""Do the New York City tables come out as in the rule's own example, with everybody accounted for?"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.checks.fairness.editions import LL144
from audits.checks.fairness.ll144_tables import Cut, Display, table_of
from audits.statistics.display_rounding import shown
from audits.tables.applicants import scored_groups
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from registry.errors import DomainError
from tests.audits.evaluation_samples import ROLES, sample
from tests.audits.evaluation_samples import table_of as sample_table

SELECTION, SCORING = "fairness.ll144_selection", "fairness.ll144_scoring"
DISPLAY = Display(("unknown",), leave_out=True, justification="", rounding="half-up")
RULE = LL144["nyc-ll144-2023"]

# 6 RCNY, scoring example: people, rate and ratio as printed; the counts above the median follow from them
PRINTED = {
    "sex": {"Male": (50, 92, "54.3 %", "1.00"), "Female": (34, 76, "44.7 %", "0.82")},
    "race": {
        "Hispanic or Latino": (18, 28, "64.2 %", "1.00"),
        "White": (15, 40, "37.5 %", "0.58"),
        "Black or African American": (16, 32, "50.0 %", "0.78"),
        "Native Hawaiian or Pacific Islander": (5, 8, "62.5 %", "0.97"),
        "Asian": (10, 24, "41.7 %", "0.65"),
    },
}


@pytest.mark.parametrize("cut", ["sex", "race"])
def test_the_rules_scoring_example_is_reproduced_from_counts(cut: str) -> None:
    tally = {(name,): (above, n) for name, (above, n, _, _) in PRINTED[cut].items()}
    found = table_of(Cut((cut,), cut), (cut,), tally, DISPLAY, RULE)
    rows = {row["category"]: row for row in found["rows"]}
    assert {name: row["ratio_shown"] for name, row in rows.items()} == {name: p[3] for name, p in PRINTED[cut].items()}
    for name, (above, n, rate, _) in PRINTED[cut].items():
        assert (rows[name]["n"], rows[name]["hits"]) == (n, above)
        if name == "Hispanic or Latino":
            # 18 of 28 is 64.286 %: the rule cuts this one off and rounds 10 of 24 up, so no one rounding gives both
            assert rows[name]["rate_shown"] == "64.3 %"
            cut_off = dataclasses.replace(DISPLAY, rounding="truncated")
            other = {row["category"]: row for row in table_of(Cut((cut,), cut), (cut,), tally, cut_off, RULE)["rows"]}
            assert (other[name]["rate_shown"], other["Asian"]["rate_shown"]) == ("64.2 %", "41.6 %")
            assert other[name]["ratio"] == rows[name]["ratio"]
        else:
            assert rows[name]["rate_shown"] == rate
    assert found["highest"] == ("Male" if cut == "sex" else "Hispanic or Latino")


def test_ratios_come_from_counts_and_not_from_printed_rates() -> None:
    tally = {("a",): (2, 3), ("b",): (1, 3)}
    rows = table_of(Cut(("g",), "other"), ("g",), tally, DISPLAY, RULE)["rows"]
    assert [row["ratio"] for row in rows] == [1.0, 0.5]
    assert float(rows[1]["rate_shown"].split()[0]) / float(rows[0]["rate_shown"].split()[0]) != 0.5


def audit_frame() -> pd.DataFrame:
    """1,206 people: two sexes, four categories of race, one of them small, one tiny; some of unknown category."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "sex": rng.choice(["Female", "Male"], 1_206),
            "race": ["White"] * 700
            + ["Black"] * 464
            + ["Native American"] * 20
            + ["Two or more"] * 2
            + ["Unknown"] * 20,
            "s": np.round(rng.random(1_206), 2),
        }
    )
    frame.loc[:4, "sex"] = None
    frame.loc[5:6, "sex"] = "unknown "
    return frame.assign(d=(frame.s > 0.55).astype(int))


def audited(slug: str, frame: pd.DataFrame, **params: Any) -> Measurement:
    roles = ColumnRoles(score="s", sensitive=("sex", "race"))
    table = open_frame(frame, roles=roles, threshold=0.56, required=(), check_values=False)
    return CHECKS.get(slug).run(CheckSubject(table, seed=1), **{"sex": "sex", "race_ethnicity": "race"} | params)


def tables_of(found: Measurement) -> dict[str, Any]:
    return {table["table"]: table for table in found.detail["tables"]}


@pytest.mark.parametrize("slug", [SELECTION, SCORING])
def test_every_table_counts_as_pandas_does(slug: str) -> None:
    frame = audit_frame()
    hit = frame.d == 1 if slug == SELECTION else frame.s > frame.s.median()
    found = audited(slug, frame)
    tables = tables_of(found)
    assert list(tables) == ["sex", "race", "sex × race"]
    known_sex, known_race = frame.sex.isin(["Female", "Male"]), frame.race != "Unknown"
    for name, known, keys in (
        ("sex", known_sex, ["sex"]),
        ("race", known_race, ["race"]),
        ("sex × race", known_sex & known_race, ["sex", "race"]),
    ):
        counted = frame[known].assign(hit=hit[known]).groupby(keys).hit.agg(["sum", "count"])
        rows = {tuple(row["values"]): (row["hits"], row["n"]) for row in tables[name]["rows"] if row["n"] is not None}
        expected = {
            key if isinstance(key, tuple) else (key,): tuple(pair)
            for key, pair in zip(counted.index, counted.to_numpy().tolist(), strict=True)
        }
        assert rows == {key: pair for key, pair in expected.items() if pair[1] > 2}
        assert tables[name]["unknown"] == (~known).sum()
        shares = {key: sums / n for key, (sums, n) in expected.items() if n * 50 >= known.sum()}
        ratios = {tuple(row["values"]): row["ratio"] for row in tables[name]["rows"] if row["ratio"] is not None}
        assert ratios == pytest.approx({key: share / max(shares.values()) for key, share in shares.items()}, abs=1e-15)
    smallest = min(row["ratio"] for table in tables.values() for row in table["rows"] if row["ratio"] is not None)
    assert found.value == pytest.approx(smallest, abs=1e-15)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_a_category_under_two_percent_is_left_out_and_shown_with_the_justification() -> None:
    found = audited(SELECTION, audit_frame(), justification="Too few for a ratio that means anything.")
    race = tables_of(found)["race"]
    small = next(row for row in race["rows"] if row["category"] == "Native American")
    assert (small["n"], small["left_out"], small["ratio"], small["ratio_shown"]) == (20, True, None, "")
    assert small["rate_shown"].endswith(" %")
    assert race["justification"] == "Too few for a ratio that means anything."
    assert any("left out of the ratios and shown" in note for note in found.notes)
    kept = tables_of(audited(SELECTION, audit_frame(), leave_out_under_two_percent=False))["race"]
    assert next(row for row in kept["rows"] if row["category"] == "Native American")["ratio"] is not None
    assert kept["justification"] == ""


def test_exactly_two_percent_stays_in() -> None:
    tally = {("a",): (500, 980), ("b",): (10, 20)}
    rows = table_of(Cut(("g",), "other"), ("g",), tally, DISPLAY, RULE)["rows"]
    assert not rows[1]["left_out"]
    fewer = table_of(Cut(("g",), "other"), ("g",), {("a",): (500, 981), ("b",): (10, 20)}, DISPLAY, RULE)["rows"]
    assert fewer[1]["left_out"]


def test_one_or_two_people_and_their_unknown_are_not_counted_out_loud() -> None:
    found = audited(SELECTION, audit_frame())
    tiny = next(row for row in tables_of(found)["race"]["rows"] if row["category"] == "Two or more")
    assert (tiny["n"], tiny["hits"], tiny["rate"], tiny["remark"]) == (None, None, None, "fewer than 3")
    assert next(row for row in found.groups if row.group == "Two or more").status == "suppressed"
    table = table_of(
        Cut(("g",), "other"), ("g",), {("a",): (5, 9), ("b",): (4, 9), ("unknown",): (1, 2)}, DISPLAY, RULE
    )
    assert (table["unknown"], table["unknown_shown"]) == (None, "fewer than 3")


def test_texts_that_mean_unknown_are_declared() -> None:
    frame = audit_frame().assign(race=lambda rows: rows.race.replace("Unknown", "prefers not to say"))
    as_category = tables_of(audited(SELECTION, frame))["race"]
    declared = tables_of(audited(SELECTION, frame, unknown=["Prefers not to say", "n/a"]))["race"]
    assert (as_category["unknown"], declared["unknown"]) == (0, 20)
    assert "prefers not to say" in {row["category"] for row in as_category["rows"]}


def test_the_tables_are_drawn_as_they_are_printed() -> None:
    found = audited(SCORING, audit_frame())
    titles = [plot.title for plot in found.plots]
    assert titles == [
        "Sex categories",
        "Race and ethnicity categories",
        "Intersectional categories",
        "People whose category is unknown",
    ]
    assert [column.name for column in found.plots[2].columns][:4] == ["sex", "race", "People", "Above median"]
    assert found.plots[0].rows[0][:1] == ("Female",)
    assert found.plots[3].rows == (("sex", "7"), ("race", "20"), ("sex × race", "27"))
    assert found.detail["median"] == audit_frame().s.median()


def test_without_named_columns_the_tables_bear_the_names_of_the_attributes() -> None:
    subject = CheckSubject(sample_table(sample(400)))
    found = CHECKS.get(SELECTION).run(subject)
    assert list(tables_of(found)) == ["sex", "region", "sex × region"]
    assert {table["kind"] for table in found.detail["tables"]} == {"other"}
    assert any("No column was named" in note for note in found.notes)
    only_sex = CHECKS.get(SELECTION).run(subject, sex="sex")
    assert list(tables_of(only_sex)) == ["sex"]
    with pytest.raises(Insufficient, match="'colour'"):
        CHECKS.get(SELECTION).run(subject, sex="colour")


def test_nobody_above_one_category_and_an_empty_table_have_reasons() -> None:
    frame = audit_frame()
    assert "0/0" in audited(SCORING, frame.assign(s=0.5)).reason
    assert "fewer than two categories" in audited(SELECTION, frame.assign(sex="Male")).reason
    assert "fewer than two categories" in audited(SELECTION, frame.assign(sex=None)).reason


def test_the_median_is_that_of_everybody_and_strict() -> None:
    frame = sample(401).assign(s=lambda rows: rows.s.round(1))
    found = scored_groups(sample_table(frame), ("sex",))
    assert (found.median, found.n) == (frame.s.median(), 401)
    assert sum(cell.above for cell in found.cells) == (frame.s > frame.s.median()).sum()
    even = frame.head(400)
    assert scored_groups(sample_table(even), ("sex",)).median == even.s.median()


def test_a_score_that_is_no_number_is_refused() -> None:
    for bad in (float("nan"), float("inf"), None):
        frame = sample(30).assign(s=lambda rows, bad=bad: rows.s.where(rows.index > 0, bad))
        table = sample_table(frame, roles=dataclasses.replace(ROLES, target=None), check_values=False, required=())
        with pytest.raises(DomainError) as caught:
            CHECKS.get(SCORING).run(CheckSubject(table))
        assert caught.value.code == "score-not-a-number"


def test_scoring_without_scores_says_what_is_missing() -> None:
    roles = ColumnRoles(prediction="d", sensitive=("sex",))
    table = open_frame(audit_frame(), roles=roles, required=(), check_values=False)
    with pytest.raises(Insufficient, match="no score column"):
        CHECKS.get(SCORING).run(CheckSubject(table))


@given(st.fractions(min_value=0, max_value=2), st.integers(0, 4))
def test_printed_numbers_are_the_nearest_or_the_one_below(value: Fraction, decimals: int) -> None:
    step = Fraction(1, 10**decimals)
    rounded, cut = (Fraction(shown(value, decimals=decimals, rounding=how)) for how in ("half-up", "truncated"))
    assert cut <= value < cut + step
    assert -step / 2 <= value - rounded < step / 2


def test_half_is_rounded_up_where_binary_numbers_would_not() -> None:
    assert shown(Fraction(1005, 1000), decimals=2) == "1.01"
    assert f"{1.005:.2f}" == "1.00"
    assert shown(Fraction(1, 8), decimals=1, percent=True) == "12.5 %"
    assert shown(Fraction(1, 3), decimals=0, percent=True) == "33 %"
