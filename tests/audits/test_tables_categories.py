"""Are rows whose value the reference lacks told from those whose value is merely rare?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from audits.statistics.drift import psi
from audits.statistics.histograms import Cut, cut
from audits.tables import categories
from audits.tables.categories import Unseen, unseen
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from audits.tables.sides import both_sides
from registry.errors import DomainError


def tables_of(before: Any, now: Any) -> list[EvaluationTable]:
    return [open_frame(pd.DataFrame({"x": values}), roles=ColumnRoles(), required=()) for values in (before, now)]


def bins_of(before: Any, now: Any, bins: int = 10) -> Cut:
    (side,) = both_sides(*tables_of(before, now), {"x": "x"})
    return cut(side.reference, side.current, bins=bins)


def lines(found: Cut) -> dict[str, tuple[float, float]]:
    return dict(zip(found.labels, zip(found.reference, found.current, strict=True), strict=True))


def test_numbers_are_cut_at_the_references_quantiles_and_the_outer_bins_are_unbounded() -> None:
    found = bins_of(list(range(1, 101)), list(range(1, 51)), bins=4)
    assert found.labels == ("(-inf, 25]", "(25, 50]", "(50, 75]", "(75, inf]")
    assert (list(found.reference), list(found.current)) == ([25, 25, 25, 25], [25, 25, 0, 0])
    assert list(bins_of(list(range(1, 101)), [-1e9, 1e9, float("inf"), float("-inf")], bins=2).current) == [2, 2]


def test_few_values_texts_and_booleans_are_counted_one_by_one() -> None:
    assert lines(bins_of([0, 1, 1, 2.5], [1, 7], bins=5)) == {
        "0": (1, 0), "1": (2, 1), "2.5": (1, 0), "(not in reference)": (0, 1)
    }  # fmt: skip
    found = bins_of(["a", "b", "a", None], ["b", "new", None, None])
    assert lines(found) == {"a": (2, 0), "b": (1, 1), "(not in reference)": (0, 1), "(missing)": (1, 2)}
    assert bins_of([True, False, True], [True, True, True]).labels == ("true", "false")


def test_missing_numbers_are_a_bin_and_a_column_without_any_number_is_only_that() -> None:
    found = lines(bins_of([*range(50), np.nan, np.nan], [*range(50), np.nan], bins=5))
    assert found["(missing)"] == (2, 1)
    assert lines(bins_of([np.nan] * 3, [np.nan] * 2)) == {"(missing)": (3, 2)}


@pytest.mark.parametrize("kinds", [60, 2_500])
def test_rare_categories_are_joined_and_a_table_beside_itself_has_not_moved(kinds: int) -> None:
    """More categories than are kept by name once made a table drift from itself: its rare ones were taken for new."""
    rows = [f"c{at % kinds}" for at in range(3 * kinds)]
    found = bins_of(rows, rows[::-1])
    assert list(found.reference) == list(found.current)
    assert psi(found.reference, found.current).value == 0.0
    assert found.reference[-1] == 3 * (kinds - 50)


def test_beyond_the_kept_categories_new_ones_are_in_one_bin_with_the_rare() -> None:
    rows = [f"c{at}" for at in range(2_500)] + ["c1"] * 100
    found = bins_of(rows, [*rows, *(f"new{at}" for at in range(500))])
    assert found.labels[-1] == "(other, or not in reference)"
    assert found.current[-1] - found.reference[-1] == 500
    crowded = bins_of(["a", "b"] * 50, [*(f"new{at}" for at in range(3_000)), "a", "b"])
    assert lines(crowded) == {"a": (50, 1), "b": (50, 1), "(not in reference)": (0, 3_000)}, "none is crowded out"


def test_new_values_are_counted_also_where_the_reference_has_thousands() -> None:
    rows = [f"c{at}" for at in range(5_000)]
    assert unseen(*tables_of(rows, [*rows[::2], "new", None]), "x") == Unseen(2_501, 5_000, 1)
    assert unseen(*tables_of(["a", None], [None, None]), "x") == Unseen(0, 1, 0)
    assert unseen(*tables_of([True, True], [True, False]), "x") == Unseen(2, 1, 1)


def test_new_numbers_are_counted_with_infinities_and_without_missing_ones() -> None:
    before = [0.0, 1.0, float("inf"), np.nan]
    now = [0.0, float("inf"), float("-inf"), 0.5, np.nan, *np.random.default_rng(1).random(500)]
    assert unseen(*tables_of(before, now), "x") == Unseen(504, 3, 502)
    assert unseen(*tables_of([np.nan, np.nan], [1.0, np.nan]), "x") == Unseen(1, 0, 1)


def test_a_text_of_more_values_than_are_counted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categories, "MAX_VALUES", 10)
    with pytest.raises(DomainError) as caught:
        unseen(*tables_of([f"c{at}" for at in range(11)], ["a"]), "x")
    assert caught.value.code == "too-many-categories"
