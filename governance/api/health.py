"""Is the service alive, and can it do its work? Two probes: the first asks nobody, the second asks everything it needs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from celery import current_app
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from governance import walls
from registry.ledger import anchors, standing, triggers
from registry.models import Divergence

log = logging.getLogger("cadastre.health")
BROKER_SECONDS = 2


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process answers at all."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything the service needs is there, else 503 and what is not; the log says more.

    Of the ledger it also says why: whoever waits for a promotion must see which anchor is down.
    """
    faults = {name: _fault(name, check) for name, check in CHECKS.items()}
    everything = not any(faults.values())
    return JsonResponse(
        {
            "status": "ready" if everything else "not-ready",
            "checks": {name: "failing" if fault else "ok" for name, fault in faults.items()},
            "reasons": {name: fault for name, fault in faults.items() if fault and name in TOLD},
        },
        status=HTTPStatus.OK if everything else HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Cache-Control": "no-store"},
    )


def _fault(name: str, check: Callable[[], str]) -> str:
    try:
        fault = check()
    except (DatabaseError, OperationalError, OSError) as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        log.warning("Not ready: %s: %s", name, fault)
    return fault


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return "" if cursor.fetchone() == (1,) else "the database answers nonsense"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} migrations have not run" if missing else ""


def _broker() -> str:
    with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=BROKER_SECONDS)
    return ""


def _ledger_anchor() -> str:
    return anchors.health().reason


def _ledger_history() -> str:
    standing.look_again()
    return standing.standing().reason


def _ledger_replay() -> str:
    waiting = Divergence.objects.filter(resolved_at__isnull=True).count()
    return f"rows are not what the ledger says, and nobody has resolved it: {waiting}" if waiting else ""


def _ledger_triggers() -> str:
    missing = triggers.missing(connection)
    return f"triggers are missing: {missing}" if missing else ""


def _approval_walls() -> str:
    missing = walls.missing(connection)
    return f"triggers are missing: {missing}" if missing else ""


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "ledger_anchor": _ledger_anchor,
    "ledger_history": _ledger_history,
    "ledger_replay": _ledger_replay,
    "ledger_triggers": _ledger_triggers,
    "approval_walls": _approval_walls,
}
TOLD = frozenset({"ledger_anchor", "ledger_history", "ledger_replay"})
"""The checks whose reason is told to everybody; what the others found may name hosts and tables."""
