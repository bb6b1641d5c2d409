"""Does a table of thousands of columns get an answer from every check of its data and its drift, on every engine?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from audits.tables.twins import overlap
from registry.errors import DomainError
from tests.audits.distant_tables import copied_to_postgres, rows_of_table, to_postgres

CHECKS.load()
ASKED = [entry.slug for entry in CHECKS if entry.slug.split(".")[0] in ("data", "drift")]


def wide(rows: int, columns: int, seed: int) -> EvaluationTable:
    """Return a table with numbers that lack values, whole numbers and texts."""
    rng = np.random.default_rng(seed)
    kinds = {
        f"f{at}": rng.choice(["a", "b"], rows) if at % 10 == 9 else rng.integers(0, 4, rows).astype(float)
        for at in range(columns)
    }
    frame = pd.DataFrame(kinds)
    frame["f0"] = np.where(np.arange(rows) % 7 == 0, np.nan, rng.normal(size=rows))
    frame["y"], frame["s"] = np.arange(rows) % 2, rng.random(rows)
    features = tuple(name for name in frame.columns if name not in "ys")
    return open_frame(frame.astype({"f0": "float32"}), roles=ColumnRoles("y", "s", features=features), threshold=0.5)


@pytest.fixture(scope="module")
def subject():
    found = CheckSubject(wide(30, 220, 1), wide(40, 220, 2))
    yield found
    found.evaluation.close()
    found.reference.close()


@pytest.mark.parametrize("slug", ASKED)
def test_hundreds_of_columns_are_measured(slug: str, subject: CheckSubject) -> None:
    found = CHECKS.get(slug).run(subject)
    assert found.value is not None, found.reason
    assert found.n > 0


def test_a_row_of_hundreds_of_columns_is_found_again_on_every_engine(postgres_dsn: str) -> None:
    now = wide(30, 220, 1)
    rows = now.table.to_pyarrow()
    changed = rows.to_pandas()
    changed.loc[changed.index < 9, "f210"] = 77.0  # in the third hundred of columns
    before = open_frame(changed, roles=now.roles, threshold=0.5)
    distant = to_postgres(postgres_dsn)(before, "wide_before")
    columns = now.roles.features
    for reference in (before, distant):
        found = overlap(reference, now, columns)
        assert (found.rows, found.shared, found.reference_rows, found.twins) == (30, 21, 30, 0)
        assert found == overlap(before, now, columns)
    for table in (now, before, distant):
        table.close()


@pytest.mark.thorough
def test_the_widest_table_of_a_database_is_opened_and_one_it_cannot_hold_is_told(postgres_dsn: str) -> None:
    narrow = pd.DataFrame({f"f{at}": np.float32(0.0) for at in range(1_590)}, index=range(4))
    roles = ColumnRoles("y", "s", features=tuple(narrow.columns))
    narrow["y"], narrow["s"] = np.arange(4, dtype="int16") % 2, np.float32(0.5)
    table = open_frame(narrow, roles=roles, threshold=0.5)
    distant = to_postgres(postgres_dsn)(table, "widest")
    for slug, value in (("data.missing_values", 0.0), ("data.duplicates", 0.5), ("data.train_test_overlap", 1.0)):
        assert CHECKS.get(slug).run(CheckSubject(distant, table)).value == value
    rows = rows_of_table(table)
    for at in range(9):
        rows = rows.append_column(f"more{at}", rows["y"])
    with psycopg.connect(postgres_dsn) as connection, pytest.raises(psycopg.errors.TooManyColumns):
        copied_to_postgres(connection, "lake.too_wide", rows)
    distant.close()
    table.close()


def test_a_table_of_more_columns_than_are_read_is_refused() -> None:
    with pytest.raises(DomainError, match="5001 columns") as refused:
        wide(2, 4_999, 1)
    assert refused.value.code == "too-many-columns"
