"""Which work keeps the ledger going when nobody writes? Thin tasks, called by beat."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="registry.tasks.sequence_ledger")
def sequence_ledger() -> int:
    """Drain what is pending into the tree: the fallback for the sequencing after each commit."""
    from registry.ledger.sequencer import sequence_all

    return sequence_all()


@shared_task(name="registry.tasks.anchor_ledger")
def anchor_ledger() -> None:
    """Carry the newest checkpoint outside the database, to every anchor that is due."""
    from registry.ledger.anchoring import anchor_everywhere

    anchor_everywhere()
