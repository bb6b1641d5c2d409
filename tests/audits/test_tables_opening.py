"""Is a table opened as what it is, and can the engine reach nothing else on the machine?"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from audits.tables import cells as cells_module
from audits.tables.aggregates import group_label, outcome_cells, score_cells
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_file, open_frame, with_scores
from registry.errors import DomainError
from tests.audits.evaluation_samples import ROLES, sample, table_of


def test_parquet_csv_and_memory_give_the_same_cells(tmp_path: Path) -> None:
    frame = sample(200)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    tables = [
        open_file(tmp_path / "a.parquet", format="parquet", roles=ROLES, threshold=0.5),
        open_file(tmp_path / "a.csv", format="csv", roles=ROLES, threshold=0.5),
        table_of(frame),
        with_scores(frame.drop(columns="s"), frame["s"].to_numpy(), roles=ROLES, threshold=0.5),
    ]
    cells = [outcome_cells(table, ("sex", "region")) for table in tables]
    assert cells[0] == cells[1] == cells[2] == cells[3]
    assert sum(cell.n for cell in cells[0]) == 200
    assert tables[0].digest == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()
    assert tables[2].describe()["rows"] == 200
    assert tables[2].digest == table_of(frame.copy()).digest != table_of(frame[::-1]).digest
    for table in tables:
        table.close()


def test_the_engine_reads_one_file_and_nothing_else(tmp_path: Path) -> None:
    sample(20).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("a\n1\n")
    table = open_file(tmp_path / "a.parquet", format="parquet", roles=ROLES, threshold=0.5)
    engine = table.table.get_backend().con
    for statement in (
        f"FROM read_csv('{tmp_path / 'b.csv'}')",
        "SELECT * FROM read_parquet('https://example.org/a.parquet')",
        f"COPY (SELECT 1) TO '{tmp_path / 'c.csv'}'",
        f"ATTACH '{tmp_path / 'd.db'}'",
        "INSTALL httpfs",
        "SET enable_external_access=true",
    ):
        with pytest.raises(duckdb.Error):
            engine.execute(statement)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.csv"]


def test_a_path_that_the_store_would_not_write_is_never_handed_to_the_engine(tmp_path: Path) -> None:
    odd = tmp_path / "a'; SELECT 1; --.csv"
    odd.write_text("y,s\n0,0.1\n1,0.2\n")
    with pytest.raises(ValueError, match="artifact store"):
        open_file(odd, format="csv", roles=ColumnRoles(target="y", score="s"))


def test_a_score_equal_to_the_threshold_is_selected_and_a_neighbouring_double_is_not() -> None:
    threshold = 0.1 + 0.2  # 0.30000000000000004, which as a decimal literal would not survive
    scores = [threshold, np.nextafter(threshold, 0.0), 0.9, 0.1]
    table = table_of(
        pd.DataFrame({"y": [0, 1, 0, 1], "s": scores, "g": "a"}),
        roles=ColumnRoles(target="y", score="s", sensitive=("g",)),
        threshold=threshold,
    )
    assert sum(cell.n for cell in outcome_cells(table, ("g",)) if cell.selected) == 2


def test_without_a_threshold_the_decision_column_says_who_is_selected() -> None:
    frame = sample(50).assign(d=lambda rows: (rows.s > 0.7).astype(int))
    roles = ColumnRoles(target="y", score="s", prediction="d", sensitive=("sex",))
    cells = outcome_cells(open_frame(frame, roles=roles), ("sex",))
    assert sum(cell.n for cell in cells if cell.selected) == int(frame.d.sum())
    blind = open_frame(frame, roles=dataclasses.replace(roles, prediction=None))
    with pytest.raises(DomainError, match="missing-column-role"):
        outcome_cells(blind, ("sex",))


def test_boolean_labels_and_decimal_or_float_groups_read_like_numbers() -> None:
    frame = pd.DataFrame({"y": [True, False, True], "s": [0.1, 0.2, 0.3], "g": [1.0, 0.0, np.nan]})
    cells = outcome_cells(table_of(frame, roles=ColumnRoles(target="y", score="s", sensitive=("g",))), ("g",))
    assert [(cell.groups, cell.label) for cell in cells] == [(("(missing)",), 1), (("0",), 0), (("1",), 1)]
    assert [group_label(value) for value in (True, 2, 2.5, None, "", float("nan"))] == [
        "true",
        "2",
        "2.5",
        "(missing)",
        "(empty)",
        "(missing)",
    ]


def test_an_identifier_is_not_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = sample(300).assign(name=[f"person {at}" for at in range(300)])
    table = table_of(frame, roles=dataclasses.replace(ROLES, sensitive=("name",)))
    assert len(outcome_cells(table, ("name",))) == 300
    monkeypatch.setattr(cells_module, "MAX_GROUP_CELLS", 250)
    with pytest.raises(DomainError, match="too-many-groups"):
        outcome_cells(table, ("name",))


def test_fine_score_bins_change_the_cells_but_hardly_the_answer() -> None:
    from audits.statistics.auc import auc_delong

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"s": rng.random(3000)})
    frame["y"] = (rng.random(3000) < frame.s).astype(int)
    table = table_of(frame, roles=ColumnRoles(target="y", score="s"))
    exact, binned = score_cells(table), score_cells(table, max_distinct=100)
    assert (exact.binned, binned.binned) == (False, True)
    values = [auc_delong(cells.positive, cells.negative) for cells in (exact, binned)]
    assert abs(values[0].value - values[1].value) <= values[1].tie_error < 1e-4
    assert binned.n == exact.n == 3000


def test_roles_survive_json() -> None:
    roles = ColumnRoles(target="y", score="s", sensitive=("a", "b"), features=("c",), weight="w", time="t")
    assert ColumnRoles.from_json(roles.as_json()) == roles
    assert roles.columns() == ("y", "s", "w", "t", "a", "b", "c")
