"""What happens to files that are not what they say, and to tables that nothing can be measured on?"""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib
from typing import Any

import pytest

from registry.digests import sha256_hex
from tests.api.calls import Caller, ci, nothing_written, refused
from tests.builders import ROLES, TABLE, a_dataset, a_model
from tests.cast import Cast

VERSIONS = "/api/v1/models/credit/versions/"
SNAPSHOTS = "/api/v1/datasets/loans/versions/"
PICKLE = pickle.dumps({"a": [1, 2, 3]})


def uploaded(caller: Caller, data: bytes) -> str:
    """Upload bytes and return their digest."""
    digest = sha256_hex(data)
    assert caller.put(f"/api/v1/artifacts/{digest}", data, CONTENT_LENGTH=str(len(data))).status_code in {200, 201}
    return digest


@pytest.mark.parametrize(
    ("format", "data"),
    [
        pytest.param("skops", b"\x01", id="one byte"),
        pytest.param("skops", PICKLE, id="a pickle"),
        pytest.param("skops", zlib.compress(PICKLE), id="zlib"),
        pytest.param("skops", gzip.compress(PICKLE), id="gzip"),
        pytest.param("skops", bz2.compress(PICKLE), id="bz2"),
        pytest.param("skops", lzma.compress(PICKLE), id="lzma"),
        pytest.param("skops", b"%PDF-1.7 and then PK\x03\x04", id="a PDF"),
        pytest.param("skops", b"PK\x03\x04" + b"\0" * 100, id="a broken zip"),
        pytest.param("joblib", b"<html>", id="a page as joblib"),
    ],
)
def test_an_artifact_that_is_not_what_it_says_registers_no_version(cast: Cast, format: str, data: bytes) -> None:
    a_model(cast, "credit")
    body = {"version": "1.0", "artifacts": [{"sha256": uploaded(ci(cast), data), "role": "model", "format": format}]}
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body), 422, "artifact-not-what-it-says")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sha256": "0" * 64}, "unknown-artifact"),
        ({"sha256": "A" * 64}, "bad-digest"),
        ({"sha256": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}, "bad-digest"),
        ({"role": "weights"}, "unknown-artifact-role"),
        ({"format": "exe"}, "unknown-format"),
        ({"format": ""}, "unknown-format"),
    ],
)
def test_an_artifact_that_is_named_wrongly_registers_no_version(cast: Cast, change: dict[str, str], code: str) -> None:
    a_model(cast, "credit")
    named = {"sha256": uploaded(ci(cast), PICKLE), "role": "model", "format": "joblib"} | change
    with nothing_written():
        response = ci(cast).post(VERSIONS, {"version": "1.0", "artifacts": [named]})
        assert response.status_code in {404, 422}
        refused(response, response.status_code, code)


def test_a_version_without_artifacts_with_strange_data_or_people_is_refused(cast: Cast) -> None:
    a_model(cast, "credit")
    artifact = {"sha256": uploaded(ci(cast), PICKLE), "role": "model", "format": "joblib"}
    whole: dict[str, Any] = {"version": "1.0", "artifacts": [artifact]}
    with nothing_written():
        refused(ci(cast).post(VERSIONS, whole | {"artifacts": []}), 422, "artifact-missing")
        data = [{"dataset": "loans", "version": "1", "role": "training"}]
        refused(ci(cast).post(VERSIONS, whole | {"datasets": data}), 422, "unknown-dataset-version")
        refused(ci(cast).post(VERSIONS, whole | {"artifacts": [artifact] * 51}), 422, "invalid-body")
        for hand, code in (
            ({"person": "nobody", "kind": "trained"}, "unknown-contributor"),
            ({"person": "ci-bot", "kind": "trained"}, "unknown-contributor"),
            ({"person": "vera", "kind": "validated"}, "unknown-contribution"),
            ({"person": "vera", "kind": "registered"}, "unknown-contribution"),
        ):
            refused(ci(cast).post(VERSIONS, whole | {"contributors": [hand]}), 422, code)
        refused(ci(cast).post("/api/v1/models/nothing/versions/", whole), 404, "unknown-model")


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ({}, "missing-column-role"),
        ({"features": ["age"]}, "missing-column-role"),
        ({"target": "defaulted"}, "missing-column-role"),
        ({"target": "defaulted", "features": "age"}, "bad-column-role"),
        ({"target": "defaulted", "features": ["age", "age"]}, "bad-column-role"),
        ({"target": "defaulted", "features": ["age", "defaulted"]}, "column-in-two-roles"),
        (ROLES | {"secret": "age"}, "unknown-column-role"),
        ({"target": 5, "features": ["age"]}, "not-text"),
        ({"target": "a\nb", "features": ["age"]}, "text-has-control-characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_without_the_roles_it_needs_is_refused(cast: Cast, roles: dict[str, Any], code: str) -> None:
    a_dataset(cast)
    digest = uploaded(ci(cast), TABLE)
    body = {"version": "1", "artifact_sha256": digest, "format": "csv", "roles": roles, "split_role": "evaluation"}
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, body), 422, code)


HEADER, *LINES = TABLE.splitlines(keepends=True)


SCORED = {"target": "defaulted", "features": ["age"], "score": "income"}


def scored(first: bytes) -> bytes:
    """Return the table with a probability in the column of incomes, ``first`` in its first row."""
    rows = [line.split(b",") for line in LINES]
    return HEADER + b"".join(b",".join([row[0], b"0.5" if at else first, *row[2:]]) for at, row in enumerate(rows))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("data", "roles", "code"),
    [
        pytest.param(b"", ROLES, "empty-table", id="no bytes"),
        pytest.param(HEADER, ROLES, "empty-table", id="no rows"),
        pytest.param(
            HEADER + b"".join(line for line in LINES if line.endswith(b"0\n")),
            ROLES,
            "one-class-target",
            id="one class",
        ),
        pytest.param(TABLE.replace(b",1\n", b",2\n"), ROLES, "label-outside-0-1", id="label 2"),
        pytest.param(TABLE, ROLES | {"features": ["age", "wealth"]}, "unknown-column", id="no such column"),
        pytest.param(scored(b"1.5"), SCORED, "score-outside-0-1", id="a probability of 1.5"),
        pytest.param(scored(b"-0.1"), SCORED, "score-outside-0-1", id="a probability of -0.1"),
        pytest.param(scored(b"NaN"), SCORED, "score-not-a-number", id="a probability that is NaN"),
    ],
)
def test_a_table_that_nothing_can_be_measured_on_is_refused(
    cast: Cast, data: bytes, roles: dict[str, Any], code: str
) -> None:
    a_dataset(cast)
    body = {
        "version": "1", "artifact_sha256": uploaded(ci(cast), data), "format": "csv", "roles": roles,
        "split_role": "evaluation",
    }  # fmt: skip
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, body), 422, code)


def test_a_snapshot_is_registered_once_and_its_name_means_these_bytes(cast: Cast) -> None:
    a_dataset(cast)
    body = {
        "version": "2026-10", "artifact_sha256": uploaded(ci(cast), TABLE), "format": "csv", "roles": ROLES,
        "split_role": "evaluation",
    }  # fmt: skip
    first, second = (ci(cast).post(SNAPSHOTS, body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200), first.content
    shown = first.json()
    assert (shown["row_count"], [column["name"] for column in shown["columns"]]) == (
        len(LINES), ["age", "income", "group", "defaulted"],
    )  # fmt: skip
    assert ci(cast).get(SNAPSHOTS).json()["results"] == [shown]
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, body | {"split_role": "training"}), 409, "dataset-version-differs")
    other = body | {"artifact_sha256": uploaded(ci(cast), TABLE + b"50,2000,a,1\n")}
    with nothing_written():
        refused(ci(cast).post(SNAPSHOTS, other), 409, "dataset-version-differs")
        refused(ci(cast).post(SNAPSHOTS, body | {"version": "2", "artifact_sha256": "0" * 64}), 422, "unknown-artifact")
        refused(ci(cast).post(SNAPSHOTS, body | {"version": "2", "format": "xlsx"}), 422, "unknown-format")
        refused(ci(cast).post("/api/v1/datasets/nothing/versions/", body), 404, "unknown-dataset")
