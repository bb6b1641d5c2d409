"""What happens to a body that means two things, or nothing? A stable code, and nothing is written."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.api.calls import ci, nothing_written, refused
from tests.builders import a_model
from tests.cast import Cast

MODELS = "/api/v1/models/"
GATE = "/api/v1/gate/decisions/"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 422, "invalid-body", id="empty"),
        pytest.param(b"{", 400, "malformed-json", id="cut off"),
        pytest.param(b"slug=x&name=y", 400, "malformed-json", id="a form"),
        pytest.param(b'{"slug": "a"} {}', 400, "malformed-json", id="two documents"),
        pytest.param("{'slug': 'a'}", 400, "malformed-json", id="single quotes"),
        pytest.param('{"slug": "a", "name": "b"}'.encode("utf-16"), 400, "malformed-json", id="UTF-16"),
        pytest.param(b'{"name": "\xff"}', 400, "malformed-json", id="not UTF-8"),
        pytest.param(b"[]", 400, "not-an-object", id="a list"),
        pytest.param(b"null", 400, "not-an-object", id="null"),
        pytest.param(b'"slug"', 400, "not-an-object", id="a text"),
        pytest.param(b'{"slug": "a", "slug": "b", "name": "c"}', 400, "duplicate-key", id="duplicate key"),
        pytest.param(b'{"x": {"decision": "deny", "decision": "allow"}}', 400, "duplicate-key", id="duplicate inside"),
        pytest.param(b'{"x": NaN}', 400, "not-a-number", id="NaN"),
        pytest.param(b'{"x": -Infinity}', 400, "not-a-number", id="infinity"),
        pytest.param(b'{"x": 1e400}', 400, "not-a-number", id="1e400"),
        pytest.param(b'{"x": 9223372036854775808}', 400, "number-too-large", id="2**63"),
        pytest.param(b'{"x": -9223372036854775809}', 400, "number-too-large", id="below -2**63"),
        pytest.param(b'{"x": ' + b"9" * 4301 + b"}", 400, "number-too-large", id="4301 digits"),
        pytest.param(b'{"x": ' + b"[" * 33 + b"]" * 33 + b"}", 400, "nested-too-deeply", id="33 deep"),
        pytest.param(b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "nested-too-deeply", id="100,000 deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "nested-too-deeply", id="100,000 objects"),
        pytest.param(b'{"name": "\\ud800"}', 400, "bad-character", id="lone surrogate"),
        pytest.param(b'{"x": {"\\udfff": 1}}', 400, "bad-character", id="lone surrogate in a key"),
        pytest.param(b'{"name": "a\\u0000b"}', 400, "bad-character", id="NUL"),
        pytest.param(b'{"x": "' + b"a" * (3 << 20) + b'"}', 413, "body-too-large", id="3 MB"),
    ],
)
def test_a_body_that_is_not_one_plain_object_is_refused(cast: Cast, body: bytes, status: int, code: str) -> None:
    with nothing_written():
        refused(ci(cast).post(MODELS, body), status, code)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_kind_of_body_is_refused(cast: Cast, kind: str) -> None:
    with nothing_written():
        response = ci(cast).post(MODELS, json.dumps({"slug": "a", "name": "b"}), content_type=kind)
    refused(response, 415, "unsupported-media-type")


def test_a_form_with_files_is_refused(cast: Cast) -> None:
    with nothing_written():
        response = ci(cast).client.post(MODELS, {"slug": "a", "name": "b"}, headers=ci(cast).headers)
    refused(response, 415, "unsupported-media-type")


def test_a_compressed_body_is_refused_and_never_unpacked(cast: Cast) -> None:
    with nothing_written():
        response = ci(cast).post(MODELS, gzip.compress(b"0" * (10 << 20)), **{"Content-Encoding": "gzip"})
    refused(response, 415, "content-encoding-not-supported")


@pytest.mark.parametrize("length", ["-5", "1e9", "abc", "5, 5"])
def test_a_body_of_unclear_length_is_refused(cast: Cast, length: str) -> None:
    caller = ci(cast)
    with nothing_written():
        response = caller.client.generic(
            "POST", MODELS, b'{"slug": "a"}', content_type="application/json", headers=caller.headers,
            CONTENT_LENGTH=length,
        )  # fmt: skip
    refused(response, 400, "bad-content-length")


def test_ten_gigabytes_of_json_are_refused_unread(cast: Cast) -> None:
    from tests.api.test_uploads import Unread

    extra: dict[str, Any] = {"CONTENT_LENGTH": str(10 * 2**30), "wsgi.input": Unread()}
    caller = ci(cast)
    with nothing_written():
        response = caller.client.generic(
            "POST", MODELS, b"", content_type="application/json", headers=caller.headers, **extra
        )
    refused(response, 413, "body-too-large")


@pytest.mark.parametrize("length", ["", "0"])
def test_a_body_without_a_declared_length_is_none(cast: Cast, length: str) -> None:
    caller = ci(cast)
    with nothing_written():
        response = caller.client.generic(
            "POST", MODELS, b'{"slug": "a", "name": "b"}', content_type="application/json", headers=caller.headers,
            CONTENT_LENGTH=length, HTTP_TRANSFER_ENCODING="chunked",
        )  # fmt: skip
    refused(response, 422, "invalid-body")


@pytest.mark.parametrize(
    "extra",
    [
        *({"stage": "approved"}, {"owner": "ada"}, {"registered_by": "ravi"}, {"tier": 3}, {"retired_at": None}),
        *({"_connector": "OR"}, {"__class__": "x"}, {"pk": "x"}, {"": 1}, {"a" * 10_000: 1}),
    ],
    ids=lambda extra: next(iter(extra))[:20],
)
def test_a_field_that_is_not_known_is_refused_and_never_set(cast: Cast, extra: dict[str, Any]) -> None:
    a_model(cast, "credit")
    with nothing_written():
        refused(ci(cast).post(MODELS, {"slug": "a", "name": "b"} | extra), 422, "unknown-field")
        document = refused(ci(cast).patch(f"{MODELS}credit/", extra), 422, "unknown-field")
    assert len(json.dumps(document)) < 1000


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("models/credit/versions/", {"version": "1", "artifacts": [{"sha256": "0" * 64, "bytes": "x"}]}),
        ("models/credit/versions/", {"version": "1", "artifacts": [], "stage": "approved"}),
        ("models/credit/versions/", {"version": "1", "artifacts": [], "scoring": {"threshold": 0.5, "then": "x"}}),
        ("datasets/", {"slug": "a", "name": "b", "registered_at": "2001-01-01T00:00:00Z"}),
        ("promotions/", {"model": "credit", "version": "1", "environment": "production", "state": "open"}),
        ("gate/decisions/", {"artifact_sha256": "0" * 64, "environment": "e", "nonce": "12345678", "now": "2001"}),
        (
            "deployments/",
            {"model": "credit", "version": "1", "environment": "e", "artifact_sha256": "0", "gated": True},
        ),
        ("dossiers/", {"model": "credit", "version": "1", "pdf_sha256": "0"}),
    ],
)
def test_every_body_has_exactly_its_fields(cast: Cast, address: str, body: dict[str, Any]) -> None:
    a_model(cast, "credit")
    with nothing_written():
        refused(ci(cast).post(f"/api/v1/{address}", body), 422, "unknown-field")


@pytest.mark.parametrize("value", [5, 1.0, True, None, ["a"], {"a": 1}], ids=repr)
def test_what_is_not_text_is_not_taken_for_text(cast: Cast, value: Any) -> None:
    with nothing_written():
        document = refused(ci(cast).post(MODELS, {"slug": "a", "name": value}), 422, "invalid-body")
    assert document["errors"][0]["field"] == "name"


@pytest.mark.parametrize("value", [1, 0, "true", "yes", None, [True]], ids=repr)
def test_what_is_not_a_truth_value_is_not_taken_for_one(cast: Cast, value: Any) -> None:
    with nothing_written():
        body = {"slug": "a", "name": "b", "affects_people": value}
        refused(ci(cast).post(MODELS, body), 422, "invalid-body")


@pytest.mark.parametrize("value", ["1", 1.0, True, [1], "abc"], ids=repr)
def test_what_is_not_a_whole_number_is_not_taken_for_one(cast: Cast, value: Any) -> None:
    a_model(cast, "credit")
    with nothing_written():
        body = {"version": "1", "artifacts": [], "seed": value}
        refused(ci(cast).post(f"{MODELS}credit/versions/", body), 422, "invalid-body")


@pytest.mark.parametrize(
    "scoring",
    [
        *({"threshold": "0.5 "}, {"threshold": "0.5"}, {"threshold": True}, {"threshold": None}, {"threshold": 1.1}),
        *({"threshold": -0.1}, {"positive_label": 2}, {"positive_label": True}, {"positive_label": "1"}),
        {"positive_label": [1]},
    ],
    ids=repr,
)
def test_a_threshold_that_is_no_probability_is_refused(cast: Cast, scoring: dict[str, Any]) -> None:
    from tests.api.test_registration import VERSIONS, a_registered_version

    body = a_registered_version(cast, scoring=scoring)
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body), 422, "bad-scoring")


@pytest.mark.parametrize("nonce", ["", "short", "x" * 129, "x" * 1_000_000, "with space", "12345678\n", "\u0661" * 8])
def test_a_nonce_that_is_none_gets_no_answer(cast: Cast, nonce: str) -> None:
    asked = {"artifact_sha256": "0" * 64, "environment": "production", "nonce": nonce}
    with nothing_written():
        refused(ci(cast).post(GATE, asked), 422, "bad-nonce")


@pytest.mark.parametrize("digest", ["", "A" * 64, "a" * 63, "a" * 65, "a" * 40, "../" * 21 + "a", "a" * 64 + "\n"])
def test_a_digest_that_is_none_gets_no_answer(cast: Cast, digest: str) -> None:
    asked = {"artifact_sha256": digest, "environment": "production", "nonce": "nonce-0001"}
    with nothing_written():
        refused(ci(cast).post(GATE, asked), 422, "bad-digest")


@pytest.mark.parametrize("query", ["page=1000000000000000000", "order_by=-user__password", "filter[password__startswith]=a",
                                   "format=api", "_connector=OR", "slug__regex=(a%2B)%2B$", "%00=1"])  # fmt: skip
def test_a_parameter_that_is_not_known_is_refused(cast: Cast, query: str) -> None:
    refused(ci(cast).get(f"{MODELS}?{query}"), 422, "unknown-parameter")


@pytest.mark.parametrize(
    "address",
    [
        *("models/%2e%2e/", "models/..%2f..%2fetc/", "models/credit;x/", "models/%00/", "models/CREDIT/", "models/ä/"),
        *("models/" + "a" * 5000 + "/", "models/credit/versions/%00/", "models/credit/versions/..%2f1/"),
        *("promotions/00000000-0000-0000-0000-000000000000/", "promotions/1/", "promotions/null/", "nothing/"),
        *("promotions/%7B%7D/", "validations/ffffffff-ffff-ffff-ffff-ffffffffffff/", "//models/", "models//"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_plain_404(cast: Cast, address: str) -> None:
    a_model(cast, "credit")
    response = ci(cast).get(f"/api/v1/{address}")
    assert response.status_code == 404
    assert response.json()["code"] in {
        "not-found",
        "unknown-model",
        "unknown-version",
        "unknown-promotion",
        "unknown-validation",
    }
    assert response["Content-Type"] == "application/problem+json"
