"""How are the histograms of a reference table kept for the runs after this one, and found again?"""

from __future__ import annotations

from audits.models import Evidence, ReferenceHistograms
from registry.ledger.clock import database_now


def keep_histograms(evidence: Evidence, *, ground: str) -> ReferenceHistograms:
    """Note under which ground stored histograms are found; the first that were kept under it stay.

    The ledger names their digest with the run that made them, as it does with all evidence of a step.
    """
    row, _ = ReferenceHistograms.objects.get_or_create(
        ground=ground, defaults={"evidence": evidence, "kept_at": database_now()}
    )
    return row


def kept_under(ground: str) -> str:
    """Return the digest of the histograms kept under a ground; empty when there are none."""
    row = ReferenceHistograms.objects.filter(pk=ground).first()
    return row.evidence_id if row is not None else ""
