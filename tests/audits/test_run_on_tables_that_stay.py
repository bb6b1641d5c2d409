"""Does a run measure a table where it lies, and does it say so when it cannot?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audits.runs.tables import table_as_it_is
from audits.tables.open import open_dataset
from audits.tables.scores import score_cells
from audits.tables.sources import sources_from
from registry.errors import DomainError
from registry.snapshots import snapshot_digest
from tests.audits.evaluation_samples import ROLES, sample


@pytest.fixture
def plan(settings: Any, tmp_path: Path) -> dict[str, Any]:
    """Return the part of a plan that opens tables: predictions in a folder of the installation."""
    settings.TABLE_SOURCES = sources_from(json.dumps({"share": {"kind": "folder", "path": str(tmp_path)}}))
    sample(300).to_parquet(tmp_path / "loans.parquet")
    described: dict[str, Any] = {
        "dataset": "loans/1", "sha256": None, "source": "share", "locator": "loans.parquet", "format": "parquet",
        "roles": ROLES.as_json(), "task": "binary", "dialect": {},
    }  # fmt: skip
    table = open_dataset(described, sources=settings.TABLE_SOURCES)
    described["digest"] = snapshot_digest(described, table_digest=table.digest)
    table.close()
    return {"task": "binary", "scoring": {"threshold": 0.5}, "artifact": None, "datasets": {"evaluation": described}}


def test_a_run_measures_it_where_it_is_and_reads_no_more_than_it_asks(plan: dict[str, Any]) -> None:
    table = table_as_it_is(plan, "evaluation", check_values=True)
    assert (table.rows, table.scan is not None) == (300, True)
    assert score_cells(table).n == 300
    table.close()


def test_a_run_does_not_measure_another_table_in_its_place(plan: dict[str, Any], tmp_path: Path) -> None:
    sample(300, seed=2).to_parquet(tmp_path / "loans.parquet")
    with pytest.raises(DomainError) as caught:
        table_as_it_is(plan, "evaluation", check_values=True)
    assert (caught.value.code, caught.value.context) == ("table-altered", {"dataset": "loans/1"})


def test_a_source_that_is_gone_is_named_and_nothing_else(plan: dict[str, Any], settings: Any) -> None:
    settings.TABLE_SOURCES = {}
    with pytest.raises(DomainError) as caught:
        table_as_it_is(plan, "evaluation", check_values=True)
    assert caught.value.code == "unknown-table-source"
