"""Do checks of several classes and of amounts, and those that group many values, agree on DuckDB and PostgreSQL?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pandas as pd
import psycopg
import pytest

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables import order_statistics, pairs, segments
from audits.tables.open import open_frame, open_postgres
from tests.audits.evaluation_samples import AMOUNT_ROLES, MANY_ROLES, ROLES, amounts, many_classes, sample
from tests.audits.test_tables_engines_agree import differences

pytestmark = pytest.mark.postgres

FAMILIES = ("performance", "calibration", "comparison")
TEXT = ("sex", "region")
TASKS = {"binary": (sample, ROLES), "multiclass": (many_classes, MANY_ROLES), "regression": (amounts, AMOUNT_ROLES)}


@pytest.fixture(scope="module", params=TASKS)
def subjects(postgres_dsn: str, request: pytest.FixtureRequest) -> Iterator[tuple[CheckSubject, CheckSubject]]:
    """Open 400 rows to measure and 300 of training, weighted, in both engines."""
    draw, roles = TASKS[request.param]
    roles, found = dataclasses.replace(roles, weight="w"), ([], [])
    for name, n, seed in (("now", 400, 1), ("before", 300, 9)):
        frame = draw(n, seed=seed).assign(w=lambda rows: 0.5 + rows.index % 4)
        where = f"{request.param}_{name}"
        with psycopg.connect(postgres_dsn) as connection:
            columns = [f'"{column}" {_kind(frame, column)}' for column in frame.columns]
            connection.execute(f"CREATE TABLE {where} ({', '.join(columns)})".encode())
            with connection.cursor().copy(f"COPY {where} FROM STDIN".encode()) as copy:
                for row in frame[::-1].itertuples(index=False):
                    copy.write_row([None if pd.isna(value) else value for value in row])
        how = {"roles": roles, "task": request.param} | ({"threshold": 0.5} if request.param == "binary" else {})
        found[0].append(open_frame(frame, **how))
        found[1].append(open_postgres(postgres_dsn, table=where, **how))
    yield tuple(CheckSubject(now, reference=before, seed=5) for now, before in found)
    for each in (*found[0], *found[1]):
        each.close()


def _kind(frame: pd.DataFrame, column: str) -> str:
    if column == "day":
        return "timestamp"
    return "double precision" if pd.api.types.is_numeric_dtype(frame[column]) else "text"


@pytest.mark.parametrize("crowded", [False, True], ids=["exact", "grouped"])
def test_every_check_of_quality_agrees(
    subjects: tuple[CheckSubject, CheckSubject], crowded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if crowded:
        monkeypatch.setattr(pairs, "MAX_LOSS_CELLS", 10)
        monkeypatch.setattr(order_statistics, "MAX_DISTINCT", 10)
        monkeypatch.setattr(segments, "MAX_VALUES", 10)
        monkeypatch.setattr(pairs.pair_cells, "__kwdefaults__", {"max_pairs": 10})
    apart = {}
    for entry in CHECKS:
        if entry.item.family in FAMILIES and subjects[0].task in entry.item.tasks:
            left, right = (entry.item.run(subject) for subject in subjects)
            assert left.value is not None or left.reason
            apart[entry.slug] = differences(left.as_json(), right.as_json())
    assert {slug: found for slug, found in apart.items() if found} == {}
