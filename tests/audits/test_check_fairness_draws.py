"""Are groups of one attribute, summed from those of the intersection, the same groups with the same law of draws?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.checks.contract import CheckSubject
from audits.checks.fairness.attributes import comparisons_of, group_cells
from audits.checks.fairness.draws import drawn_once, grouped
from audits.tables.contract import ColumnRoles
from audits.tables.decisions import decision_cells
from audits.tables.open import open_file


def _subject(path: Path, left: list[str], right: list[str]) -> CheckSubject:
    random = np.random.default_rng(3)
    rows = len(left)
    outcome = random.integers(0, 2, rows, dtype=np.int8)
    decision = np.where(random.random(rows) < 0.7, outcome, 1 - outcome).astype(np.int8)
    pq.write_table(pa.table({"a": left, "b": right, "y": outcome, "d": decision}), path)
    roles = ColumnRoles(target="y", prediction="d", sensitive=("a", "b"))
    return CheckSubject(evaluation=open_file(path, format="parquet", roles=roles, required=("target",)))


def test_the_groups_of_an_attribute_are_sums_of_the_intersection(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    subject = _subject(
        tmp_path / "t.parquet", random.choice(["x", "y"], 900).tolist(), random.choice(list("pqr"), 900).tolist()
    )
    names = ("a", "b")
    cells, compared = decision_cells(subject.evaluation, names), comparisons_of(names, True)
    whole, _ = drawn_once(subject, cells, names, compared, 2)
    finest = grouped(subject, cells, names, names)
    for at in (0, 1):
        groups, alone = grouped(subject, cells, names, compared[at]), group_cells(cells, names, compared[at])
        assert groups.names == alone.names
        assert np.array_equal(groups.n, alone.n)
        drawn, places = drawn_once(subject, cells, names, compared, at)
        assert places == list(range(len(groups)))
        for place, name in enumerate(groups.names):
            parts = [spot for spot, full in enumerate(finest.names) if f"{compared[at][0]}={name}" in full.split(", ")]
            assert np.array_equal(drawn[:, place], whole[:, parts].sum(axis=1))
        assert drawn.sum(axis=(1, 2)) == pytest.approx(900.0)
        assert drawn.mean(axis=0) == pytest.approx(groups.n, rel=0.05)


def test_groups_whose_names_look_like_others_are_counted_apart(tmp_path: Path) -> None:
    # both pairs of values give the name "a=x, b=y, b=z"
    subject = _subject(tmp_path / "t.parquet", ["x, b=y", "x"] * 60, ["z", "y, b=z"] * 60)
    names = ("a", "b")
    cells = decision_cells(subject.evaluation, names)
    for chosen in (("a",), ("b",)):
        groups, alone = grouped(subject, cells, names, chosen), group_cells(cells, names, chosen)
        assert groups.names == alone.names
        assert np.array_equal(groups.n, alone.n)
        assert groups.sizes == (60, 60)


def test_a_pair_of_people_leaves_no_trace_in_the_draws_of_the_intersection(tmp_path: Path) -> None:
    left, right = ["x"] * 300 + ["y"] * 300, (["p", "q"] * 150) + (["p"] * 298 + ["q"] * 2)
    subject = _subject(tmp_path / "t.parquet", left, right)
    names = ("a", "b")
    cells, compared = decision_cells(subject.evaluation, names), comparisons_of(names, True)
    drawn, places = drawn_once(subject, cells, names, compared, 2)
    assert places == [0, 1, 2]
    assert drawn.sum(axis=(1, 2)) == pytest.approx(598.0)
    alone, _ = drawn_once(subject, cells, names, compared, 0)
    assert alone.sum(axis=(1, 2)) == pytest.approx(600.0)
