"""Which work is done outside the request? Thin tasks: each carries an id, and the rows decide what is done."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from celery import current_app, shared_task
from kombu.exceptions import OperationalError

log = logging.getLogger("cadastre.tasks")


def send(task: Any, *args: str, expires: float | None = None) -> None:
    """Publish a wake-up. A broker that is away costs a delay, not work: the sweeper finds the row.

    A message that ``expires`` (seconds) is dropped when nobody took it in time.
    """
    try:
        task.apply_async(args=args, retry=False, expires=expires)
    except OperationalError as error:
        log.warning("The broker did not take %s%r: %s. The sweeper will find the row.", task.name, args, error)


def send_by_name(name: str, *args: str) -> None:
    """Publish a wake-up for a task of an upper room, named by its caller."""
    try:
        current_app.send_task(name, args=args, retry=False)
    except OperationalError as error:
        log.warning("The broker did not take %s%r: %s.", name, args, error)


def worker_name() -> str:
    """Return host and process, as recorded with each attempt."""
    return f"{socket.gethostname()}:{os.getpid()}"


@shared_task(name="audits.tasks.run_validation")
def run_validation(run_id: str) -> None:
    """Work on the steps of one run that are free; any number of workers may be sent this for one run."""
    from audits.runs.execute import execute
    from registry.ledger.standing import standing

    if standing().read_only:
        return  # its row stays; the sweeper sends it again once the register may be written to
    execute(run_id, worker=worker_name())


@shared_task(name="audits.tasks.sweep_runs")
def sweep_runs() -> None:
    """Look after what was left behind."""
    from audits.runs.sweep import sweep
    from registry.ledger.standing import standing

    if not standing().read_only:
        sweep()


@shared_task(name="audits.tasks.issue_dossier")
def issue_dossier(dossier_id: str) -> None:
    """Build one requested dossier."""
    from audits.actions.dossiers import build_dossier
    from registry.ledger.standing import standing

    if standing().read_only:
        return  # as above
    build_dossier(dossier_id)
