"""Who carries a wake-up to a worker? The Celery app: queues, delivery rules, beat table; our rows hold the truth."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

HARD_LIMIT_SECONDS = 1800
SOFT_LIMIT_SECONDS = 1740
HOUSEKEEPING_LIMIT_SECONDS = 120

BEAT_TABLE: dict[str, dict[str, Any]] = {
    # A message that is older than its own period has been replaced by the next one, so it expires.
    "sweep-expired-leases": {
        "task": "audits.tasks.sweep_runs",
        "schedule": 10.0,
        "options": {"queue": "default", "expires": 10.0},
    },
    "sequence-ledger": {
        "task": "registry.tasks.sequence_ledger",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 5.0},
    },
    "record-ledger-heads": {
        "task": "registry.tasks.record_ledger_heads",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3600.0},
    },
    "anchor-ledger": {
        "task": "registry.tasks.anchor_ledger",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60.0},
    },
    "sweep-verifications": {
        "task": "registry.tasks.sweep_verifications",
        "schedule": 30.0,
        "options": {"queue": "default", "expires": 30.0},
    },
    "reconcile-ledger": {
        "task": "registry.tasks.reconcile_ledger",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3600.0},
    },
}
LONG = frozenset({"registry.tasks.reconcile_ledger"})
"""Called by beat, and yet as long as the ledger is large: the limits of a run hold for it."""


def transport_options(broker_url: str) -> dict[str, Any]:
    """Return what the transport of ``broker_url`` needs: Redis and Valkey redeliver by a clock, RabbitMQ by connection.

    A message is redelivered only after twice the hard limit, so a task that is still at work is not started again by
    the broker; the lease in our own tables decides that much earlier. The short retry policy keeps a request from
    waiting for a broker that is down: the row is committed, and the sweeper publishes again.
    """
    retry = {"max_retries": 2, "interval_start": 0.0, "interval_step": 0.2, "interval_max": 0.4}
    if not broker_url.startswith(("redis", "rediss", "valkey")):
        return retry
    return {
        **retry,
        "visibility_timeout": 2 * HARD_LIMIT_SECONDS,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": not broker_url.startswith("redis+socket"),
    }


def configuration(broker_url: str) -> dict[str, Any]:
    """Return the Celery settings of this service for ``broker_url``."""
    limits = {"soft_time_limit": HOUSEKEEPING_LIMIT_SECONDS - 20, "time_limit": HOUSEKEEPING_LIMIT_SECONDS}
    return {
        "broker_url": broker_url,
        "broker_transport_options": transport_options(broker_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "result_backend": None,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_track_started": False,
        "task_soft_time_limit": SOFT_LIMIT_SECONDS,
        "task_time_limit": HARD_LIMIT_SECONDS,
        "task_annotations": {line["task"]: limits for line in BEAT_TABLE.values() if line["task"] not in LONG},
        "task_default_queue": "default",
        "task_queues": [Queue("default"), Queue("validation"), Queue("documents")],
        "task_create_missing_queues": False,
        "task_routes": {
            "audits.tasks.run_*": {"queue": "validation"},
            "audits.tasks.*dossier*": {"queue": "documents"},
            "registry.tasks.verify_ledger": {"queue": "documents"},
        },
        "task_publish_retry_policy": {**transport_options(""), "retry_errors": None},
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 50,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "enable_utc": True,
        "timezone": "UTC",
        "beat_schedule": BEAT_TABLE,
    }


def from_settings() -> dict[str, Any]:
    """Return the configuration for the broker that Django's settings name; read when the app is first used."""
    from django.conf import settings

    every = float(settings.RECONCILE_EVERY_SECONDS)
    line = BEAT_TABLE["reconcile-ledger"]
    own = {**line, "schedule": every, "options": {**line["options"], "expires": every}}
    return configuration(settings.BROKER_URL) | {"beat_schedule": {**BEAT_TABLE, "reconcile-ledger": own}}


def ask_remote_anchors(**_told: Any) -> None:
    """Learn before the first task whether this database is older than what was anchored outside."""
    from registry.ledger import standing

    standing.ask_remote_anchors()


def load_what_measures(**_told: Any) -> None:
    """Load the libraries that measure before a worker forks its processes, so that a new process costs nothing.

    What they made of themselves stays: the collector need not walk through it again and again, which takes as long as a
    quarter of a report, nor copy its pages in each process.
    """
    from audits.runs.execute import load

    load()
    gc.collect()
    gc.freeze()


app = Celery("cadastre")
app.add_defaults(from_settings)
app.autodiscover_tasks()
worker_init.connect(load_what_measures)
worker_init.connect(ask_remote_anchors)
