"""Are two tables counted over bins that the reference alone decides?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audits.statistics.drift import psi
from audits.tables import columns
from audits.tables.columns import PairedHistogram, paired_histogram
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from registry.errors import DomainError


def pair(before: list[object], now: list[object], bins: int = 10) -> PairedHistogram:
    tables = [open_frame(pd.DataFrame({"x": values}), roles=ColumnRoles(), required=()) for values in (before, now)]
    return paired_histogram(*tables, columns=("x", "x"), bins=bins)


def test_numbers_are_cut_at_the_references_quantiles() -> None:
    found = pair(list(range(1, 101)), list(range(1, 51)), bins=4)
    assert found.labels == ("(-inf, 25]", "(25, 50]", "(50, 75]", "(75, inf]")
    assert (found.reference, found.current) == ((25, 25, 25, 25), (25, 25, 0, 0))
    assert found.rule == "reference-quantiles"


def test_values_beyond_the_reference_fall_into_the_outer_bins() -> None:
    found = pair(list(range(1, 101)), [-1e9, 1e9, float("inf"), float("-inf")], bins=2)
    assert found.current == (2, 2)


def test_few_values_texts_and_booleans_are_counted_one_by_one() -> None:
    assert pair([0, 1, 1, 2.5], [1, 7], bins=5).labels == ("1", "0", "2.5", "(not in reference)")
    found = pair(["a", "b", "a", None], ["b", "new", None, None])
    assert found.labels == ("a", "b", "(not in reference)", "(missing)")
    assert (found.reference, found.current) == ((2, 1, 0, 1), (0, 1, 1, 2))
    assert pair([True, False, True], [True, True, True]).labels == ("true", "false")


def test_rare_categories_are_joined() -> None:
    many = [f"c{at}" for at in range(60) for _ in range(2)]
    found = pair(many, many)
    assert found.labels[-1] == "(other)"
    assert found.reference[-1] == 20
    assert psi(np.array(found.reference, float), np.array(found.current, float)).value == 0.0


def test_missing_numbers_are_a_bin_and_a_column_without_any_number_is_only_that() -> None:
    found = pair([*range(50), np.nan, np.nan], [*range(50), np.nan], bins=5)
    assert (found.labels[-1], found.reference[-1], found.current[-1]) == ("(missing)", 2, 1)
    nothing = pair([np.nan] * 3, [np.nan] * 2)
    assert (nothing.labels, nothing.reference, nothing.current) == (("(missing)",), (3,), (2,))


def test_many_distinct_values_are_counted_in_fine_bins_near_the_exact_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    before, now = list(rng.normal(0, 1, 3000)), list(rng.normal(0.2, 1, 3000))
    exact = pair(before, now)
    monkeypatch.setattr(columns, "MAX_DISTINCT_VALUES", 100)
    fine = pair(before, now)
    assert fine.rule == "reference-quantiles-of-4096-bins"
    values = [psi(np.array(found.reference, float), np.array(found.current, float)).value for found in (exact, fine)]
    assert values[0] == pytest.approx(values[1], abs=1e-3)
    assert pair([0, 1, 1, 0], now).labels == ("0", "1", "(not in reference)")


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [
        ([1.0, 2.0], ["a", "b"], "column-type-differs"),
        ([[1], [2]], [[1], [2]], "column-type-unsupported"),
    ],
)
def test_columns_that_cannot_be_compared_are_refused(before: list[object], now: list[object], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        pair(before, now)
    assert caught.value.code == code
