"""Who gets in, and as whom? Tokens, sessions, and everything that looks like one and is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.actions.credentials import make_credential, revoke_credential
from governance.models import ApiCredential
from registry.ledger.clock import database_now
from tests.api.calls import Caller, ci, machine, nobody, nothing_written, person, refused
from tests.builders import a_model, a_version
from tests.cast import Cast, a_client, signed_in

MODELS = "/api/v1/models/"


def test_a_token_lets_its_service_account_in_and_a_session_its_person(cast: Cast) -> None:
    assert ci(cast).get(MODELS).status_code == 200
    assert person(cast.otto).get(MODELS).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer cad_unknown",
        "Bearer ",
        "Bearer",
        "",
        "Basic YWRhOnBhc3N3b3Jk",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJjaS1ib3QifQ.",
        "Bearer cad_" + "x" * 10_000,
        "Bearer cad_\u00e4\u00f6",
        "Token {token}",
        "Bearer {token}x",
        "Bearer {truncated}",
        "Bearer {token} {token}",
    ],
)
def test_a_header_that_is_no_live_token_is_401_with_a_challenge(cast: Cast, header: str) -> None:
    sent = header.replace("{token}", cast.token).replace("{truncated}", cast.token[:-1])
    response = Caller(a_client(), Authorization=sent).get(MODELS)
    refused(response, 401, "token-not-valid")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_nobody_is_told_to_sign_in(cast: Cast) -> None:
    response = nobody().get(MODELS)
    refused(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_token_beside_a_good_session_is_refused(cast: Cast) -> None:
    caller = Caller(signed_in(cast.ada), Authorization="Bearer cad_wrong")
    refused(caller.get(MODELS), 401, "token-not-valid")


def test_a_revoked_token_stops_at_once(cast: Cast) -> None:
    revoke_credential(ApiCredential.objects.get(name="pipeline"), actor=cast.adam)
    refused(ci(cast).get(MODELS), 401, "token-not-valid")


def test_an_expired_token_and_one_whose_people_are_gone_are_refused(cast: Cast) -> None:
    from registry.actions.people import deactivate

    ApiCredential.objects.filter(name="pipeline").update(expires_at=database_now() - timedelta(seconds=1))
    refused(ci(cast).get(MODELS), 401, "token-not-valid")
    _, token = make_credential(cast.ci_bot, name="other", scopes=["inventory:read"], days=1, actor=cast.adam)
    assert machine(token).get(MODELS).status_code == 200
    deactivate(cast.ada, actor=cast.adam)
    refused(machine(token).get(MODELS), 401, "token-not-valid")


def test_a_deactivated_person_is_out_at_once(cast: Cast) -> None:
    from registry.actions.people import deactivate

    caller = person(cast.ravi)
    assert caller.get(MODELS).status_code == 200
    deactivate(cast.ravi, actor=cast.adam)
    refused(caller.get(MODELS), 401, "not-authenticated")


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "whatever"])
def test_a_token_in_the_address_is_refused_even_beside_a_good_one(cast: Cast, name: str) -> None:
    refused(nobody().get(f"{MODELS}?{name}={cast.token}"), 401, "token-in-query")
    refused(ci(cast).get(f"{MODELS}?{name}={cast.token}"), 401, "token-in-query")


def test_a_write_in_a_session_needs_the_token_against_forged_requests(cast: Cast) -> None:
    client = signed_in(cast.ada, enforce_csrf_checks=True)
    body = {"slug": "forged", "name": "Forged"}
    with nothing_written():
        refused(Caller(client).post(MODELS, body), 403, "csrf-failed")
    client.get("/console/login/")
    client.cookies["csrftoken"] = "a" * 32
    sent = {"X-CSRFToken": "a" * 32, "Origin": "http://testserver"}
    assert Caller(client).post(MODELS, body, **sent).status_code == 201


def test_a_session_of_a_service_account_is_none(cast: Cast) -> None:
    refused(person(cast.ci_bot).get(MODELS), 401, "not-authenticated")


def test_use_of_a_token_is_noted_at_most_once_a_minute(cast: Cast) -> None:
    def noted() -> object:
        return ApiCredential.objects.get(name="pipeline").last_used_at

    ci(cast).get(MODELS)
    first = noted()
    assert first is not None
    ci(cast).get(MODELS)
    assert noted() == first
    ApiCredential.objects.filter(name="pipeline").update(last_used_at=database_now() - timedelta(minutes=2))
    ci(cast).get(MODELS)
    assert noted() > first


def test_a_token_for_one_model_sees_and_changes_no_other(cast: Cast) -> None:
    mine = a_version(cast, model=a_model(cast, "mine"))
    other = a_version(cast, model=a_model(cast, "other"), data=b"other bytes")
    _, token = make_credential(
        cast.ci_bot,
        name="mine only",
        scopes=[
            *("inventory:read", "inventory:write", "promotions:write", "gate:decide"),
            *("ledger:read", "dossiers:write", "deployments:write"),
        ],
        days=1,
        models=["mine"],
        actor=cast.adam,
    )
    caller, code = machine(token), "token-not-for-this-model"
    assert [row["slug"] for row in caller.get(MODELS).json()["results"]] == ["mine"]
    assert caller.get(f"{MODELS}mine/").status_code == 200
    assert caller.get(f"{MODELS}mine/versions/{mine.version}/").status_code == 200
    of = {"model": "other", "version": other.version}
    digest = other.model_artifact().artifact_id
    with nothing_written():
        refused(caller.get(f"{MODELS}other/"), 403, code)
        refused(caller.get(f"{MODELS}unheard-of/"), 403, code)
        refused(caller.patch(f"{MODELS}other/", {"name": "Mine"}), 403, code)
        refused(caller.post(MODELS, {"slug": "new", "name": "New"}), 403, code)
        refused(caller.get(f"{MODELS}other/versions/1.0/lineage/"), 403, code)
        refused(caller.post("/api/v1/promotions/", of | {"environment": "production"}), 403, code)
        refused(caller.post("/api/v1/dossiers/", of), 403, code)
        asked = {"artifact_sha256": digest, "environment": "production", "nonce": "nonce-0001"}
        refused(caller.post("/api/v1/gate/decisions/", asked), 403, code)
        report = of | {"environment": "production", "artifact_sha256": digest}
        refused(caller.post("/api/v1/deployments/", report), 403, code)
        refused(caller.get("/api/v1/ledger/entries/"), 403, code)
