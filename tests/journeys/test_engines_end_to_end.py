"""Is a model registered over the API, with tables in PostgreSQL or Spark, measured there by a real worker?"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.models import ValidationRun
from audits.tables.sources import sources_from
from registry.digests import sha256_hex
from tests import builders
from tests.api.calls import Caller, ci, refused
from tests.audits.distant_tables import SPARK, copied_to_postgres
from tests.cast import Cast, make_cast
from tests.journeys.kinds import (
    FEATURES,
    a_model_file,
    a_policy_text,
    applications,
    requirements_on,
)
from tests.journeys.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker, pytest.mark.thorough]

ROWS = {"training": 700, "evaluation": 1_300}
SAMPLED = 200  # explained in one step
CHECKS = ("performance.roc_auc", "data.missing_values", "drift.label_shift", "explainability.shap_importance")
SCORED, LEFT, EXPLAINED = CHECKS[0], CHECKS[1:3], CHECKS[3]
ROLES = {"target": "repaid", "features": list(FEATURES), "sensitive": ["sex"], "key": "id"}


def frames() -> dict[str, pd.DataFrame]:
    return {split: applications(rows, seed).assign(id=np.arange(rows)).drop(columns="day")
            for seed, (split, rows) in enumerate(ROWS.items())}  # fmt: skip


def in_postgres(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the tables to the database; return the source and what a registration says of a table's place."""
    dsn = request.getfixturevalue("postgres_dsn")
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP SCHEMA IF EXISTS risk CASCADE")
        connection.execute("CREATE SCHEMA risk")
        for split, frame in frames().items():
            copied_to_postgres(connection, f"risk.{split}", pa.Table.from_pandas(frame, preserve_index=False))
    return {"kind": "postgres", "dsn": dsn, "schemas": ["risk"]}, {"locator": "risk.{}"}


def in_spark(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the tables as folders of Parquet files that Spark reads."""
    folder: Path = request.getfixturevalue("tmp_path")
    for split, frame in frames().items():
        (folder / split).mkdir()
        whole = pa.Table.from_pandas(frame, preserve_index=False)
        for part in range(3):
            pq.write_table(whole.slice(part * 500, 500), folder / split / f"part-{part}.parquet")
    return SPARK | {"path": f"file://{folder}"}, {"locator": "{}", "format": "parquet"}


PLACES = [pytest.param(in_postgres, marks=pytest.mark.postgres), pytest.param(in_spark, marks=pytest.mark.spark)]


def given(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    answer = caller.post(path, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def register(cast: Cast, place: dict[str, str]) -> ValidationRun:
    """Register model, tables and version over the API; return the run that the registration asked for."""
    caller, data = ci(cast), a_model_file("lightgbm", "binary")
    model = builders.a_model(cast)
    builders.a_tier(cast, model)
    builders.an_environment(cast)
    builders.a_policy(cast, text=a_policy_text(requirements_on(*CHECKS), environment="production"))
    given(caller, "/api/v1/datasets/", {"slug": "loans", "name": "Loans"})
    for split, rows in ROWS.items():
        stated = {key: value.format(split) for key, value in place.items()} | {"source": "engine"}
        body = {"version": split, "roles": ROLES, "split_role": split, "task": "binary", **stated}
        shown = given(caller, "/api/v1/datasets/loans/versions/", body)
        assert (shown["row_count"], shown["artifact_sha256"], shown["source"]) == (rows, None, "engine")
        assert caller.post("/api/v1/datasets/loans/versions/", body).status_code == 200
    wrong = {"version": "x", "split_role": "test", **{key: value.format("nothing") for key, value in place.items()}}
    refused(caller.post("/api/v1/datasets/loans/versions/", body | wrong), 404, "unknown-table")
    digest = sha256_hex(data)
    assert caller.put(f"/api/v1/artifacts/{digest}", data).status_code in (200, 201)
    given(
        caller,
        f"/api/v1/models/{model.slug}/versions/",
        {
            "version": "1.0",
            "artifacts": [{"sha256": digest, "role": "model", "format": "lightgbm"}],
            "datasets": [{"dataset": "loans", "version": split, "role": split} for split in ROWS],
            "scoring": {"threshold": 0.5, "positive_label": 1},
            "change_summary": "First.",
            "library_versions": {"lightgbm": version("lightgbm")},
        },
    )
    return ValidationRun.objects.get()


@pytest.mark.parametrize("place", PLACES)
def test_a_table_of_an_engine_is_registered_measured_and_evidenced(
    place: Callable[[pytest.FixtureRequest], Any],
    request: pytest.FixtureRequest,
    settings: Any,
    start_worker: Callable[..., Any],
) -> None:
    source, where = place(request)
    told = json.dumps({"engine": source})
    settings.TABLE_SOURCES, settings.RUN_SAMPLE_ROWS = sources_from(told), SAMPLED
    start_worker(environment={"CADASTRE_TABLE_SOURCES": told})
    cast = make_cast()
    asked = register(cast, where)
    ended = ValidationRun.objects.filter(pk=asked.pk, concluded_at__isnull=False)
    run = until(ended.first, what="the conclusion", seconds=240.0)
    shown = ci(cast).get(f"/api/v1/validations/{run.pk}/").json()
    assert (shown["state"], shown["failure"]) == ("concluded", None)
    engine = source["kind"]
    table = shown["manifest"]["evaluation"]
    assert (table["engine"], table["rows"], table["digest_kind"]) == (engine, ROWS["evaluation"], "summary")
    assert (table["sample"]["rows"], table["sample"]["of"]) == (SAMPLED, ROWS["evaluation"])
    results = {result["check"]: result for result in shown["results"]}
    assert {one["status"] for one in results.values()} <= {"met", "not_met"}, results
    assert all(one["evidence_fault"] == "" for one in results.values())
    assert results[SCORED]["measurement"]["n"] == SAMPLED
    for slug in LEFT:
        assert f"all {ROWS['evaluation']} rows, in the engine" in results[slug]["reason"]
    assert f"a sample of {SAMPLED} of {ROWS['evaluation']} rows" in results[EXPLAINED]["reason"]
    assert shown["manifest"]["explained"]["background_of"] == ROWS["training"]
