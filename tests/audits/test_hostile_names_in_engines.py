"""Do names and values that look like orders to an engine stay names and values, on every engine alike?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSubject, Insufficient
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_postgres
from audits.tables.samples import draw
from registry.errors import DomainError
from tests.audits.distant_tables import Move, to_postgres, to_spark
from tests.audits.evaluation_samples import sample, table_of

NAMES = (
    'a"b', "a'b", "back\\slash", "${spark.master}", "{x}", "line\nbreak", "tab\tstop", "tick`s", "one;two", "dot.ted",
    'x"; DROP TABLE victim; --', "'; DROP TABLE victim; --", "`; DROP TABLE victim; --", "per%cent %s %(s)s", "col:on :x",
    "quest?ion", "größe", "年齢", "😀", "مرحبا", "\u202eright", "select", "*", "--", "/* c */", "a" * 63, "é" * 31,
    "{{ x }}", "<script>alert(1)</script>", "cadastre_mark", "c0", "count", " blank ",
)  # fmt: skip
VALUES = (
    "x'; DROP TABLE victim; --", 'y"; DELETE FROM victim', "back\\", "\\'", "${spark.master}", "<b>bold</b>", "new\nline",
    "per%cent %s", "NULL", "(missing)", "null", "'", "''", '"', "`", ";", "年齢", "😀", "\u202eabc", "a\\nb", "{x}",
)  # fmt: skip
ASKED = (
    "performance.roc_auc", "performance.weak_segments", "fairness.selection_rate_ratio", "fairness.proxy_screen",
    "data.missing_values", "data.duplicates", "data.train_test_overlap", "data.unseen_categories", "data.schema_change",
    "drift.psi_features", "drift.ks_features", "drift.label_shift", "data.leakage_suspicion",
)  # fmt: skip


@pytest.fixture(scope="module", params=[pytest.param("postgres", marks=pytest.mark.postgres),
                                        pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.thorough])])  # fmt: skip
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Move, Any]]:
    """Return what moves a table to an engine, and what counts the rows of the table that nobody may touch there."""
    if request.param == "postgres":
        dsn = request.getfixturevalue("postgres_dsn")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE victim AS SELECT 1 AS x")
            yield to_postgres(dsn), lambda: connection.execute("SELECT count(*) FROM victim").fetchone()[0]
        return
    session = request.getfixturevalue("spark_session")
    session.sql("SELECT 1 AS x").createOrReplaceTempView("victim")
    yield to_spark(tmp_path_factory.mktemp("lake")), lambda: session.table("victim").count()


def hostile(rows: int, seed: int, features: tuple[str, ...]) -> pd.DataFrame:
    """Return rows whose features have hostile names, and whose groups and texts are hostile values."""
    rng = np.random.default_rng(seed)
    frame = sample(rows, seed=seed)[["y", "s", "income"]]
    for at, name in enumerate(features):
        frame[name] = rng.choice(VALUES, rows) if at % 4 == 0 else np.round(rng.normal(size=rows) + frame.y, 2)
    return frame


def answer(slug: str, subject: CheckSubject) -> Any:
    try:
        return CHECKS.get(slug).run(subject).as_json()
    except Insufficient as lack:
        return ["insufficient", lack.reason]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)


GROUPED = [NAMES[at : at + 11] for at in range(0, len(NAMES), 11)]


def readable(engine: tuple[Move, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that the engine reads: Spark refuses those that Hadoop would replace by a setting."""
    return tuple(name for name in names if "${" not in name) if "to_spark" in engine[0].__qualname__ else names


@pytest.mark.parametrize("at", range(len(GROUPED)))
def test_the_same_numbers_come_out_and_nothing_is_executed(engine: tuple[Move, Any], at: int) -> None:
    move, victims = engine
    names = readable(engine, GROUPED[at])
    roles = ColumnRoles(target="y", score="s", sensitive=(names[0], names[4]), features=("income", *names))
    here = [table_of(hostile(n, seed, names), roles=roles) for n, seed in ((300, 1), (250, 2))]
    there = [move(table, f"hostile_{at}_{part}") for part, table in enumerate(here)]
    local, distant = (CheckSubject(now, reference=before) for now, before in (here, there))
    for slug in ASKED:
        assert same(answer(slug, local), answer(slug, distant)), slug
    drawn = [draw(table, rows=40, seed=5) for table in (here[0], there[0])]
    assert drawn[0].frame.to_pylist() == drawn[1].frame.to_pylist()
    assert victims() == 1
    for table in (*here, *there):
        table.close()


@pytest.mark.parametrize("role", ["target", "score", "time", "weight", "key"])
def test_a_hostile_name_may_play_any_role(engine: tuple[Move, Any], role: str) -> None:
    move, victims = engine
    (name,) = readable(engine, ("x\"; `DROP` TABLE victim; -- '%s ${a}",)) or ("x\"; `DROP` TABLE victim; -- '%s {a}",)
    frame = hostile(200, 3, ()).assign(id=range(200), day=pd.Timestamp("2026-01-01"), w=1.0)
    plain = {"target": "y", "score": "s", "time": "day", "weight": "w", "key": "id"}
    roles = ColumnRoles(**(plain | {role: name}), features=("income",))
    here = table_of(frame.rename(columns={plain[role]: name}), roles=roles)
    there = move(here, f"role_{role}")
    for slug in ("performance.roc_auc", "data.missing_values"):
        assert same(answer(slug, CheckSubject(here)), answer(slug, CheckSubject(there)))
    assert draw(here, rows=30, seed=1).sha256 == draw(there, rows=30, seed=1).sha256
    assert victims() == 1
    here.close()
    there.close()


@pytest.mark.spark
@pytest.mark.thorough
def test_spark_refuses_a_name_that_would_be_replaced_by_a_setting(spark_session: Any, tmp_path: Path) -> None:
    """Read all the same, the column is missing in every row, without a word."""
    name = "${spark.master}"
    here = table_of(hostile(60, 1, (name,)), roles=ColumnRoles(target="y", score="s", features=("income", name)))
    with pytest.raises(DomainError, match="column-name-replaced") as caught:
        to_spark(tmp_path)(here, "replaced")
    assert "local[" not in str(caught.value)
    here.close()


@pytest.mark.postgres
@pytest.mark.parametrize("name", ["a" * 64, "é" * 32, "a" * 128])
def test_a_name_longer_than_the_database_keeps_is_no_column_of_it(postgres_dsn: str, name: str) -> None:
    """PostgreSQL cuts a name at 63 bytes without a word; the role must name the column as it is called there."""
    roles = ColumnRoles(target="y", score="s", features=("income",))
    local = table_of(sample(60), roles=dataclasses.replace(roles))
    to_postgres(postgres_dsn)(local, f"long_{len(name)}_{ord(name[0])}").close()
    local.close()
    found: EvaluationTable | None = None
    with pytest.raises(DomainError) as caught:
        found = open_postgres(
            postgres_dsn,
            table=f"lake.long_{len(name)}_{ord(name[0])}",
            roles=dataclasses.replace(roles, features=(name,)),
        )
    assert (caught.value.code, found) == ("unknown-column", None)
