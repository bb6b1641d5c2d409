"""Which work keeps the ledger going when nobody writes? Thin tasks, called by beat; none while it is read-only."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from kombu.exceptions import OperationalError

log = logging.getLogger("cadastre.tasks")


def send(task: Any, *args: str) -> None:
    """Publish a wake-up. A broker that is away costs a delay, not work: the sweeper finds the row."""
    try:
        task.apply_async(args=args, retry=False)
    except OperationalError as error:
        log.warning("The broker did not take %s%r: %s. The sweeper will find the row.", task.name, args, error)


@shared_task(name="registry.tasks.sequence_ledger")
def sequence_ledger() -> int:
    """Drain what is pending into the tree: the fallback for the sequencing after each commit."""
    from registry.ledger.sequencer import sequence_all
    from registry.ledger.standing import standing

    return 0 if standing().read_only else sequence_all()


@shared_task(name="registry.tasks.anchor_ledger")
def anchor_ledger() -> None:
    """Carry the newest checkpoint outside the database, to every anchor that is due."""
    from registry.ledger.anchoring import anchor_everywhere
    from registry.ledger.standing import standing

    if not standing().read_only:
        anchor_everywhere()


@shared_task(name="registry.tasks.record_ledger_heads")
def record_ledger_heads() -> None:
    """Fix the last event of every subject once a day, so that an export can show that it leaves nothing out."""
    from registry.actions.ledger import record_heads_when_due
    from registry.ledger.standing import standing

    if not standing().read_only:
        record_heads_when_due()


@shared_task(name="registry.tasks.reconcile_ledger")
def reconcile_ledger() -> int:
    """Compare every governed row with the ledger, and record what differs; the gate denies from then on."""
    from registry.actions.divergences import reconcile
    from registry.ledger.standing import standing

    return 0 if standing().read_only else len(reconcile())


@shared_task(name="registry.tasks.verify_ledger")
def verify_ledger(verification_id: str) -> None:
    """Verify the whole ledger for whoever asked; also while the register is read-only, when it matters most."""
    from registry.actions.verification import carry_out

    carry_out(verification_id, tell=True)


@shared_task(name="registry.tasks.sweep_verifications")
def sweep_verifications() -> None:
    """Look after verifications that nobody took or whose worker is lost."""
    from registry.actions import verification

    verification.sweep_verifications()
