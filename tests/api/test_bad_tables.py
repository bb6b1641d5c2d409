"""What happens to every kind of table that is not what a table should be? A clear answer, soon, and nothing written."""

from __future__ import annotations

import io
import math
import resource
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.checks.contract import CHECKS, CheckSubject
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from registry.digests import sha256_hex
from tests.api.calls import ci, nothing_written, refused
from tests.builders import a_dataset
from tests.cast import Cast
from tests.drawing import sampled

SNAPSHOTS = "/api/v1/datasets/loans/versions/"
PREDICTED = {"target": "y", "score": "s", "features": ["x"]}
OTHER = {"target": "y", "prediction": "x"}
MOST_SECONDS = 5.0
ROWS = 40


def csv(rows: int = ROWS, **changes: Callable[[int], Any]) -> bytes:
    """Return a sound file of predictions, columns replaced by what the functions say of each row's number."""
    columns: dict[str, Callable[[int], Any]] = {
        "y": lambda at: at % 2, "s": lambda at: (at % 10) / 10, "x": lambda at: at * 1.5,
    }  # fmt: skip
    columns |= changes
    lines = [",".join(columns), *(",".join(str(value(at)) for value in columns.values()) for at in range(rows))]
    return ("\n".join(lines) + "\n").encode()


def parquet(**changes: Any) -> bytes:
    """Return the same table as Parquet, columns replaced."""
    columns = {"y": [at % 2 for at in range(ROWS)], "s": np.arange(ROWS) / ROWS, "x": np.arange(ROWS) * 1.5} | changes
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def twice() -> bytes:
    sink = io.BytesIO()
    arrays = [pa.array([0, 1]), pa.array([0.1, 0.2]), pa.array([1.0, 2.0]), pa.array([3.0, 4.0])]
    pq.write_table(pa.table(arrays, names=["y", "s", "x", "x"]), sink)
    return sink.getvalue()


REFUSED: list[tuple[str, str, Callable[[], bytes], str]] = [
    ("90 no rows", "csv", lambda: csv(0), "empty-table"),
    ("90 no bytes", "csv", lambda: b"", "empty-table"),
    ("90 no header", "csv", lambda: b"\n\n", "empty-table"),
    ("90 Parquet without rows", "parquet", lambda: parquet(y=[], s=[], x=[]), "empty-table"),
    ("91 outcome 1 only", "csv", lambda: csv(y=lambda at: 1), "one-class-target"),
    ("91 outcome 0 only", "parquet", lambda: parquet(y=[0] * ROWS), "one-class-target"),
    ("92 all outcomes NaN", "csv", lambda: csv(y=lambda at: "NaN"), "label-missing"),
    ("92 all outcomes NaN in Parquet", "parquet", lambda: parquet(y=[math.nan] * ROWS), "label-missing"),
    ("92 all scores NaN", "csv", lambda: csv(s=lambda at: "nan"), "score-not-a-number"),
    ("92 no score at all", "csv", lambda: csv(s=lambda at: ""), "score-not-a-number"),
    ("93 a name twice", "csv", lambda: csv().replace(b"y,s,x", b"y,s,s"), "duplicate-column"),
    ("93 a name twice but for case", "csv", lambda: csv().replace(b"y,s,x", b"y,s,S"), "duplicate-column"),
    ("93 a name twice in Parquet", "parquet", twice, "duplicate-column"),
    ("93 10^5 columns", "csv", lambda: b",".join(b"c%d" % at for at in range(100_000)) + b"\n", "too-many-columns"),
    ("94 outcomes in words", "csv", lambda: csv(y=lambda at: "good" if at % 2 else "bad"), "label-not-a-number"),
    ("94 outcomes yes and no", "csv", lambda: csv(y=lambda at: "yes" if at % 2 else "no"), "label-not-a-number"),
    ("94 outcomes that are dates", "csv", lambda: csv(y=lambda at: f"2026-01-{1 + at % 2:02}"), "label-not-a-number"),
    ("94 one outcome in words", "csv", lambda: csv(y=lambda at: "." if at == 7 else at % 2), "label-not-a-number"),
    ("94 outcomes 1 and 2", "csv", lambda: csv(y=lambda at: 1 + at % 2), "label-outside-0-1"),
    ("94 half outcomes", "csv", lambda: csv(y=lambda at: at % 3 / 2), "label-outside-0-1"),
    ("94 outcomes of thirty digits", "csv", lambda: csv(y=lambda at: 10**29 + at), "label-outside-0-1"),
    ("94 outcomes in lists", "parquet", lambda: parquet(y=[[at] for at in range(ROWS)]), "label-not-a-number"),
    ("94 outcomes in words in Parquet", "parquet", lambda: parquet(y=["0", "1"] * (ROWS // 2)), "label-not-a-number"),
    ("95 UTF-16", "csv", lambda: csv().decode().encode("utf-16"), "unreadable-table"),
    ("95 UTF-32", "csv", lambda: csv().decode().encode("utf-32"), "unreadable-table"),
    ("95 Latin-1 in a row", "csv", lambda: csv(x=lambda at: "é").decode().encode("latin-1"), "unreadable-table"),
    ("95 Latin-1 in the header", "csv", lambda: csv().replace(b"x\n", b"\xe9\n", 1), "unreadable-table"),
    ("96 a quote never closed", "csv", lambda: csv() + b'0,0.5,"' + b"x" * 2**25, "unreadable-table"),
    ("96 a quote never closed over many lines", "csv", lambda: csv() + b'0,"' + b"5,1\n0," * 10**6, "unreadable-table"),
    ("96 a quote in the header", "csv", lambda: b'y,s,"x\n' + csv(), "unreadable-table"),
    ("96 rows of unequal length", "csv", lambda: csv() + b"0,0.5\n0,0.5,1,2,3\n", "unreadable-table"),
    ("96 NUL in the header", "csv", lambda: b"y,s\x00,x\n" + csv(), "unreadable-table"),
    ("98 a probability above 1", "csv", lambda: csv(s=lambda at: 1.5 if at == 3 else 0.5), "score-outside-0-1"),
    ("98 a probability below 0", "parquet", lambda: parquet(s=[-0.1] + [0.5] * (ROWS - 1)), "score-outside-0-1"),
    ("98 a probability that is NaN", "csv", lambda: csv(s=lambda at: "NaN" if at == 3 else 0.5), "score-not-a-number"),
    (
        "98 a probability that is infinite",
        "csv",
        lambda: csv(s=lambda at: "inf" if at == 3 else 0.5),
        "score-outside-0-1",
    ),
    ("98 NaN in Parquet", "parquet", lambda: parquet(s=[math.nan] + [0.5] * (ROWS - 1)), "score-not-a-number"),
    ("98 probabilities as percentages", "csv", lambda: csv(s=lambda at: f"{at}%"), "score-not-a-number"),
    ("no such column", "csv", lambda: csv().replace(b"y,s,x", b"y,s,z"), "unknown-column"),
    ("a page", "csv", lambda: b"<!doctype html>\n<html></html>\n", "unknown-column"),
    ("CSV called Parquet", "parquet", csv, "unreadable-table"),
    ("Parquet called CSV", "csv", parquet, "unreadable-table"),
    ("Parquet cut short", "parquet", lambda: parquet()[:-40], "unreadable-table"),
    ("Parquet with its pages overwritten", "parquet", lambda: overwritten(parquet()), "unreadable-table"),
]


def overwritten(data: bytes) -> bytes:
    return data[:4] + b"\xff" * 400 + data[404:]


@pytest.mark.parametrize(("format", "data", "code"), sampled(REFUSED, one_in=5))
def test_a_table_that_cannot_be_measured_is_refused_soon(
    cast: Cast, format: str, data: Callable[[], bytes], code: str
) -> None:
    a_dataset(cast)
    body = {"version": "1", "format": format, "roles": PREDICTED, "split_role": "evaluation"}
    body["artifact_sha256"] = uploaded(cast, data())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with nothing_written():
        told = refused(ci(cast).post(SNAPSHOTS, body), 422, code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_SECONDS
    assert "xxx" not in told["detail"]


def uploaded(cast: Cast, data: bytes) -> str:
    digest = sha256_hex(data)
    answer = ci(cast).put(f"/api/v1/artifacts/{digest}", data, CONTENT_LENGTH=str(len(data)))
    assert answer.status_code in {200, 201}
    return digest


TAKEN: list[tuple[str, str, Callable[[], bytes], dict[str, Any]]] = [
    ("92 a feature that is NaN throughout", "csv", lambda: csv(x=lambda at: "NaN"), {}),
    ("92 a feature without any value", "parquet", lambda: parquet(x=pa.array([None] * ROWS, pa.float64())), {}),
    ("a byte order mark", "csv", lambda: b"\xef\xbb\xbf" + csv(), {}),
    ("line ends of DOS", "csv", lambda: csv().replace(b"\n", b"\r\n"), {}),
    ("no line end at the end", "csv", lambda: csv().rstrip(), {}),
    ("whole numbers of thirty digits", "csv", lambda: csv(x=lambda at: 10**29 + at), {}),
    ("dates", "csv", lambda: csv(x=lambda at: f"2026-01-{1 + at % 28:02}"), {}),
    ("truth values as outcomes", "csv", lambda: csv(y=lambda at: "true" if at % 2 else "false"), {}),
    ("truth values as outcomes in Parquet", "parquet", lambda: parquet(y=[True, False] * (ROWS // 2)), {}),
    ("quotes and commas in words", "csv", lambda: csv(x=lambda at: '"a ""b"", c"'), {}),
    (
        "dots padded with blanks", "csv",
        lambda: csv(x=lambda at: "   ." if at % 3 else at).replace(b",", b";"),
        {"dialect": {"missing": ["."], "trim": True, "delimiter": ";"}},
    ),
    ("classes", "csv", lambda: csv(y=lambda at: "abc"[at % 3]), {"task": "multiclass", "roles": OTHER}),
    ("amounts", "csv", lambda: csv(y=lambda at: at * 2.5), {"task": "regression", "roles": OTHER}),
]  # fmt: skip


@pytest.mark.parametrize(("format", "data", "more"), sampled(TAKEN, one_in=len(TAKEN)))
def test_a_table_that_is_merely_odd_is_taken(
    cast: Cast, format: str, data: Callable[[], bytes], more: dict[str, Any]
) -> None:
    a_dataset(cast)
    body: dict[str, Any] = {"version": "1", "format": format, "roles": PREDICTED, "split_role": "evaluation"}
    body |= more | {"artifact_sha256": uploaded(cast, data())}
    answer = ci(cast).post(SNAPSHOTS, body)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert (shown["row_count"], shown["task"], shown["dialect"]) == (
        ROWS, more.get("task", "binary"), more.get("dialect", {}),
    )  # fmt: skip
    assert ci(cast).post(SNAPSHOTS, body).status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"task": "ranking"}, "unknown-task"),
        ({"dialect": {"null": "."}}, "unknown-dialect-key"),
        ({"dialect": {"missing": "."}}, "bad-dialect"),
        ({"dialect": {"trim": True}, "format": "parquet"}, "dialect-not-for-format"),
        ({"source": "lake", "locator": "a.parquet"}, "table-place-unclear"),
        ({"artifact_sha256": ""}, "table-place-unclear"),
        ({"artifact_sha256": "", "source": "lake"}, "table-place-unclear"),
        ({"artifact_sha256": "", "source": "lake", "locator": "a.parquet"}, "unknown-table-source"),
        ({"artifact_sha256": "", "source": "lake", "locator": "../a.parquet"}, "bad-locator"),
        ({"artifact_sha256": "", "source": "lake", "locator": "/etc/passwd"}, "bad-locator"),
        ({"artifact_sha256": "", "source": "lake", "locator": "s3://other/a"}, "bad-locator"),
        ({"artifact_sha256": "", "source": "lake", "locator": "a'; DROP TABLE b; --"}, "bad-locator"),
    ],
)
def test_a_statement_that_makes_no_sense_is_refused(cast: Cast, change: dict[str, Any], code: str) -> None:
    a_dataset(cast)
    body = {"version": "1", "format": "csv", "roles": PREDICTED, "split_role": "evaluation"}
    body |= {"artifact_sha256": uploaded(cast, csv())}
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, body | change), 422, code)


@pytest.mark.thorough
def test_a_table_that_stays_is_registered_where_it_is(cast: Cast, settings: Any, tmp_path: Any) -> None:
    """A folder of the installation, named by configuration: nothing of its place is told or stored."""
    from audits.tables.sources import sources_from

    settings.TABLE_SOURCES = sources_from(f'{{"share": {{"kind": "folder", "path": "{tmp_path}"}}}}')
    (tmp_path / "loans.parquet").write_bytes(parquet())
    a_dataset(cast)
    body = {
        "version": "1", "source": "share", "locator": "loans.parquet", "format": "parquet", "roles": PREDICTED,
        "split_role": "evaluation",
    }  # fmt: skip
    first, second = (ci(cast).post(SNAPSHOTS, body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200), first.content
    shown = first.json()
    assert (shown["source"], shown["locator"], shown["artifact_sha256"]) == ("share", "loans.parquet", None)
    assert (shown["row_count"], str(tmp_path) in first.content.decode()) == (ROWS, False)
    (tmp_path / "loans.parquet").write_bytes(parquet(s=np.arange(ROWS) / (2 * ROWS)))
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, body), 409, "dataset-version-differs")
        told = refused(
            ci(cast).post(SNAPSHOTS, body | {"version": "2", "locator": "nothing.parquet"}), 404, "unknown-table"
        )
    assert str(tmp_path) not in told["detail"]


def test_97_a_group_of_one_person_is_shown_neither_rate_nor_number() -> None:
    frame = pd.DataFrame({"y": [0, 1] * 30, "s": np.linspace(0, 1, 60), "g": ["a"] * 30 + ["b"] * 29 + ["alone"]})
    roles = ColumnRoles(target="y", score="s", sensitive=("g",))
    table = open_frame(frame, roles=roles, threshold=0.5)
    found = CHECKS.get("fairness.selection_rate_ratio").run(CheckSubject(table))
    table.close()
    (alone,) = [row for row in found.groups if row.group == "alone"]
    assert (alone.status, alone.n, dict(alone.values), alone.low) == ("suppressed", None, {}, None)
