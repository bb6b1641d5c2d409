"""Is a table that stays read where it is, by what is configured alone, and is nothing of the configuration told?"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.tables.cells import outcome_cells
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_dataset, open_postgres
from audits.tables.scores import score_cells
from audits.tables.sources import Sources, sources_from
from registry.errors import DomainError
from registry.snapshots import snapshot_digest
from tests.audits.distant_tables import SPARK
from tests.audits.evaluation_samples import ROLES, sample, table_of

SECRET = "c0nfidential-s3cret"


def described(source: str, locator: str, *, format: str = "parquet", **more: Any) -> dict[str, Any]:
    return {"source": source, "locator": locator, "format": format, "roles": ROLES.as_json(), "dialect": {}, **more}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return sample(600, seed=5)


@pytest.fixture(scope="module")
def store(frame: pd.DataFrame) -> Iterator[str]:
    """Return the address of a real S3 API that holds the frame as Parquet and as CSV, with a dialect and without."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # a process of its own: the engine waits for the store while it holds the interpreter's lock
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    _wait_for(port)
    client = boto3.client(
        "s3", endpoint_url=address, region_name="eu-central-1", aws_access_key_id="tester", aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    parquet = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), parquet, row_group_size=100)
    client.put_object(Bucket="models", Key="evaluation/loans.parquet", Body=parquet.getvalue().to_pybytes())
    client.put_object(Bucket="models", Key="evaluation/loans.csv", Body=frame.to_csv(index=False).encode())
    dotted = frame.to_csv(index=False, sep=";", na_rep="  .").encode()
    client.put_object(Bucket="models", Key="evaluation/dotted.csv", Body=dotted)
    client.put_object(Bucket="models", Key="evaluation/empty.parquet", Body=b"")
    client.put_object(Bucket="models", Key="evaluation/broken.parquet", Body=b"PAR1 nothing PAR1")
    client.put_object(Bucket="models", Key="private/loans.parquet", Body=b"not for us")
    yield address
    server.terminate()
    server.wait(timeout=20)


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the object store did not start")


@pytest.fixture
def sources(store: str, tmp_path: Path, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Sources:
    (tmp_path / "dsn").write_text(postgres_dsn + "\n")
    monkeypatch.setenv("LAKE_SECRET", SECRET)
    lake = {"kind": "s3", "bucket": "models", "prefix": "evaluation/", "endpoint": store, "region": "eu-central-1"}
    return sources_from(
        json.dumps(
            {
                "lake": lake | {"access_key": "tester", "secret_key_env": "LAKE_SECRET"},
                "share": {"kind": "folder", "path": str(tmp_path / "share")},
                "warehouse": {"kind": "postgres", "dsn_file": str(tmp_path / "dsn"), "schemas": ["lake_of_sources"]},
            }
        )
    )


def same_numbers(table: EvaluationTable, frame: pd.DataFrame) -> None:
    """Hold the table's aggregates to those of the frame opened in memory, and close both."""
    expected = table_of(frame)
    assert table.rows == len(frame)
    assert outcome_cells(table, ("sex", "region")) == outcome_cells(expected, ("sex", "region"))
    left, right = score_cells(table), score_cells(expected)
    assert (left.score.tolist(), left.positive.tolist()) == (right.score.tolist(), right.positive.tolist())
    table.close()
    expected.close()


@pytest.mark.parametrize(
    ("locator", "format", "dialect"),
    [
        ("loans.parquet", "parquet", {}),
        ("loans.csv", "csv", {}),
        ("dotted.csv", "csv", {"delimiter": ";", "missing": ["."], "trim": True}),
    ],
)
def test_a_file_in_an_object_store_is_measured_where_it_is(
    sources: Sources, frame: pd.DataFrame, locator: str, format: str, dialect: dict[str, Any]
) -> None:
    table = open_dataset(
        described("lake", locator, format=format) | {"dialect": dialect}, sources=sources, threshold=0.5
    )
    assert (table.digest_kind, table.engine) == ("summary", "duckdb")
    same_numbers(table, frame)


def test_a_file_of_a_shared_folder_is_measured_where_it_is(
    sources: Sources, frame: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "share" / "2026").mkdir(parents=True)
    frame.to_parquet(tmp_path / "share" / "2026" / "loans.parquet")
    table = open_dataset(described("share", "2026/loans.parquet"), sources=sources, threshold=0.5)
    assert table.digest_kind == "bytes"
    same_numbers(table, frame)
    (tmp_path / "share" / "link.parquet").symlink_to(tmp_path / "dsn")
    for locator in ("../dsn", "link.parquet", "nothing.parquet", "2026"):
        with pytest.raises(DomainError) as caught:
            open_dataset(described("share", locator), sources=sources)
        assert (caught.value.code, str(tmp_path) in caught.value.message) == ("unknown-table", False)


def test_a_table_that_is_no_longer_what_was_registered_is_not_measured(
    sources: Sources, frame: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "share").mkdir()
    path = tmp_path / "share" / "loans.parquet"
    frame.to_parquet(path)
    stated = described("share", "loans.parquet")
    table = open_dataset(stated, sources=sources)
    registered = stated | {"digest": snapshot_digest(stated, table_digest=table.digest), "dataset": "loans/1"}
    table.close()
    open_dataset(registered, sources=sources).close()
    frame.assign(s=1 - frame.s).to_parquet(path)
    with pytest.raises(DomainError) as caught:
        open_dataset(registered, sources=sources)
    assert caught.value.code == "table-altered"


@pytest.mark.postgres
def test_a_schema_that_is_not_allowed_is_not_there(sources: Sources, postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS lake_of_sources")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS lake_of_sources.small AS SELECT 1 AS y, 0.5 AS s UNION SELECT 0, 1"
        )
    roles = {"target": "y", "score": "s"}
    table = open_dataset(described("warehouse", "lake_of_sources.small", format="") | {"roles": roles}, sources=sources)
    assert (table.rows, table.engine) == (2, "postgres")
    table.close()
    for locator in ("small", "public.small", "pg_catalog.pg_authid", "pg_authid"):
        with pytest.raises(DomainError, match="unknown-table"):
            open_dataset(described("warehouse", locator, format=""), sources=sources)


@pytest.mark.parametrize(
    "locator", ["pg_catalog.pg_authid", "pg_shadow", "information_schema.tables", "PG_CATALOG.pg_class"]
)
def test_the_catalogue_of_a_database_is_no_table(locator: str) -> None:
    with pytest.raises(DomainError, match="unknown-table"):
        open_postgres("host=127.0.0.1 port=1", table=locator, roles=ColumnRoles(target="y", score="s"))


def test_an_address_that_cannot_be_read_is_not_quoted() -> None:
    for source in (
        {"kind": "postgres", "dsn": SECRET},
        {"kind": "s3", "bucket": "b", "endpoint": f"http://{SECRET}:x@[bad"},
        {"kind": "s3", "bucket": "b", "endpoint": f"ftp://{SECRET}", "region": "us-east-1"},
    ):
        format = "parquet" if source["kind"] == "s3" else ""
        with pytest.raises(DomainError, match="table-source-unavailable") as caught:
            open_dataset(described("a", "loans", format=format), sources={"a": source})
        assert SECRET not in f"{caught.value} {caught.value.context}"


def test_a_path_of_a_folder_that_no_file_can_have_is_no_table(tmp_path: Path) -> None:
    outside, share = tmp_path / "outside.parquet", tmp_path / "share"
    share.mkdir()
    pq.write_table(pa.table({"y": [0, 1]}), outside)
    (share / "link.parquet").symlink_to(outside)
    (share / "up").symlink_to(tmp_path)
    (share / "it's.parquet").write_bytes(outside.read_bytes())
    (share / "odd.parquet").symlink_to(share / "it's.parquet")
    for locator in ("link.parquet", "up/outside.parquet", "odd.parquet", "a" * 499, "../outside.parquet"):
        with pytest.raises(DomainError, match="unknown-table"):
            open_dataset(described("share", locator), sources={"share": {"kind": "folder", "path": str(share)}})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"locator": "nothing.parquet"}, "unknown-table"),
        ({"locator": "empty.parquet"}, "empty-table"),
        ({"locator": "broken.parquet"}, "unreadable-table"),
        ({"format": ""}, "unknown-table-format"),
        ({"format": "xlsx"}, "unknown-table-format"),
        ({"source": "elsewhere"}, "unknown-table-source"),
        ({"locator": "loans.csv"}, "unreadable-table"),
    ],
)
def test_what_cannot_be_opened_there_is_refused(sources: Sources, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        open_dataset(described("lake", "loans.parquet") | changes, sources=sources)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [{"endpoint": "http://127.0.0.1:1"}, {"bucket": "no-such-bucket"}],
    ids=["nobody answers", "no such bucket"],
)
def test_an_error_of_the_store_names_neither_place_nor_key(sources: Sources, change: dict[str, Any]) -> None:
    settings = dict(sources["lake"]) | change
    with pytest.raises(DomainError) as caught:
        open_dataset(described("lake", "loans.parquet"), sources={"lake": settings})
    assert caught.value.code in {"table-source-unavailable", "unknown-table"}
    for told in (SECRET, "tester", "127.0.0.1", "bucket", "evaluation/"):
        assert told not in caught.value.message
    assert caught.value.context == {}


def test_the_configuration_is_refused_by_name_and_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    for wrong in (
        "nonsense " + SECRET,
        json.dumps([SECRET]),
        json.dumps({"a b": {"kind": "folder", "path": SECRET}}),
        json.dumps({"a": {"kind": "ftp", "path": SECRET}}),
        json.dumps({"a": {"kind": "folder"}}),
        json.dumps({"a": {"kind": "folder", "path": 5}}),
        json.dumps({"a": {"kind": "postgres", "dsn": SECRET, "password": SECRET}}),
        json.dumps({"a": {"kind": "postgres", "dsn_env": "NOT_SET"}}),
        json.dumps({"a": {"kind": "postgres", "dsn_file": "/nothing/there"}}),
        json.dumps({"a": {"kind": "postgres", "dsn_file": 7}}),
    ):
        with pytest.raises(ValueError, match="CADASTRE_TABLE_SOURCES") as caught:
            sources_from(wrong)
        assert SECRET not in str(caught.value)
    assert sources_from("  ") == {}


def test_what_is_configured_is_not_printed() -> None:
    found = sources_from(json.dumps({"lake": {"kind": "s3", "bucket": "models", "secret_key": SECRET}}))
    assert SECRET not in f"{found!r} {found['lake']!r} {found['lake']}"
    assert found["lake"]["secret_key"] == SECRET


@pytest.mark.spark
@pytest.mark.usefixtures("spark_session")
def test_a_file_beside_spark_is_no_table_of_its_catalogue() -> None:
    assert Path("Makefile").is_file()
    with pytest.raises(DomainError, match="unknown-table"):
        open_dataset(described("cluster", "text.Makefile", format=""), sources={"cluster": SPARK})
