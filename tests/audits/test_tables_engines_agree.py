"""Does the same check give the same numbers on DuckDB, on PostgreSQL and on Spark?"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSpec, CheckSubject, Insufficient
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_postgres
from registry.errors import DomainError
from tests.audits.distant_tables import Move, close, moved, to_postgres, to_spark
from tests.audits.evaluation_samples import ROLES, complete_subject, mortgages, sample, table_of

pytestmark = pytest.mark.thorough

WEIGHTED = dataclasses.replace(ROLES, weight="w")
ON_POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
ON_SPARK = pytest.param("spark", marks=pytest.mark.spark)
SPECS = [pytest.param(entry.item, id=entry.slug) for entry in CHECKS if entry.module.startswith("audits.")]


@functools.cache
def weighted_subject() -> CheckSubject:
    """Return a subject with unequal weights, outcomes that are true or false, and single precision with gaps."""
    frames = []
    for n, seed in ((500, 2), (400, 1)):
        frame = sample(n, seed=seed).assign(w=lambda rows: 0.5 + rows.index % 4)
        frame = frame.assign(y=frame.y == 1, income=frame.income.astype("float32"))
        frame.loc[3, "income"] = None
        frames.append(frame)
    before, now = frames
    return dataclasses.replace(
        complete_subject(),
        evaluation=table_of(now, roles=WEIGHTED),
        reference=table_of(before, roles=WEIGHTED),
        perturbed={},
    )


class Places:
    """The subjects, moved to an engine when they are first asked for there."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self.request, self.folder = request, folder
        self.known: dict[tuple[str, str], CheckSubject] = {}

    def subject(self, engine: str, kind: str) -> CheckSubject:
        """Return a subject ("binary", "multiclass", "regression" or "weighted") on an engine."""
        key = engine, kind
        if key not in self.known:
            local = weighted_subject() if kind == "weighted" else complete_subject(kind)
            self.known[key] = moved(local, self._move(engine), kind)
        return self.known[key]

    def _move(self, engine: str) -> Move:
        if engine == "postgres":
            return to_postgres(self.request.getfixturevalue("postgres_dsn"))
        self.request.getfixturevalue("spark_session")
        return to_spark(self.folder)


@pytest.fixture(scope="module")
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Return the engines beside DuckDB, each started when a test first asks for it."""
    found = Places(request, tmp_path_factory.mktemp("lake"))
    yield found
    for subject in found.known.values():
        close(subject)
    close(weighted_subject())
    weighted_subject.cache_clear()


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


def answer(spec: CheckSpec, subject: CheckSubject) -> Any:
    """Return what a check answers of a subject: its measurement, or why it has none."""
    params = {"intersections": True} if "intersections" in spec.parameters["properties"] else {}
    try:
        return spec.run(subject, **params).as_json()
    except Insufficient as reason:
        return ["insufficient", reason.reason]
    except DomainError as error:
        return ["error", error.code, error.message]


@pytest.mark.parametrize("engine", [ON_POSTGRES, ON_SPARK])
@pytest.mark.parametrize("spec", SPECS)
def test_every_check_agrees_on_every_engine(spec: CheckSpec, engine: str, places: Places) -> None:
    local = answer(spec, complete_subject(spec.tasks[0]))
    assert isinstance(local, dict), local
    assert differences(local, answer(spec, places.subject(engine, spec.tasks[0]))) == []


@pytest.mark.parametrize("engine", [ON_POSTGRES, ON_SPARK])
@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_checks_of_several_kinds_of_model_agree_on_each(kind: str, engine: str, places: Places) -> None:
    """One check of each family and kind of model: every further one asks the same aggregates."""
    families: dict[str, CheckSpec] = {}
    for entry in CHECKS:
        if kind in entry.item.tasks and kind != entry.item.tasks[0] and entry.module.startswith("audits."):
            families.setdefault(entry.item.family, entry.item)
    for spec in families.values():
        found = differences(answer(spec, complete_subject(kind)), answer(spec, places.subject(engine, kind)))
        assert (spec.slug, found) == (spec.slug, [])


@pytest.mark.parametrize("engine", [ON_POSTGRES, ON_SPARK])
@pytest.mark.parametrize(
    "slug",
    [
        "performance.roc_auc",
        "performance.accuracy",
        "fairness.selection_rate_ratio",
        "calibration.brier_score",
        "drift.psi_features",
        "data.missing_values",
    ],
)
def test_weights_add_up_alike_on_every_engine(slug: str, engine: str, places: Places) -> None:
    spec = CHECKS.get(slug)
    assert differences(answer(spec, weighted_subject()), answer(spec, places.subject(engine, "weighted"))) == []


@pytest.fixture(scope="module")
def filled(postgres_dsn: str) -> str:
    """Write a table to the database."""
    table = table_of(sample(500, seed=1))
    to_postgres(postgres_dsn)(table, "evaluation").close()
    table.close()
    return postgres_dsn


@pytest.mark.postgres
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


@pytest.mark.postgres
def test_the_connection_cannot_write(filled: str) -> None:
    table = open_postgres(filled, table="lake.evaluation", roles=ROLES, threshold=0.5)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        table.table.get_backend().con.execute("DELETE FROM lake.evaluation")
    table.close()


@pytest.mark.postgres
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


@pytest.mark.postgres
@pytest.mark.parametrize("name", ["nothing", "lake.nothing", "nowhere.evaluation", 'a"; DROP TABLE b; --', "a.b.c", ""])
def test_a_table_that_is_not_there_is_refused(filled: str, name: str) -> None:
    with pytest.raises(DomainError) as caught:
        open_postgres(filled, table=name, roles=ROLES)
    assert caught.value.code == "unknown-table"


@pytest.mark.postgres
def test_a_database_that_does_not_answer_is_named_unavailable() -> None:
    with pytest.raises(DomainError) as caught:
        open_postgres("postgresql://nobody@127.0.0.1:1/none", table="t", roles=ROLES)
    assert (caught.value.code, caught.value.kind) == ("table-source-unavailable", "unavailable")
    assert "nobody" not in caught.value.message
