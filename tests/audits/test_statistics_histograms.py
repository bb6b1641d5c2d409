"""Do stored histograms give the distances of the rows themselves, within the error they state?"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy import stats

from audits.statistics.histograms import (
    CategoryHistogram,
    NumberHistogram,
    cut,
    index_error,
    kolmogorov_smirnov,
    packed,
    wasserstein,
)
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.histograms import Histograms, current_histograms, reference_histograms
from audits.tables.open import open_frame
from registry.errors import DomainError

NO_ROLES = ColumnRoles()


def table_of(**columns: Any) -> EvaluationTable:
    return open_frame(pa.table(columns), roles=NO_ROLES, required=(), check_values=False)


def psi_parts(r: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    return (c - r) * np.log(c / r)


RNG = np.random.default_rng(3)
N = 40_000
PAIRS = {
    "shifted normal": (RNG.normal(0, 1, N), RNG.normal(0.1, 1.1, N)),
    "heavy tails": (RNG.standard_t(1.5, N) * 100, RNG.standard_t(1.5, N) * 110),
    "lognormal": (RNG.lognormal(0, 2, N), RNG.lognormal(0.1, 2, N)),
    "whole numbers": (RNG.poisson(4, N).astype(float), RNG.poisson(4.3, N).astype(float)),
    "tenths, and new values": (np.round(RNG.normal(0, 5, N), 1), RNG.normal(0.2, 5, N)),
    "beyond the reference": (RNG.random(N), RNG.random(N) * 3 - 1),
    "one value": (np.full(N, 7.25), np.where(RNG.random(N) < 0.5, 7.25, 9.5)),
    "the same": (RNG.normal(50, 3, N), RNG.normal(50, 3, N)),
    "far from zero": (RNG.normal(1e9, 1, N), RNG.normal(1e9 + 0.2, 1, N)),
}


@pytest.fixture(scope="module", params=list(PAIRS), ids=list(PAIRS))
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any, NumberHistogram, NumberHistogram]:
    before, now = PAIRS[request.param]
    tables = table_of(x=before), table_of(x=now)
    stored = reference_histograms(tables[0], ["x"])
    current = current_histograms(tables[1], Histograms.from_json(json.loads(json.dumps(stored.as_json()))))
    for table in tables:
        table.close()
    left, right = stored.columns["x"], current.columns["x"]
    assert isinstance(left, NumberHistogram)
    assert isinstance(right, NumberHistogram)
    return before, now, left, right


def test_the_largest_gap_of_distributions_is_scipys_within_its_error(pair: Any) -> None:
    before, now, left, right = pair
    found = kolmogorov_smirnov(left, right)
    exact = stats.ks_2samp(before, now).statistic
    assert found.value - 1e-12 <= exact <= found.value + found.error + 1e-12
    assert found.error <= 1e-3


def test_the_distance_is_scipys_within_its_error(pair: Any) -> None:
    before, now, left, right = pair
    found = wasserstein(left, right)
    assert found is not None
    exact = stats.wasserstein_distance(before, now)
    assert abs(found.value - exact) <= found.error + 1e-9 * abs(exact)
    assert found.error <= max(2e-3 * np.std(before), 1e-9)


def test_mean_and_deviation_are_numpys(pair: Any) -> None:
    before, now, left, right = pair
    for rows, histogram in ((before, left), (now, right)):
        assert histogram.n == N
        assert histogram.mean == pytest.approx(np.mean(rows), rel=1e-9, abs=1e-9)
        assert histogram.deviation == pytest.approx(np.std(rows), rel=1e-6, abs=1e-9)


def test_the_index_is_that_of_exactly_cut_bins_within_its_error(pair: Any) -> None:
    before, now, left, right = pair
    found = cut(left, right, bins=10)
    if found.rule == "categories":
        assert not found.moved.any()
        return
    ordered = np.sort(before)
    edges = np.unique(ordered[[-(-j * N // 10) - 1 for j in range(1, 10)]])
    edges = edges[edges < ordered[-1]]
    exact = [np.bincount(np.searchsorted(edges, side), minlength=len(edges) + 1) for side in (before, now)]
    value = psi_parts(*(np.maximum(side, 0.5) / N for side in exact)).sum()
    mine = psi_parts(*(np.maximum(side, 0.5) / N for side in (found.reference, found.current))).sum()
    error = index_error(found, psi_parts)
    assert abs(mine - value) <= error + 1e-12
    assert error <= 3e-3 * max(1.0, value)


def test_few_values_are_counted_exactly() -> None:
    before, now, *_ = PAIRS["whole numbers"]
    tables = table_of(x=before), table_of(x=now)
    stored = reference_histograms(tables[0], ["x"])
    current = current_histograms(tables[1], stored)
    left, right = stored.columns["x"], current.columns["x"]
    assert isinstance(left, NumberHistogram)
    assert isinstance(right, NumberHistogram)
    assert left.points is not None
    assert kolmogorov_smirnov(left, right).error == 0.0
    found = cut(left, right, bins=10)
    ordered = np.sort(before)
    edges = np.unique(ordered[[-(-j * N // 10) - 1 for j in range(1, 10)]])
    for rows, counted in ((before, found.reference), (now, found.current)):
        assert list(counted) == list(np.bincount(np.searchsorted(edges, rows), minlength=len(counted)))
    for table in tables:
        table.close()


def test_missing_values_nan_infinities_and_constants_have_an_answer() -> None:
    values = pa.array([1.0, None, float("nan"), float("inf"), -float("inf"), 2.0], from_pandas=False)
    tables = table_of(x=values), table_of(x=pa.array([None] * 3, pa.float64()))
    stored = reference_histograms(tables[0], ["x"])
    current = current_histograms(tables[1], stored)
    left, right = stored.columns["x"], current.columns["x"]
    assert isinstance(left, NumberHistogram)
    assert isinstance(right, NumberHistogram)
    assert (left.missing, left.n, right.missing, right.n) == (2, 4, 3, 0)
    assert wasserstein(left, right) is None
    assert Histograms.from_json(json.loads(json.dumps(stored.as_json()))).digest == stored.digest
    for table in tables:
        table.close()


def test_categories_are_counted_and_the_unseen_are_told_apart() -> None:
    tables = (
        table_of(g=pa.array(["a"] * 60 + ["b"] * 30 + [None] * 10)),
        table_of(g=pa.array(["a"] * 50 + ["c"] * 40 + [None] * 10)),
    )
    stored = reference_histograms(tables[0], ["g"])
    found = cut(stored.columns["g"], current_histograms(tables[1], stored).columns["g"], bins=10)
    assert dict(zip(found.labels, zip(found.reference, found.current, strict=True), strict=True)) == {
        "a": (60, 50), "b": (30, 0), "(not in reference)": (0, 40), "(missing)": (10, 10),
    }  # fmt: skip
    for table in tables:
        table.close()


def test_histograms_of_parts_add_up_to_that_of_the_whole() -> None:
    before, now, *_ = PAIRS["heavy tails"]
    reference = table_of(x=before, g=pa.array(["a", "b"] * (N // 2)))
    stored = reference_histograms(reference, ["x", "g"])
    whole = table_of(x=now, g=pa.array(["a", "c"] * (N // 2)))
    parts = [table_of(x=now[at::2], g=pa.array(["ac"[at]] * (N // 2))) for at in (0, 1)]
    joined = current_histograms(parts[0], stored) + current_histograms(parts[1], stored)
    found = current_histograms(whole, stored)
    left, right = joined.columns["x"], found.columns["x"]
    assert isinstance(left, NumberHistogram)
    assert isinstance(right, NumberHistogram)
    assert np.array_equal(left.counts, right.counts)
    assert np.allclose(left.sums, right.sums, rtol=1e-9)
    assert joined.columns["g"] == found.columns["g"]
    with pytest.raises(ValueError, match="same slots"):
        joined.columns["x"].joined(reference_histograms(whole, ["x"]).columns["x"])
    for table in (reference, whole, *parts):
        table.close()


def test_a_column_of_another_kind_and_what_is_no_histogram_are_refused() -> None:
    reference, other = table_of(x=[1.0, 2.0]), table_of(x=["a", "b"])
    stored = reference_histograms(reference, ["x"])
    for wrong, code in ((other, "column-type-differs"), (table_of(z=[1]), "unknown-column")):
        with pytest.raises(DomainError) as caught:
            current_histograms(wrong, stored)
        assert caught.value.code == code
        wrong.close()
    reference.close()
    whole = stored.as_json()
    for change in (
        {"format": "cadastre/histograms/1"},
        {"columns": [{"kind": "number"}]},
        {"columns": [whole["columns"][0] | {"counts": "AAAA"}]},
        {"columns": [whole["columns"][0] | {"counts": "u1:AAAA"}]},
        {"columns": [whole["columns"][0] | {"counts": "u1z:AAAA"}]},
        {"columns": [whole["columns"][0] | {"counts": whole["columns"][0]["sums"]}]},
        {"columns": [whole["columns"][0] | {"counts": packed(np.zeros(2**20, dtype=np.int64))}]},
    ):
        with pytest.raises(DomainError) as caught:
            Histograms.from_json(whole | change)
        assert caught.value.code == "unreadable-histograms"


def test_categories_and_numbers_do_not_mix() -> None:
    category = CategoryHistogram("g", {"a": 1}, 0, 0)
    number = reference_histograms(table := table_of(x=[1.0, 2.0]), ["x"]).columns["x"]
    table.close()
    with pytest.raises(ValueError, match="categories"):
        cut(category, number, bins=10)
    with pytest.raises(ValueError, match="numbers"):
        category.joined(number)
