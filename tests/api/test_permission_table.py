"""Who may call what? The whole table of routes, methods, scopes and roles, held to what the service answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.api.calls import Caller, machine, nobody, person, refused
from tests.cast import Cast

ID = str(uuid.UUID(int=7))
DIGEST = "0" * 64
ALL = frozenset({"developer", "owner", "validator", "risk_manager", "approver", "auditor", "administrator"})
WORKING = ALL - {"auditor", "administrator"}
BUILDING = frozenset({"developer", "owner"})
JUDGING = frozenset({"risk_manager", "validator"})
DECLARING = frozenset({"risk_manager", "administrator"})
PUBLIC = "public"


@dataclass(frozen=True)
class Row:
    """One line: with ``scope`` (None: no token may) and ``roles`` the call with an empty body answers ``status``."""

    method: str
    route: str
    scope: str | None
    roles: frozenset[str]
    status: int


TABLE = [
    Row("GET", "api/v1/models/", "inventory:read", ALL, 200),
    Row("POST", "api/v1/models/", "inventory:write", BUILDING | {"risk_manager"}, 422),
    Row("GET", "api/v1/models/<str:model>/", "inventory:read", ALL, 404),
    Row("PATCH", "api/v1/models/<str:model>/", "inventory:write", BUILDING | {"risk_manager"}, 404),
    Row("GET", "api/v1/models/<str:model>/in-force/", "inventory:read", ALL, 404),
    Row("GET", "api/v1/models/<str:model>/versions/", "inventory:read", ALL, 404),
    Row("POST", "api/v1/models/<str:model>/versions/", "inventory:write", frozenset({"developer"}), 404),
    Row("GET", "api/v1/models/<str:model>/versions/<str:version>/", "inventory:read", ALL, 404),
    Row("GET", "api/v1/models/<str:model>/versions/<str:version>/lineage/", "inventory:read", ALL, 404),
    Row("PUT", "api/v1/artifacts/<str:sha256>", "artifacts:write", frozenset({"developer"}), 422),
    Row("HEAD", "api/v1/artifacts/<str:sha256>", "artifacts:write", ALL, 404),
    Row("GET", "api/v1/datasets/", "inventory:read", ALL, 200),
    Row("POST", "api/v1/datasets/", "inventory:write", BUILDING, 422),
    Row("GET", "api/v1/datasets/<str:dataset>/versions/", "inventory:read", ALL, 404),
    Row("POST", "api/v1/datasets/<str:dataset>/versions/", "inventory:write", BUILDING, 404),
    Row("POST", "api/v1/lineage/", "inventory:write", frozenset({"developer"}), 422),
    Row("GET", "api/v1/promotions/", "promotions:read", ALL, 200),
    Row("POST", "api/v1/promotions/", "promotions:write", BUILDING, 422),
    Row("GET", "api/v1/promotions/<uuid:promotion>/", "promotions:read", ALL, 404),
    Row("POST", "api/v1/promotions/<uuid:promotion>/approvals/", None, ALL, 404),
    Row("POST", "api/v1/promotions/<uuid:promotion>/withdraw/", "promotions:write", WORKING, 404),
    Row("POST", "api/v1/approvals/<uuid:approval>/withdraw/", None, WORKING, 404),
    Row("GET", "api/v1/validations/<uuid:validation>/", "validations:read", ALL, 404),
    Row("POST", "api/v1/validations/<uuid:validation>/reperform/", "validations:write", JUDGING | {"auditor"}, 404),
    Row("POST", "api/v1/gate/decisions/", "gate:decide", WORKING, 422),
    Row("GET", "api/v1/gate/decisions/<uuid:decision>/", "gate:decide", ALL, 404),
    Row("GET", "api/v1/policies/", "promotions:read", ALL, 200),
    Row("GET", "api/v1/policies/<str:policy>/<int:number>/", "promotions:read", ALL, 404),
    Row("GET", "api/v1/environments/", "inventory:read", ALL, 200),
    Row("POST", "api/v1/environments/", None, frozenset({"risk_manager", "administrator"}), 422),
    Row(
        "POST",
        "api/v1/environments/<str:environment>/limits/",
        None,
        frozenset({"risk_manager", "administrator"}),
        404,
    ),
    Row("GET", "api/v1/deployments/", "inventory:read", ALL, 200),
    Row("POST", "api/v1/deployments/", "deployments:write", BUILDING | {"risk_manager"}, 422),
    Row("POST", "api/v1/deployments/<uuid:deployment>/end/", "deployments:write", BUILDING | {"risk_manager"}, 404),
    Row("GET", "api/v1/findings/", "validations:read", ALL, 200),
    Row("POST", "api/v1/findings/<uuid:finding>/close/", None, JUDGING, 404),
    Row("POST", "api/v1/findings/<uuid:finding>/accept/", None, JUDGING, 404),
    Row("POST", "api/v1/dossiers/", "dossiers:write", ALL - {"administrator"}, 422),
    Row("GET", "api/v1/dossiers/<uuid:dossier>/", "dossiers:read", ALL, 404),
    Row("GET", "api/v1/dossiers/<uuid:dossier>/pdf", "dossiers:read", ALL, 404),
    Row("GET", "api/v1/dossiers/<uuid:dossier>/bundle", "dossiers:read", ALL - {"administrator"}, 404),
    Row("GET", "api/v1/ledger/checkpoint/", "ledger:read", frozenset({"auditor"}), 404),
    Row("GET", "api/v1/ledger/entries/", "ledger:read", frozenset({"auditor"}), 200),
    Row("GET", "api/v1/ledger/proofs/", "ledger:read", frozenset({"auditor"}), 422),
    Row("GET", "api/v1/ledger/anchors/", "ledger:read", frozenset({"auditor"}), 200),
    Row("GET", "api/v1/ledger/standing/", "ledger:read", DECLARING | {"auditor"}, 200),
    Row("GET", "api/v1/ledger/rollback/", None, DECLARING | {"auditor"}, 200),
    Row("POST", "api/v1/ledger/rollback/", None, DECLARING, 422),
    Row("POST", "api/v1/ledger/rollback/confirm/", None, DECLARING, 409),
    Row("GET", "api/v1/ledger/verifications/", "ledger:read", frozenset({"auditor", "risk_manager"}), 200),
    Row("POST", "api/v1/ledger/verifications/", None, frozenset({"auditor", "risk_manager"}), 202),
    Row(
        "GET",
        "api/v1/ledger/verifications/<uuid:verification>/",
        "ledger:read",
        frozenset({"auditor", "risk_manager"}),
        404,
    ),
    Row("GET", "api/v1/samples/", None, frozenset({"auditor", "risk_manager"}), 200),
    Row("POST", "api/v1/samples/", None, frozenset({"auditor", "risk_manager"}), 422),
    Row("GET", "api/v1/samples/<uuid:sample>/", None, frozenset({"auditor", "risk_manager"}), 404),
    Row("GET", "api/v1/requests/", None, ALL - {"administrator"}, 200),
    Row("POST", "api/v1/requests/", None, frozenset({"auditor"}), 422),
    Row("GET", "api/v1/requests/<uuid:item>/", None, ALL - {"administrator"}, 404),
    Row("POST", "api/v1/requests/<uuid:item>/answer/", None, WORKING, 404),
    Row("POST", "api/v1/requests/<uuid:item>/return/", None, frozenset({"auditor"}), 404),
    Row("POST", "api/v1/requests/<uuid:item>/accept/", None, frozenset({"auditor"}), 404),
    Row("POST", "api/v1/requests/<uuid:item>/withdraw/", None, frozenset({"auditor"}), 404),
    Row("GET", "api/v1/looks/", "ledger:read", frozenset({"auditor", "risk_manager", "administrator"}), 200),
    Row("GET", "api/v1/keys/", PUBLIC, ALL, 200),
    Row("GET", "api/v1/schema/", PUBLIC, ALL, 200),
    Row("GET", "health/live", PUBLIC, ALL, 200),
    Row("GET", "health/ready", PUBLIC, ALL, 503),
    Row("GET", "metrics", "inventory:read", ALL, 200),
]
GUARDED = [row for row in TABLE if row.scope != PUBLIC]
CLOSED = {"not-authenticated", "scope-missing", "role-missing", "session-required", "token-required", "not-permitted"}


def routes() -> list[tuple[str, URLPattern]]:
    """Return every route of the URLconf that is not the console's."""

    def walk(resolver: URLResolver, prefix: str) -> list[tuple[str, URLPattern]]:
        found = []
        for pattern in resolver.url_patterns:
            here = prefix + str(pattern.pattern)
            found += walk(pattern, here) if isinstance(pattern, URLResolver) else [(here, pattern)]
        return found

    return [
        (route, found)
        for route, found in walk(get_resolver(), "")
        if found.callback.__module__.startswith("governance.api")
    ]


def methods_of(pattern: URLPattern) -> set[str]:
    """Return the methods that a route answers."""
    view = getattr(pattern.callback, "cls", None)
    if view is None:
        return {"GET"}
    return {name.upper() for name in view.http_method_names if name in vars(view)}


def call(caller: Caller, row: Row) -> tuple[int, str]:
    """Make the call of a row on things that do not exist, and return status and code."""
    path = "/" + row.route
    for name, value in (("<str:sha256>", DIGEST), ("<str:", "unknown"), ("<int:", "1"), ("<uuid:", ID)):
        while name in path:
            start = path.index(name)
            path = path[:start] + value + path[path.index(">", start) + 1 :]
    if row.method in {"POST", "PATCH"}:
        response = getattr(caller, row.method.lower())(path, {})
    elif row.method == "PUT":
        response = caller.put(path, b"other bytes")
    else:
        response = caller.client.generic(row.method, path, headers=caller.headers)
    problem = response["Content-Type"] == "application/problem+json" and response.content
    return response.status_code, json.loads(response.content)["code"] if problem else ""


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every test without a broker, also where an earlier one of the process has started it."""
    from governance.celery import app

    for name in ("broker_url", "broker_write_url", "broker_read_url"):
        monkeypatch.setitem(app.conf, name, "redis+socket:///nowhere/valkey.sock")


def test_every_route_and_method_stands_in_the_table() -> None:
    known = {(row.method, row.route) for row in TABLE}
    there = {(method, route) for route, pattern in routes() for method in methods_of(pattern)}
    assert there == known


def test_the_methods_that_are_not_in_the_table_are_not_allowed(cast: Cast) -> None:
    caller = machine(cast.token)
    for route in sorted({row.route for row in TABLE}):
        offered = {row.method for row in TABLE if row.route == route}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - offered:
            assert call(caller, Row(method, route, None, ALL, 0))[0] == 405, (method, route)


def differing(caller: Caller, allowed: Callable[[Row], bool], code_of_no: Callable[[Row], str]) -> dict[str, object]:
    """Return every row on which the caller is answered otherwise than the table says."""
    found: dict[str, object] = {}
    for row in GUARDED:
        status, code = call(caller, row)
        expected = row.status if allowed(row) else 403
        fits = status == expected and (code not in CLOSED if allowed(row) else code in {code_of_no(row), ""})
        if not fits:
            found[f"{row.method} {row.route}"] = (status, code, expected)
    return found


def test_nobody_gets_in_without_signing_in(cast: Cast) -> None:
    answers = {f"{row.method} {row.route}": call(nobody(), row) for row in GUARDED}
    assert {name: answer for name, answer in answers.items() if answer[0] != 401} == {}
    assert {code for _, code in answers.values()} == {"not-authenticated", ""}


def test_a_token_opens_exactly_the_rows_of_its_scope(cast: Cast) -> None:
    from governance.actions.credentials import SCOPES, make_credential

    for scope in SCOPES:
        _, token = make_credential(cast.ci_bot, name=scope, scopes=[scope], days=1, actor=cast.adam)
        wrong = differing(
            machine(token),
            lambda row, scope=scope: row.scope == scope,
            lambda row: "session-required" if row.scope is None else "scope-missing",
        )
        assert wrong == {}, scope


def test_a_person_may_do_exactly_the_rows_of_their_role(cast: Cast) -> None:
    for user in cast.people:
        (role,) = user.roles()
        wrong = differing(person(user), lambda row, role=role: role in row.roles, lambda row: "role-missing")
        assert wrong == {}, role


def test_a_person_without_any_role_may_do_nothing(cast: Cast) -> None:
    from registry.actions.people import register_person

    newcomer = register_person(username="nora", display_name="Nora", actor=cast.adam)
    assert differing(person(newcomer), lambda row: False, lambda row: "role-missing") == {}


@pytest.mark.django_db
@pytest.mark.parametrize("row", [row for row in TABLE if row.scope == PUBLIC], ids=lambda row: row.route)
def test_a_public_call_asks_for_no_sign_in(row: Row) -> None:
    assert call(nobody(), row)[0] == row.status


def test_a_view_that_declares_nothing_is_refused_to_everybody(cast: Cast) -> None:
    from django.test import RequestFactory
    from rest_framework.response import Response

    from governance.api.resource import Resource

    class Forgotten(Resource):
        def get(self, request: object) -> Response:
            return Response({"secret": True})

    for authorization in (f"Bearer {cast.token}", None):
        headers = {"Authorization": authorization} if authorization else {}
        request = RequestFactory().get("/api/v1/forgotten/", headers=headers)
        request.request_id = "a-test-of-ours"
        request.user = cast.adam
        response = Forgotten.as_view()(request)
        response["X-Request-ID"] = "a-test-of-ours"
        refused(response, 403, "not-permitted")
