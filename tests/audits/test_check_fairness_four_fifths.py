"""Is the four-fifths line exact in whole numbers, dated, and honest about what one person would change?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audits.checks.contract import CHECKS, CheckSubject, Measurement
from audits.statistics.impact_ratio import Counts, below, flip, highest, impact_ratio
from tests.audits.test_check_fairness_rates import table
from tests.drawing import examples

SLUG = "fairness.four_fifths"
LINE = Fraction(4, 5)


def people(**groups: tuple[int, int]) -> pd.DataFrame:
    """Return rows of groups given as name=(selected, people)."""
    rows = [(name, int(at < chosen)) for name, (chosen, n) in groups.items() for at in range(n)]
    return pd.DataFrame(rows, columns=["g", "d"]).assign(y=lambda found: found.d)


def screened(frame: pd.DataFrame, **params: Any) -> tuple[Measurement, dict[str, dict[str, Any]]]:
    found = CHECKS.get(SLUG).run(CheckSubject(table(frame, "g"), seed=1), **params)
    return found, {item["group"]: item for item in found.detail["groups"]}


def test_the_published_example_flags_the_one_group_below_and_not_the_one_on_the_line() -> None:
    # Uniform Guidelines, questions and answers (1979), no. 11: rates 60, 45, 48 and 51 %; 48/60 is .80 and not flagged
    found, groups = screened(people(White=(60, 100), Indian=(45, 100), Hispanic=(48, 100), Black=(51, 100)))
    assert found.value == 1
    assert {name: item["ratio"] for name, item in groups.items()} == {
        "White": 1.0,
        "Indian": 0.75,
        "Hispanic": 0.8,
        "Black": 0.85,
    }
    assert [name for name, item in groups.items() if item["flagged"]] == ["Indian"]


@pytest.mark.parametrize("scale", [1, 3, 7, 1_000, 12_345])
def test_a_group_exactly_on_the_line_is_never_flagged_however_the_fractions_round(scale: int) -> None:
    groups = [Counts(48 * scale, 100 * scale), Counts(60 * scale, 100 * scale)]
    assert not below(groups, 0, LINE)
    assert below([Counts(48 * scale - 1, 100 * scale), groups[1]], 0, LINE)


def test_a_ratio_less_than_a_billionth_of_a_thousandth_below_the_line_is_below_it() -> None:
    groups = [Counts(984_265, 1_999_901), Counts(1_230_394, 2_000_003)]  # 4 s_h n_g - 5 s_g n_h = 1
    ratio = impact_ratio(*groups)
    assert ratio is not None
    assert 0 < LINE - ratio < Fraction(1, 10**12)
    assert below(groups, 0, LINE)


counts = st.integers(1, 40).flatmap(lambda n: st.builds(Counts, st.integers(0, n), st.just(n)))


@examples(200)
@given(st.lists(counts, min_size=2, max_size=5), st.data())
def test_the_number_of_people_from_the_line_is_the_least_that_changes_the_answer(
    groups: list[Counts], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(groups) - 1))
    found = flip(groups, at, LINE)
    own = groups[at]

    def with_selected(selected: int) -> bool:
        return below([*groups[:at], Counts(selected, own.n), *groups[at + 1 :]], at, LINE)

    answers = {by: with_selected(own.selected + by) for by in range(-own.selected, own.n - own.selected + 1)}
    assert found.flagged == answers[0]
    changing = [by for by, answer in answers.items() if answer != found.flagged]
    assert found.people == (min(changing, key=abs) if changing else None)
    assert (found.one_more, found.one_fewer) == (answers.get(1), answers.get(-1))


def test_one_person_turns_the_answer_for_a_small_group_and_the_table_says_so() -> None:
    found, groups = screened(people(a=(60, 100), b=(9, 20), c=(50, 100)))
    assert (groups["b"]["flagged"], groups["b"]["people_from_line"]) == (True, 1)
    assert groups["b"]["turns_with_one_person"]
    assert (groups["b"]["one_more_here"], groups["b"]["one_fewer_here"]) == (False, True)
    assert groups["c"]["people_from_line"] == -3
    assert not groups["c"]["turns_with_one_person"]
    assert any("1 of 3 groups turns with one person" in note for note in found.notes)
    flips = found.plots[1]
    assert [row[:4] for row in flips.rows if row[0] == "g=b"] == [("g=b", "yes", "no", "yes")]


def test_one_person_in_the_highest_group_can_turn_the_answer_too() -> None:
    groups = [Counts(16, 40), Counts(10, 20)]
    assert not flip(groups, 0, LINE).flagged
    assert flip(groups, 0, LINE).one_more_in_highest
    assert flip(groups, 0, LINE).changes
    assert highest([Counts(1, 2), Counts(2, 4)]) == 1


def test_beside_the_ratio_stands_whether_chance_explains_it() -> None:
    _, few = screened(people(a=(18, 30), b=(10, 25), c=(20, 40)))
    assert few["b"]["flagged"]
    assert few["b"]["p_fisher"] == pytest.approx(stats.fisher_exact([[10, 15], [18, 12]]).pvalue)
    assert few["b"]["p_holm"] > 0.05
    _, many = screened(people(a=(1800, 3000), b=(1000, 2500), c=(1500, 3000)))
    assert many["b"]["p_holm"] < 1e-6
    assert many["a"]["p_holm"] is None
    assert many["b"]["low"] < many["b"]["ratio"] < many["b"]["high"]
    assert (many["b"]["high"] - many["b"]["low"]) < (few["b"]["high"] - few["b"]["low"])


def test_the_rule_is_dated_and_says_how_it_was_read() -> None:
    found, _ = screened(people(a=(60, 100), b=(50, 100)), edition="ugesp-1978")
    rule = found.detail["rule"]
    assert (rule["line"], rule["mark"], rule["read_on"]) == ("4/5", "second-hand", "2026-11-21")
    assert "rescission" in rule["status"]
    assert "29 CFR 1607.4(D)" in found.notes[0]
    assert "screen" in found.notes[1]


def test_nobody_selected_one_group_and_few_people_have_defined_answers() -> None:
    nobody, _ = screened(people(a=(0, 50), b=(0, 50)))
    assert (nobody.value, nobody.reason) == (None, "g: nobody is selected, the ratio is 0/0.")
    everybody, groups = screened(people(a=(50, 50), b=(50, 50)))
    assert everybody.value == 0
    assert groups["a"]["one_more_here"] is None
    alone, _ = screened(people(a=(5, 50), b=(0, 2)))
    assert alone.value is None
    assert "fewer than two groups" in alone.reason
    with_few, _ = screened(people(a=(30, 50), b=(20, 50), x=(0, 2)))
    without, _ = screened(people(a=(30, 50), b=(20, 50)))
    assert (with_few.value, with_few.detail) == (without.value, without.detail)


def test_counts_that_cannot_be_are_refused() -> None:
    for selected, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="at least one person"):
            Counts(selected, n)
    assert impact_ratio(Counts(1, 2), Counts(0, 2)) is None
