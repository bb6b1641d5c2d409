"""Is the queue set up so that a message is only a hint, and losing one loses no work?"""

from __future__ import annotations

import gc
import time
from fnmatch import fnmatchcase

import pytest
from kombu.exceptions import OperationalError

from governance.celery import BEAT_TABLE, HARD_LIMIT_SECONDS, app, configuration, load_what_measures
from governance.processes.commands import QUEUES


def test_a_message_is_kept_until_its_task_has_ended_and_carries_json_only() -> None:
    conf = app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert (conf.accept_content, conf.task_serializer, conf.task_ignore_result) == (["json"], "json", True)
    assert conf.result_backend is None


def test_the_broker_does_not_hand_a_message_out_again_while_its_task_may_still_run() -> None:
    options = configuration("redis://127.0.0.1:6379/0")["broker_transport_options"]
    assert options["visibility_timeout"] >= 2 * HARD_LIMIT_SECONDS
    assert options["unacked_restore_throttle"] == 1
    assert "visibility_timeout" not in configuration("amqp://127.0.0.1//")["broker_transport_options"]


def test_the_periodic_tasks_have_their_period_and_expire_with_it() -> None:
    periods = {line["task"]: line["schedule"] for line in BEAT_TABLE.values()}
    assert periods == {
        "audits.tasks.sweep_runs": 10.0,
        "registry.tasks.sequence_ledger": 5.0,
        "registry.tasks.anchor_ledger": 60.0,
        "registry.tasks.record_ledger_heads": 3600.0,
        "registry.tasks.sweep_verifications": 30.0,
        "registry.tasks.reconcile_ledger": 3600.0,
    }
    assert all(line["options"]["expires"] == line["schedule"] for line in BEAT_TABLE.values())


def test_every_task_that_beat_calls_exists_and_every_queue_is_served() -> None:
    app.loader.import_default_modules()
    assert {line["task"] for line in BEAT_TABLE.values()} <= set(app.tasks)
    assert {queue.name for queue in app.conf.task_queues} == set(QUEUES)


def test_runs_and_documents_have_queues_of_their_own() -> None:
    app.loader.import_default_modules()
    routes = app.conf.task_routes
    routed = {name: [to["queue"] for glob, to in routes.items() if fnmatchcase(name, glob)] for name in app.tasks}
    assert routed["audits.tasks.run_validation"] == ["validation"]
    assert routed["audits.tasks.issue_dossier"] == ["documents"]
    assert routed["registry.tasks.sequence_ledger"] == []


@pytest.mark.parametrize("address", ["redis+socket:///nonexistent/valkey.sock", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_down_is_noticed_within_seconds(address: str) -> None:
    """The bound is generous: without the short retry policy the call would wait for minutes."""
    with app.connection_for_write(address) as connection:
        start = time.monotonic()
        with pytest.raises(OperationalError):
            app.send_task("registry.tasks.sequence_ledger", connection=connection, retry=False)
        assert time.monotonic() - start < 10.0


def test_what_a_worker_has_loaded_is_not_collected_again() -> None:
    try:
        load_what_measures()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()
