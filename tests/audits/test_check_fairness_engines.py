"""Do fairness checks of multiclass and regression models give the same numbers on DuckDB and on PostgreSQL?"""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame, open_postgres
from tests.audits.evaluation_samples import AMOUNT_ROLES, MANY_ROLES, amounts, many_classes
from tests.audits.test_tables_engines_agree import differences

pytestmark = pytest.mark.postgres

TABLES: dict[str, tuple[pd.DataFrame, ColumnRoles, dict[str, Any]]] = {
    "multiclass": (many_classes(500), MANY_ROLES, {"task": "multiclass", "favourable": "high"}),
    "regression": (amounts(500), AMOUNT_ROLES, {"task": "regression"}),
}


@pytest.fixture(scope="module")
def filled(postgres_dsn: str) -> str:
    """Write both tables to the database, row order reversed."""
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE SCHEMA groups")
        for name, (frame, _roles, _kind) in TABLES.items():
            kinds = {
                column: "double precision"
                if frame[column].dtype.kind == "f"
                else "timestamp"
                if column == "day"
                else "text"
                for column in frame.columns
            }
            columns = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
            connection.execute(f"CREATE TABLE groups.{name} ({columns})".encode())
            with connection.cursor().copy(f"COPY groups.{name} FROM STDIN".encode()) as copy:
                for row in frame[::-1].itertuples(index=False):
                    copy.write_row([None if pd.isna(value) else value for value in row])
    return postgres_dsn


@pytest.mark.parametrize(
    ("task", "slug"),
    [
        (task, entry.slug)
        for task in TABLES
        for entry in CHECKS
        if entry.item.family == "fairness" and task in entry.item.tasks and entry.module.startswith("audits.")
    ],
)
def test_both_engines_give_the_same_numbers(task: str, slug: str, filled: str) -> None:
    frame, roles, kind = TABLES[task]
    roles = dataclasses.replace(roles, sensitive=("sex", "region"))
    local = open_frame(frame, roles=roles, **kind)
    distant = open_postgres(filled, table=f"groups.{task}", roles=roles, **kind)
    params = {"intersections": True} if "intersections" in CHECKS.get(slug).parameters["properties"] else {}
    here, there = (CHECKS.get(slug).run(CheckSubject(table, seed=5), **params) for table in (local, distant))
    assert here.value is not None
    assert differences(here.as_json(), there.as_json()) == []
    for table in (local, distant):
        table.close()
