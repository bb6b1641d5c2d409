"""Is a file read as its dialect declares, and is nothing guessed where it declares nothing?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audits.tables.contract import ColumnRoles
from audits.tables.open import open_file, read_csv_frame
from audits.tables.scores import score_cells
from registry.errors import DomainError
from registry.snapshots import checked_dialect

ROLES = ColumnRoles(target="y", score="s", features=("age", "town"))
DOTTED = b'y,s,age,town\n0,0.10,   .,"a"\n1,0.90, 31 ,"b, c"\n1,0.80,42, .\n0,0.30,.,"."\n'


def read(tmp_path: Path, content: bytes, dialect: dict[str, Any] | None) -> dict[str, list[Any]]:
    (tmp_path / "t.csv").write_bytes(content)
    return dict(read_csv_frame(tmp_path / "t.csv", dialect=dialect).to_pydict())


def test_dots_padded_with_blanks_are_missing_once_they_are_declared(tmp_path: Path) -> None:
    plain = read(tmp_path, DOTTED, None)
    assert plain["age"] == ["   .", " 31 ", "42", "."]
    found = read(tmp_path, DOTTED, {"missing": ["."], "trim": True})
    assert found == {
        "y": [0, 1, 1, 0], "s": [0.1, 0.9, 0.8, 0.3], "age": [None, 31, 42, None], "town": ["a", "b, c", None, None],
    }  # fmt: skip
    untrimmed = read(tmp_path, DOTTED, {"missing": ["."]})
    assert untrimmed["age"] == ["   .", " 31 ", "42", None]


def test_marks_are_read_as_declared(tmp_path: Path) -> None:
    content = b"y;s;age;town\n0;'0,10';1,5;'a;b'\n1;0,9;-;x\n"
    dialect = {"delimiter": ";", "quote": "'", "decimal": ",", "missing": ["-"]}
    assert read(tmp_path, content, dialect) == {
        "y": [0, 1], "s": [0.1, 0.9], "age": [1.5, None], "town": ["a;b", "x"],
    }  # fmt: skip


def test_a_number_with_both_signs_is_text_and_so_is_a_column_with_one_odd_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"a;b\n1.000,5;1\n2,5;two\n", {"delimiter": ";", "decimal": ","}) == {
        "a": ["1.000,5", "2,5"], "b": ["1", "two"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", "+3"], "int64"), (["1", "2.5", "1e3"], "double"), (["true", "FALSE"], "bool"),
        (["2026-01-31", "2026-02-28"], "date32[day]"), (["2026-01-31 10:00:00", "2026-02-28"], "timestamp[us]"),
        (["9" * 30, "1"], "double"), (["2026-02-30"], "string"), (["1", "x"], "string"), (["", ""], "string"),
    ],
)  # fmt: skip
def test_a_column_is_of_the_first_kind_that_all_of_its_texts_fit(tmp_path: Path, texts: list[str], kind: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("c,d\n" + "".join(f"{text},x\n" for text in texts))
    assert str(read_csv_frame(path, dialect={"trim": True}).schema.field("c").type) == kind


def test_yes_and_no_stay_words(tmp_path: Path) -> None:
    content = b"a,b,c\nyes,true,t\nno,FALSE,f\n,,\n"
    assert read(tmp_path, content, None) == {"a": ["yes", "no", None], "b": [True, False, None], "c": ["t", "f", None]}


def test_the_table_is_measured_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(DOTTED)
    table = open_file(path, format="csv", roles=ROLES, dialect={"missing": ["."], "trim": True})
    assert score_cells(table).n == 4
    assert table.table.age.type().is_integer()
    table.close()


def test_text_in_a_numeric_role_is_counted_and_the_mending_declaration_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"y,s\n0,0.1\n1,Secret\n1,   .\n0,0.5\n")
    with pytest.raises(DomainError) as caught:
        open_file(path, format="csv", roles=ColumnRoles(target="y", score="s"))
    error = caught.value
    assert (error.code, error.context) == ("score-not-a-number", {"column": "s", "rows": 2})
    assert "in 2 of 4 rows" in error.message
    assert "'missing', with 'trim'" in error.message
    assert "Secret" not in error.message


@pytest.mark.parametrize(
    ("dialect", "code"),
    [
        ([], "bad-dialect"), ({"null": ["."]}, "unknown-dialect-key"), ({"missing": "."}, "bad-dialect"),
        ({"missing": [1]}, "bad-dialect"), ({"missing": ["."] * 51}, "bad-dialect"), ({"missing": ["\n"]}, "bad-dialect"),
        ({"missing": ["x" * 101]}, "bad-dialect"), ({"trim": 1}, "bad-dialect"), ({"delimiter": ""}, "bad-dialect"),
        ({"delimiter": "ab"}, "bad-dialect"), ({"delimiter": "\n"}, "bad-dialect"), ({"delimiter": "a"}, "bad-dialect"),
        ({"quote": ","}, "bad-dialect"), ({"decimal": "-"}, "bad-dialect"), ({"decimal": '"'}, "bad-dialect"),
        ({"quote": None}, "bad-dialect"), ({"delimiter": "\u2028"}, "bad-dialect"),
        ({"missing": ["\ud800"]}, "bad-dialect"),
    ],
)  # fmt: skip
def test_a_dialect_that_makes_no_sense_is_refused(dialect: Any, code: str) -> None:
    with pytest.raises(DomainError) as caught:
        checked_dialect(dialect, format="csv")
    assert caught.value.code == code


def test_only_what_differs_from_a_plain_file_is_kept_and_only_csv_has_a_dialect() -> None:
    assert checked_dialect({"missing": [], "trim": False, "delimiter": ",", "quote": '"'}, format="csv") == {}
    given = {"missing": [" NA", ".", "NA", ""], "trim": True, "delimiter": "\t"}
    assert checked_dialect(given, format="csv") == {"missing": [".", "NA"], "trim": True, "delimiter": "\t"}
    with pytest.raises(DomainError, match="dialect-not-for-format"):
        checked_dialect({"trim": True}, format="parquet")
