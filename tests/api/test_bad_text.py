"""What happens to names with markup, direction overrides or 10,000 characters? Refused, or shown as the text they are."""

from __future__ import annotations

import json

import pytest

from registry.ledger.models import LedgerEvent
from registry.models import Model
from tests.api.calls import a_skops_file, ci, nothing_written, person, refused
from tests.builders import a_model, an_environment, an_open_promotion
from tests.cast import Cast

pytestmark = pytest.mark.postgres

MODELS = "/api/v1/models/"
HARMLESS = {
    46: "<script>alert(1)</script>",
    47: '"><img src=x onerror=alert(1)>',
    48: "{{7*7}} {% debug %} ${jndi:ldap://x}",
    49: '=HYPERLINK("http://e","x") @SUM(1) -2+3',
    50: '<font color="[[...]]">',
    51: '<a href="javascript:alert(1)">x</a>',
    52: "<link href=x>APPROVED",
    54: "<b>",
    55: "a & b < c",
    66: "\U0001f9ee نموذج 模型",
}
REFUSED = {
    57: ("x" * 10_000, "text-too-long"),
    59: ("a\x1b[2Jb\x07\x08", "text-has-control-characters"),
    60: ("invoice\u202efdp", "text-has-direction-override"),
    61: ("zero\u200bwidth", "text-has-invisible-characters"),
    64: ("  \u00a0 ", "text-empty"),
    65: ("", "text-empty"),
    67: ("x\r\n2026-01-01 INFO fake log line", "text-has-control-characters"),
    68: ("line\u2028separator", "text-has-invisible-characters"),
    69: ("x" * 1_000_000, "text-too-long"),
}
NO_SLUGS = [
    *(
        "",
        " ",
        ".",
        "..",
        "Credit",
        "credit ",
        "cre dit",
        "-credit",
        "credit-",
        "cr\u0435dit",
        "credit/1",
        "\U0001f600",
    ),
    *("a" * 81, "<b>", "cre\u0301dit", "credit\n", "con\x00", "credit\u00a0"),
]


@pytest.mark.parametrize("name", HARMLESS.values(), ids=[f"input-{number}" for number in HARMLESS])
def test_text_that_looks_like_code_is_kept_as_the_text_it_is(cast: Cast, name: str) -> None:
    response = ci(cast).post(MODELS, {"slug": "credit", "name": name})
    assert response.status_code == 201
    shown = ci(cast).get(f"{MODELS}credit/")
    assert shown.json()["name"] == name
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("application/json", "nosniff")
    event = json.loads(bytes(LedgerEvent.objects.order_by("-id")[0].body))
    assert event["state"]["name"] == name


@pytest.mark.parametrize(("name", "code"), REFUSED.values(), ids=[f"input-{number}" for number in REFUSED])
def test_text_that_cannot_be_shown_on_a_line_is_refused(cast: Cast, name: str, code: str) -> None:
    with nothing_written():
        document = refused(ci(cast).post(MODELS, {"slug": "credit", "name": name}), 422, code)
    assert len(json.dumps(document)) < 1000


@pytest.mark.parametrize("slug", NO_SLUGS, ids=ascii)
def test_a_slug_has_one_spelling(cast: Cast, slug: str) -> None:
    with nothing_written():
        response = ci(cast).post(MODELS, {"slug": slug, "name": "x"})
    assert (response.status_code, response.json()["code"]) in {(422, "bad-slug"), (400, "bad-character")}


def test_two_spellings_of_one_name_are_one_name(cast: Cast) -> None:
    assert ci(cast).post(MODELS, {"slug": "cafe", "name": "Caf\u00e9"}).status_code == 201
    assert ci(cast).post(MODELS, {"slug": "cafe", "name": "Cafe\u0301 "}).status_code == 200
    assert Model.objects.get().name == "Caf\u00e9"


def test_400_kilobytes_of_prose_are_refused(cast: Cast) -> None:
    with nothing_written():
        body = {"slug": "credit", "name": "x", "description": "word " * 80_000}
        refused(ci(cast).post(MODELS, body), 422, "text-too-long")


@pytest.mark.parametrize("version", ["", "1 0", "1/0", "../1", "v\u0661", "1.0\n", "x" * 81, "-1", "1.", "a\u202eb"])
def test_the_name_of_a_version_has_one_spelling(cast: Cast, version: str) -> None:
    from registry.digests import sha256_hex

    a_model(cast, "credit")
    digest = sha256_hex(a_skops_file())
    ci(cast).put(f"/api/v1/artifacts/{digest}", a_skops_file())
    body = {"version": version, "artifacts": [{"sha256": digest, "format": "skops"}]}
    with nothing_written():
        refused(ci(cast).post(f"{MODELS}credit/versions/", body), 422, "bad-version-name")


@pytest.mark.parametrize("statement", ["", "   ", "\u202eapproved", "x" * 4001, "bell\x07"])
def test_a_decision_needs_a_statement_that_can_be_read(cast: Cast, statement: str) -> None:
    request = an_open_promotion(cast)
    body = {"decision": "approve", "statement": statement, "evidence_digest": request.run.evidence_digest}
    with nothing_written():
        response = person(cast.ravi).post(f"/api/v1/promotions/{request.pk}/approvals/", body)
    assert response.status_code == 422
    assert response.json()["code"].startswith("text-")


def test_ten_thousand_library_versions_do_not_fit_into_the_record_and_nothing_is_done(cast: Cast) -> None:
    from tests.api.test_registration import VERSIONS, a_registered_version

    libraries = {f"library-{number}": "1.0.0" for number in range(10_000)}
    body = a_registered_version(cast, library_versions=libraries)
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body), 413, "event-too-large")


def test_a_hyperparameter_beyond_the_numbers_of_the_ledger_is_refused(cast: Cast) -> None:
    from tests.api.test_registration import VERSIONS, a_registered_version

    body = a_registered_version(cast, hyperparameters={"n": 2**60})
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body), 422, "number-too-large")


def test_an_unknown_model_version_or_place_is_named_as_such(cast: Cast) -> None:
    from tests.builders import a_version

    a_version(cast)
    an_environment(cast)
    asked = {"model": "consumer-credit-default", "version": "1.0", "environment": "production"}
    with nothing_written():
        for change, code in (
            ({"model": "nothing"}, "unknown-model"),
            ({"version": "9"}, "unknown-version"),
            ({"environment": "moon"}, "unknown-environment"),
        ):
            refused(ci(cast).post("/api/v1/promotions/", asked | change), 404, code)
        refused(ci(cast).post("/api/v1/promotions/", asked), 409, "tier-missing")
