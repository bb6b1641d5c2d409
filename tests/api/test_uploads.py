"""How do bytes come in? Under their digest, bounded before they are read, whole or not at all."""

from __future__ import annotations

import io
from typing import Any

import pytest

from registry.digests import sha256_hex
from registry.models import Artifact
from registry.storage import artifacts
from tests.api.calls import ci, nothing_written, refused
from tests.cast import Cast

pytestmark = pytest.mark.postgres

DATA = b"the bytes of a model" * 1000
DIGEST = sha256_hex(DATA)


class Unread(io.RawIOBase):
    """A body of which nobody may read a byte."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the body was read")


def path(digest: str) -> str:
    """Return the address of an artifact."""
    return f"/api/v1/artifacts/{digest}"


def test_the_first_upload_is_201_and_the_same_bytes_again_are_200(cast: Cast) -> None:
    first, second = (ci(cast).put(path(DIGEST), DATA) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json() | {"uploaded_at": ""} == {
        "sha256": DIGEST, "size": len(DATA), "uploaded_by": "ci-bot", "uploaded_at": "",
    }  # fmt: skip
    assert artifacts().read(DIGEST) == DATA


def test_head_tells_whether_the_bytes_are_stored(cast: Cast) -> None:
    other = sha256_hex(b"not there")
    assert ci(cast).client.head(path(other), headers=ci(cast).headers).status_code == 404
    ci(cast).put(path(DIGEST), DATA)
    response = ci(cast).client.head(path(DIGEST), headers=ci(cast).headers)
    assert (response.status_code, response["X-Artifact-Size"], response.content) == (200, str(len(DATA)), b"")


def test_an_upload_larger_than_a_json_body_may_be_is_taken(cast: Cast) -> None:
    from django.conf import settings

    large = bytes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert ci(cast).put(path(sha256_hex(large)), large).status_code == 201


def test_ten_declared_gigabytes_are_refused_before_a_byte_is_read(cast: Cast) -> None:
    extra: dict[str, Any] = {"CONTENT_LENGTH": str(10 * 2**30), "wsgi.input": Unread()}
    with nothing_written():
        document = refused(ci(cast).put(path(DIGEST), b"", **extra), 413, "artifact-too-large")
    assert document["limit"] < 10 * 2**30


def test_a_truncated_upload_leaves_nothing(cast: Cast) -> None:
    extra: dict[str, Any] = {"CONTENT_LENGTH": str(len(DATA)), "wsgi.input": io.BytesIO(DATA[:-1])}
    with nothing_written():
        refused(ci(cast).put(path(DIGEST), b"", **extra), 422, "upload-truncated")


def test_a_connection_that_breaks_leaves_nothing(cast: Cast) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("connection reset")

    with nothing_written():
        extra: dict[str, Any] = {"CONTENT_LENGTH": "100", "wsgi.input": Broken()}
        refused(ci(cast).put(path(DIGEST), b"", **extra), 400, "upload-truncated")


def test_other_bytes_than_the_digest_promises_are_refused(cast: Cast) -> None:
    with nothing_written():
        document = refused(ci(cast).put(path(DIGEST), DATA + b"!"), 422, "digest-mismatch")
    assert (document["promised"], document["observed"]) == (DIGEST, sha256_hex(DATA + b"!"))


def test_other_bytes_do_not_replace_stored_ones(cast: Cast) -> None:
    ci(cast).put(path(DIGEST), DATA)
    refused(ci(cast).put(path(DIGEST), b"evil"), 422, "digest-mismatch")
    assert artifacts().read(DIGEST) == DATA


@pytest.mark.parametrize(
    "name", [DIGEST.upper(), DIGEST[:-1], DIGEST + "0", "d" * 40, "..%2f..%2fetc%2fpasswd", "%00" * 64, "x" * 10_000]
)
def test_a_name_that_is_no_digest_is_refused(cast: Cast, name: str) -> None:
    with nothing_written():
        response = ci(cast).put(path(name), DATA)
    assert response.status_code in {404, 422}
    assert response.json()["code"] in {"bad-digest", "not-found"}
    assert Artifact.objects.count() == 0


@pytest.mark.parametrize("length", ["", "-1", "1e3", "\u0661", "abc", "5, 5"])
def test_an_upload_without_a_plain_length_is_refused(cast: Cast, length: str) -> None:
    with nothing_written():
        refused(ci(cast).put(path(DIGEST), DATA, CONTENT_LENGTH=length), 411, "length-required")


def test_a_compressed_upload_is_refused(cast: Cast) -> None:
    with nothing_written():
        response = ci(cast).put(path(DIGEST), DATA, HTTP_CONTENT_ENCODING="gzip")
    refused(response, 415, "content-encoding-not-supported")


def test_an_upload_of_a_person_without_the_role_is_refused_unread(cast: Cast) -> None:
    from tests.api.calls import person

    with nothing_written():
        response = person(cast.otto).put(path(DIGEST), b"", **{"CONTENT_LENGTH": "100", "wsgi.input": Unread()})
    refused(response, 403, "role-missing")


def test_an_empty_file_is_stored_under_its_digest_but_is_no_model(cast: Cast) -> None:
    from tests.builders import a_model

    empty = sha256_hex(b"")
    assert ci(cast).put(path(empty), b"", CONTENT_LENGTH="0").status_code == 201
    a_model(cast, "credit")
    body = {"version": "1", "artifacts": [{"sha256": empty, "role": "model", "format": "skops"}]}
    refused(ci(cast).post("/api/v1/models/credit/versions/", body), 422, "artifact-not-what-it-says")
