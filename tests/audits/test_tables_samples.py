"""Is the sample that leaves an engine the same on every engine, whatever the order of its rows, and a fair draw?"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.samples import BY_KEY, BY_ROW, Sample, draw
from registry.errors import DomainError
from tests.audits.distant_tables import to_postgres, to_spark
from tests.audits.evaluation_samples import ROLES, sample, table_of

KEYED = dataclasses.replace(ROLES, key="id")


def loans(rows: int = 400) -> pd.DataFrame:
    """Return rows with gaps, equal rows among them, and a key."""
    frame = sample(rows, seed=3)
    frame = pd.concat([frame, frame.head(rows // 4)], ignore_index=True)
    frame.loc[5, "income"] = None
    return frame.assign(id=np.arange(len(frame)) + 10**15)


def drawn(table: EvaluationTable, **asked: Any) -> Sample:
    try:
        return draw(table, **{"rows": 60, "seed": 11} | asked)
    finally:
        table.close()


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres),
                        pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.thorough])])  # fmt: skip
def move(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return what moves a table to an engine, with its rows the other way round."""
    if request.param == "postgres":
        return to_postgres(request.getfixturevalue("postgres_dsn"))
    request.getfixturevalue("spark_session")
    return to_spark(tmp_path)


@pytest.mark.parametrize(("roles", "rule"), [(ROLES, BY_ROW), (KEYED, BY_KEY)])
def test_every_engine_draws_the_same_rows_whatever_their_order(move: Any, roles: Any, rule: str) -> None:
    here = drawn(table_of(loans(), roles=roles))
    local = table_of(loans(), roles=roles)
    there = drawn(move(local, f"drawn_{rule.count(' ')}"))
    local.close()
    assert (here.rows, here.of, here.rule) == (60, 500, rule)
    assert there.describe() == here.describe()
    assert there.frame.to_pylist() == here.frame.to_pylist()


def test_only_columns_with_a_role_leave_and_the_key_does_not() -> None:
    frame = loans().assign(name="secret", extra=1.5)
    found = drawn(table_of(frame, roles=KEYED), more=("extra", "not there"))
    assert set(found.frame.column_names) == {*ROLES.columns(), "extra"}


def test_another_seed_draws_others_and_the_same_seed_the_same() -> None:
    one, again, other = (drawn(table_of(loans(), roles=KEYED), seed=seed) for seed in (1, 1, 2))
    assert (one.sha256 == again.sha256, one.sha256 == other.sha256) == (True, False)


def test_all_rows_are_drawn_of_a_small_table() -> None:
    for roles in (ROLES, KEYED):
        found = drawn(table_of(loans(), roles=roles), rows=10_000)
        assert (found.rows, found.of) == (500, 500)
        assert sorted(found.frame.column("income").to_pylist(), key=str) == sorted(
            pa.Table.from_pandas(loans()).column("income").to_pylist(), key=str
        )


def test_equal_rows_are_drawn_one_by_one() -> None:
    """Of 20,000 rows of four kinds a sample holds each kind in its share: equal rows do not come all or not at all."""
    kinds = np.repeat([0, 1, 2, 3], [8_000, 6_000, 4_000, 2_000])
    frame = pd.DataFrame({"y": kinds % 2, "s": kinds / 4, "income": 1.0})
    roles = ColumnRoles(target="y", score="s", features=("income",))
    found = drawn(table_of(frame, roles=roles), rows=2_000)
    counts = pd.Series(found.frame.column("s").to_pylist()).value_counts().sort_index()
    assert stats.chisquare(counts, [800, 600, 400, 200]).pvalue > 0.001


@pytest.mark.thorough
def test_each_row_is_as_likely_as_any_other() -> None:
    frame = loans(40)
    frame = frame.assign(id=np.arange(len(frame)))
    times = np.zeros(len(frame))
    for seed in range(300):
        found = drawn(table_of(frame, roles=KEYED), seed=seed, rows=10, more=("id",))
        times[np.array(found.frame.column("id").to_pylist())] += 1
    assert stats.chisquare(times).pvalue > 0.001


@pytest.mark.parametrize("key", [7, None])
def test_a_key_that_is_none_is_refused(key: Any) -> None:
    with pytest.raises(DomainError) as caught:
        drawn(table_of(loans().assign(id=pd.array([key] * 500, dtype="Int64")), roles=KEYED))
    assert caught.value.code == "key-not-unique"
