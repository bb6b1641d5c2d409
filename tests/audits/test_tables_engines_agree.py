"""Does the same check give the same numbers on DuckDB and on PostgreSQL?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_postgres
from registry.errors import DomainError
from tests.audits.evaluation_samples import DECLARED, FITNESS, ROLES, mortgages, sample, table_of
from tests.audits.perturbed_samples import GIVEN, perturbed_frames

pytestmark = pytest.mark.postgres

WEIGHTED = dataclasses.replace(ROLES, weight="w")
SQL_TYPES = {
    "y": "boolean",
    "s": "double precision",
    "b": "double precision",
    "day": "timestamp",
    "income": "real",
    "w": "double precision",
    "cadastre_given": "double precision",
    "cadastre_origin": "bigint",
    "cadastre_step": "bigint",
}
CHANGED = ("missing-0.1", "noise-0.1", "boundary", "permutation", "monotone")


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    frames = {"evaluation": sample(500, seed=1), "training": sample(700, seed=2, shift=2.0)}
    for frame in frames.values():
        frame["w"] = 0.5 + frame.index % 4
        frame["income"] = frame["income"].astype("float32")
        frame.loc[3, "income"] = None
    return frames | perturbed_frames(frames["evaluation"], roles=ROLES, keys=CHANGED, declared=DECLARED)


@pytest.fixture(scope="module")
def filled(postgres_dsn: str, frames: dict[str, pd.DataFrame]) -> str:
    """Write the frames to the database, row order reversed."""
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE SCHEMA lake")
        for name, frame in frames.items():
            columns = ", ".join(f'"{column}" {SQL_TYPES.get(column, "text")}' for column in frame.columns)
            connection.execute(f"CREATE TABLE lake.{plain(name)} ({columns})".encode())
            with connection.cursor().copy(f"COPY lake.{plain(name)} FROM STDIN".encode()) as copy:
                for row in frame[::-1].itertuples(index=False):
                    values = [None if pd.isna(value) else value for value in row]
                    copy.write_row([bool(values[0]), *values[1:]])
    return postgres_dsn


@pytest.fixture
def subjects(frames: dict[str, pd.DataFrame], filled: str, request: Any) -> Iterator[tuple[CheckSubject, CheckSubject]]:
    roles = {name: dataclasses.replace(request.param, baseline=GIVEN if name in CHANGED else "b") for name in frames}
    local = {name: table_of(frame, roles=roles[name]) for name, frame in frames.items()}
    distant = {
        name: open_postgres(filled, table=f"lake.{plain(name)}", roles=roles[name], threshold=0.5) for name in frames
    }
    yield subject_of(local), subject_of(distant)
    for table in [*local.values(), *distant.values()]:
        table.close()


def subject_of(tables: dict[str, EvaluationTable]) -> CheckSubject:
    changed = {name: tables[name] for name in CHANGED}
    facts = {"seed": 11, "fitness": FITNESS, "declared": DECLARED}
    return CheckSubject(tables["evaluation"], tables["training"], None, changed, **facts)


def plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def differences(left: Any, right: Any, at: str = "") -> list[str]:
    """Name every place where two JSON values differ by more than 1e-9."""
    if isinstance(left, dict) and isinstance(right, dict) and set(left) == set(right):
        return [found for key in left for found in differences(left[key], right[key], f"{at}.{key}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [
            found
            for place, pair in enumerate(zip(left, right, strict=True))
            for found in differences(*pair, f"{at}[{place}]")
        ]
    if isinstance(left, float) and isinstance(right, float):
        return [] if math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9) else [f"{at}: {left} and {right}"]
    return [] if left == right else [f"{at}: {left} and {right}"]


@pytest.mark.parametrize("subjects", [ROLES, WEIGHTED], indirect=True, ids=["counts", "weights"])
@pytest.mark.parametrize(
    "slug",
    [
        entry.slug
        for entry in CHECKS
        if not {"explanation", "previous-explanation", "fitness"} & set(entry.item.needs)
        and "binary" in entry.item.tasks
        and entry.module.startswith("audits.")
    ],
)
def test_every_check_agrees_on_both_engines(slug: str, subjects: tuple[CheckSubject, CheckSubject]) -> None:
    params = {"intersections": True} if "intersections" in CHECKS.get(slug).parameters["properties"] else {}
    local, distant = (CHECKS.get(slug).run(subject, **params) for subject in subjects)
    assert local.value is not None
    assert differences(local.as_json(), distant.as_json()) == []


def test_all_questions_are_answered_from_the_snapshot_that_was_opened(filled: str) -> None:
    table = open_postgres(filled, table="lake.evaluation", roles=ROLES, threshold=0.5)
    before = CHECKS.get("performance.roc_auc").run(CheckSubject(table))
    with psycopg.connect(filled) as other:
        other.execute("UPDATE lake.evaluation SET s = 1 - s")
        other.commit()
        after = CHECKS.get("performance.roc_auc").run(CheckSubject(table))
        other.execute("UPDATE lake.evaluation SET s = 1 - s")
    assert after == before
    again = open_postgres(filled, table="lake.evaluation", roles=ROLES, threshold=0.5)
    assert (table.digest_kind, len(table.digest)) == ("summary", 64)
    table.close()
    again.close()


def test_the_connection_cannot_write(filled: str) -> None:
    table = open_postgres(filled, table="lake.evaluation", roles=ROLES, threshold=0.5)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        table.table.get_backend().con.execute("DELETE FROM lake.evaluation")
    table.close()


def test_the_mortgages_give_the_published_approval_rates_on_both_engines(postgres_dsn: str) -> None:
    frame = mortgages()
    roles = ColumnRoles(target="approve", prediction="decision", sensitive=("white",))
    frame = frame.assign(decision=frame.approve)[["approve", "decision", "white"]]
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE TABLE mortgages (approve float8, decision float8, white float8)")
        with connection.cursor().copy("COPY mortgages FROM STDIN") as copy:
            for row in frame.itertuples(index=False):
                copy.write_row(row)
    distant = open_postgres(postgres_dsn, table="mortgages", roles=roles, required=("target",))
    local = table_of(frame, roles=roles, required=("target",))
    for table in (local, distant):
        found = CHECKS.get("fairness.selection_rate_ratio").run(CheckSubject(table))
        # Wooldridge, Introductory Econometrics, loanapp: 90.84 % of white, 70.78 % of other applicants were approved
        rates = {row.group: row.values["selection_rate"] for row in found.groups}
        assert {group: round(100 * rate, 2) for group, rate in rates.items() if rate} == {"0": 70.78, "1": 90.84}
        table.close()


@pytest.mark.parametrize("name", ["nothing", "lake.nothing", "nowhere.evaluation", 'a"; DROP TABLE b; --', "a.b.c", ""])
def test_a_table_that_is_not_there_is_refused(filled: str, name: str) -> None:
    with pytest.raises(DomainError) as caught:
        open_postgres(filled, table=name, roles=ROLES)
    assert caught.value.code == "unknown-table"


def test_a_database_that_does_not_answer_is_named_unavailable() -> None:
    with pytest.raises(DomainError) as caught:
        open_postgres("postgresql://nobody@127.0.0.1:1/none", table="t", roles=ROLES)
    assert (caught.value.code, caught.value.kind) == ("table-source-unavailable", "unavailable")
    assert "nobody" not in caught.value.message


def test_rows_seen_in_training_are_found_across_engines(filled: str, frames: dict[str, pd.DataFrame]) -> None:
    frame = frames["evaluation"]
    seen = pd.concat([frame.head(40), frames["training"]], ignore_index=True)
    local = table_of(seen, roles=ROLES)
    distant = open_postgres(filled, table="lake.evaluation", roles=ROLES, threshold=0.5)
    here = table_of(frame, roles=ROLES)
    overlap = CHECKS.get("data.train_test_overlap")
    found = [overlap.run(CheckSubject(table, reference=local)) for table in (distant, here)]
    assert found[0] == found[1]
    assert found[0].value is not None
    assert found[0].value >= 40 / 500
    for table in (local, distant, here):
        table.close()
