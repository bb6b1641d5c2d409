"""Is the service alive, ready and counted? Probes that say what is missing, and counts in Prometheus' own format."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import OperationalError

from tests.api.calls import ci, nobody, refused
from tests.builders import a_checkpoint, an_open_promotion
from tests.cast import Cast

LINE = re.compile(r'\Acadastre_[a-z_]+(\{[a-z_]+="[^"\\\n]*"(,[a-z_]+="[^"\\\n]*")*\})? \d+\Z')


def states(response: object) -> dict[str, str]:
    """Return the result of each check."""
    checks: dict[str, str] = response.json()["checks"]  # type: ignore[attr-defined]  # a response of the test client
    return checks


def test_alive_asks_nobody() -> None:
    assert nobody().get("/health/live").json() == {"status": "alive"}


@pytest.mark.django_db
def test_ready_with_everything_there(broker_url: str) -> None:
    response = nobody().get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ready"), response.content
    assert set(states(response)) == {
        "database",
        "migrations",
        "broker",
        "ledger_anchor",
        "ledger_history",
        "ledger_replay",
        "ledger_triggers",
        "approval_walls",
    }


@pytest.mark.django_db
def test_not_ready_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    from governance.celery import app

    monkeypatch.setitem(app.conf, "broker_url", "redis+socket:///nowhere/valkey.sock")
    monkeypatch.setitem(app.conf, "broker_write_url", "redis+socket:///nowhere/valkey.sock")
    response = nobody().get("/health/ready")
    assert response.status_code == 503
    assert states(response)["broker"] == "failing"
    assert states(response)["database"] == "ok"


@pytest.mark.django_db
@pytest.mark.postgres
def test_not_ready_without_the_triggers_of_the_ledger() -> None:
    from tests.ledger_fixtures import walls_down

    with walls_down():
        response = nobody().get("/health/ready")
    assert (response.status_code, states(response)["ledger_triggers"]) == (503, "failing")


def test_not_ready_when_the_ledger_was_rolled_back(cast: Cast) -> None:
    from registry.ledger import anchors

    a_checkpoint()
    assert states(nobody().get("/health/ready"))["ledger_anchor"] == "ok"
    anchors.configured().path.write_text('{"note": "forged"}\n')
    response = nobody().get("/health/ready")
    assert (response.status_code, states(response)["ledger_anchor"]) == (503, "failing")
    assert set(response.json()["reasons"]) >= {"ledger_anchor"}
    assert "does not stand" in response.json()["reasons"]["ledger_anchor"]
    assert "forged" not in response.content.decode()


def test_readiness_names_the_anchor_that_is_down(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.TIMESTAMP_URL, settings.TIMESTAMP_ROOTS = "http://127.0.0.1:9/tsr", str(tmp_path / "roots.pem")
    a_checkpoint()
    assert states(nobody().get("/health/ready"))["ledger_anchor"] == "ok", "within the time that is allowed"
    settings.LEDGER_ANCHOR_GRACE_SECONDS = -1
    response = nobody().get("/health/ready")
    assert response.status_code == 503
    assert "for the anchor rfc3161" in response.json()["reasons"]["ledger_anchor"]


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from governance.api.v1 import inventory

    def away(*_arguments: object, **_fields: object) -> None:
        raise OperationalError("connection refused by db.internal:5432")

    monkeypatch.setattr(inventory, "register_model", away)
    response = ci(cast).post("/api/v1/models/", {"slug": "a", "name": "b"})
    document = refused(response, 503, "database-unavailable")
    assert int(response["Retry-After"]) > 0
    assert "db.internal" not in str(document)


def test_the_counts_are_those_of_the_tables(cast: Cast) -> None:
    an_open_promotion(cast, passed=False)
    response = ci(cast).get("/metrics")
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = response.content.decode().splitlines()
    assert [line for line in lines if not line.startswith("# ") and not LINE.match(line)] == []
    assert {
        "cadastre_models 1",
        'cadastre_promotions{state="open"} 1',
        'cadastre_promotions{state="rejected"} 0',
        'cadastre_findings{state="open",severity="high"} 1',
        'cadastre_validation_runs{state="concluded"} 1',
        'cadastre_gate_decisions{outcome="allow"} 0',
        "cadastre_ledger_entries 0",
        "cadastre_ledger_healthy 1",
    } <= set(lines)


def test_an_unknown_address_is_a_document_for_machines_and_a_page_for_people() -> None:
    refused(nobody().get("/api/v1/nothing/"), 404, "not-found")
    assert nobody().get("/nothing-at-all/")["Content-Type"].startswith("text/html")


def test_a_request_for_another_host_is_refused_as_a_document() -> None:
    response = nobody().get("/api/v1/models/", Host="evil.example")
    assert response.status_code == 400
    assert response.json()["code"] == "bad-request"
