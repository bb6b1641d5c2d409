"""Do web server, worker and beat start on a database that is older than its anchor, and only read?"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from governance.processes import commands
from governance.processes.running import has_started, is_ready
from registry.ledger import standing
from registry.ledger.append import append
from registry.ledger.models import LedgerEvent
from registry.models import Environment
from tests.cast import Cast, make_cast
from tests.registry.database_copies import Copy
from tests.registry.ledger_cast import NOTED

pytestmark = [pytest.mark.worker, pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def rolled_back(cast: Cast, tmp_path: Path) -> Cast:
    """Restore a copy from before an event that was anchored."""
    copy = Copy(tmp_path)
    with transaction.atomic():
        append(NOTED, cast.adam, actor=cast.adam)
    copy.restore()
    copy.forget()
    standing.look_again()
    return cast


@pytest.fixture
def beat(processes: Any, child_environment: dict[str, str], tmp_path: Path) -> Any:
    """Return a running beat of this test's database and broker."""
    return processes.start(commands.beat(schedule_file=tmp_path / "beat", environment=child_environment))


def ask(address: str, path: str, token: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data=data, headers=headers)  # noqa: S310  (our own server)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  (as above)
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_web_worker_and_beat_start_and_read(
    rolled_back: Cast,
    web_address: str,
    start_worker: Callable[..., Any],
    beat: Any,
) -> None:
    before = LedgerEvent.objects.count()
    worker = start_worker()
    token = rolled_back.token
    assert ask(web_address, "/api/v1/models/", token)[0] == 200
    status, shown = ask(web_address, "/api/v1/ledger/standing/", token)
    assert (status, shown["read_only"], shown["code"]) == (200, True, "ledger-rolled-back")
    status, problem = ask(web_address, "/api/v1/datasets/", token, {"slug": "x", "name": "X"})
    assert (status, problem["code"]) == (503, "register-read-only")
    status, ready = ask(web_address, "/health/ready", token)
    assert (status, ready["checks"]["ledger_history"]) == (503, "failing")
    assert "rolled back" in ready["reasons"]["ledger_history"]
    assert has_started(web_address)
    assert not is_ready(web_address)
    nonce = {"artifact_sha256": "5" * 64, "environment": "production", "nonce": "nonce-0001"}
    assert ask(web_address, "/api/v1/gate/decisions/", token, nonce)[1]["decision"] == "deny"
    time.sleep(7)  # beat has sent its first round, and the worker has taken it
    assert worker.process.poll() is None
    assert beat.process.poll() is None
    assert set(LedgerEvent.objects.order_by("id").values_list("action", flat=True)[before:]) <= {"gate.decided"}
    assert LedgerEvent.objects.count() == before + 1, "the denial alone"
    assert Environment.objects.count() == 0
