"""Is a table that cannot be measured refused with a stable code, and is no cell of it quoted?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.tables.contract import ColumnRoles
from audits.tables.open import open_file, open_frame, with_scores
from registry.errors import DomainError
from tests.audits.evaluation_samples import ROLES, sample, table_of


def refusal(action: Any, *args: Any, **kwargs: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        action(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("y", 2, "label-outside-0-1"),
        ("y", -1, "label-outside-0-1"),
        ("y", None, "label-missing"),
        ("s", 1.0000001, "score-outside-0-1"),
        ("s", -0.1, "score-outside-0-1"),
        ("s", math.inf, "score-outside-0-1"),
        ("s", None, "score-not-a-number"),
    ],
)
def test_one_bad_value_is_refused_and_counted_but_not_quoted(column: str, values: Any, code: str) -> None:
    frame = sample(50).astype({"y": "Int64"})
    frame.loc[7, column] = values
    error = refusal(table_of, frame)
    assert error.code == code
    assert error.context == {"column": column, "rows": 1}


def test_a_nan_score_is_refused_also_where_the_file_keeps_it_apart_from_null() -> None:
    arrow = pa.table({"y": [0, 1], "s": pa.array([0.5, math.nan], from_pandas=False)})
    assert refusal(open_frame, arrow, roles=ColumnRoles(target="y", score="s")).code == "score-not-a-number"


@pytest.mark.parametrize("only", [0, 1])
def test_outcomes_of_one_kind_are_refused(only: int) -> None:
    error = refusal(table_of, sample(50).assign(y=only))
    assert (error.code, error.context["only"]) == ("one-class-target", only)


@pytest.mark.parametrize(("column", "code"), [("y", "label-not-a-number"), ("s", "score-not-a-number")])
def test_text_in_the_place_of_numbers_is_refused(column: str, code: str) -> None:
    assert refusal(table_of, sample(20).assign(**{column: "yes"})).code == code


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, None])
def test_weights_are_positive_numbers(weight: float | None) -> None:
    frame = sample(20).assign(w=1.0)
    frame.loc[3, "w"] = weight
    assert refusal(table_of, frame, roles=ColumnRoles(target="y", score="s", weight="w")).code == "weight-not-positive"


def test_an_all_missing_label_column_is_refused() -> None:
    assert refusal(table_of, sample(20).assign(y=np.nan)).code == "label-missing"


def test_decisions_are_zero_or_one() -> None:
    roles = ColumnRoles(target="y", prediction="d")
    error = refusal(open_frame, sample(20).assign(d=2), roles=roles, required=("target",))
    assert error.code == "prediction-outside-0-1"


def test_roles_that_nobody_plays_or_that_name_no_column_are_refused() -> None:
    assert refusal(table_of, sample(9), roles=ColumnRoles(target="y")).context == {"roles": ["score"]}
    assert refusal(table_of, sample(9), roles=ColumnRoles(target="y", score="q")).code == "unknown-column"
    assert refusal(ColumnRoles.from_json, {"target": "y", "label": "y"}).code == "unknown-column-role"
    assert refusal(ColumnRoles, target="y", score="y").code == "column-in-two-roles"
    assert refusal(ColumnRoles, target="y", features=("a", "y")).code == "column-in-two-roles"
    assert refusal(ColumnRoles, sensitive=("a", "a")).code == "duplicate-column"
    assert refusal(ColumnRoles, sensitive="sex").code == "bad-column-role"
    assert refusal(ColumnRoles, target=3).code == "bad-column-role"


@pytest.mark.parametrize("threshold", [math.nan, -0.1, 1.1, "0.5 ", True, math.inf])
def test_a_threshold_is_a_number_between_0_and_1(threshold: Any) -> None:
    assert refusal(table_of, sample(9), threshold=threshold).code == "threshold-outside-0-1"


def test_scores_must_be_one_per_row() -> None:
    frame = sample(9).drop(columns="s")
    assert refusal(with_scores, frame, [0.5] * 8, roles=ROLES).code == "score-length-mismatch"
    assert refusal(with_scores, frame, [0.5] * 8 + [1.5], roles=ROLES).code == "score-outside-0-1"


CSV_FAULTS = [
    (b"", "empty-table"),
    (b"y,s\n", "empty-table"),
    (b"\n0,0.5\n", "empty-table"),
    (b"y,s,s\n0,0.5,0.5\n1,0.6,0.6\n", "duplicate-column"),
    (b"y,s,S\n0,0.5,0.5\n1,0.6,0.6\n", "duplicate-column"),
    ("y,s\n0,0.5\n1,0.6\n".encode("utf-16"), "unreadable-table"),
    (b"y,s,\xff\n0,0.5,1\n1,0.6,1\n", "unreadable-table"),
    (b'y,s\n0,0.5\n1,"0.6\n1,0.7\n', "unreadable-table"),
    (b"y,s\n0,0.5\n1,0.6,0.7,0.8\n0\n", "unreadable-table"),
    (b"y,s\n0,0.5\nSecret Name,0.6\n", "label-not-a-number"),
    (b",".join(b"c%d" % at for at in range(6000)) + b"\n", "too-many-columns"),
]


@pytest.mark.parametrize(("content", "code"), CSV_FAULTS)
def test_broken_csv_files_are_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "table"
    path.write_bytes(content)
    error = refusal(open_file, path, format="csv", roles=ColumnRoles(target="y", score="s"))
    assert error.code == code
    assert "Secret" not in error.message


def test_broken_and_ambiguous_parquet_files_are_refused(tmp_path: Path) -> None:
    roles = ColumnRoles(target="y", score="s")
    path = tmp_path / "table"
    path.write_bytes(b"PAR1 this is not one PAR1")
    assert refusal(open_file, path, format="parquet", roles=roles).code == "unreadable-table"
    arrays = [pa.array([0, 1]), pa.array([0.1, 0.2]), pa.array([0.3, 0.4])]
    pq.write_table(pa.table(arrays, names=["y", "s", "s"]), path)
    assert refusal(open_file, path, format="parquet", roles=roles).code == "duplicate-column"
    pq.write_table(pa.table({"y": pa.array([], pa.int64()), "s": pa.array([], pa.float64())}), path)
    assert refusal(open_file, path, format="parquet", roles=roles).code == "empty-table"
    content = bytearray(path.read_bytes())
    frame = pd.DataFrame({"y": np.arange(1000) % 2, "s": np.linspace(0, 1, 1000)})
    frame.to_parquet(path, compression="none")
    content = bytearray(path.read_bytes())
    content[8:2000] = b"\xff" * 1992
    path.write_bytes(bytes(content))
    assert refusal(open_file, path, format="parquet", roles=roles).code == "unreadable-table"
    assert refusal(open_file, path, format="xlsx", roles=roles).code == "unknown-table-format"
