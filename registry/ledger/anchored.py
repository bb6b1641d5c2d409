"""How far was the ledger anchored at an instant that has passed? From the anchor file's own dates and the receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import router

from registry.ledger import anchors
from registry.ledger.checkpoint import NoteInvalid, parse
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.places.contract import Anchor
from registry.ledger.places.file import FileAnchor
from registry.ledger.plain import instant_text

NEARLY_IN_ORDER = 200
"""Events get their places in the order of their instants, but for those that were written at the same time."""


@dataclass(frozen=True)
class Anchored:
    """When the newest checkpoint had been signed, and for how long an event had waited for each anchor."""

    checkpoint_at: datetime | None
    coverage: tuple[anchors.Coverage, ...]


def anchored_at(instant: datetime) -> Anchored:
    """Work it out for the anchors that are configured now; that one was down for a while is seen by what waited."""
    using = router.db_for_read(LedgerEvent)
    signed = LedgerCheckpoint.objects.using(using).filter(instant__lte=instant).order_by("-size").first()
    found = []
    for place in anchors.places():
        covered = max(_receipted(place, instant, using), _in_file(place, instant))
        found.append(anchors.Coverage(place.slug, covered, _waiting_seconds(covered, instant, using)))
    return Anchored(signed.instant if signed else None, tuple(found))


def _receipted(place: Anchor, instant: datetime, using: str) -> int:
    rows = LedgerAnchor.objects.using(using).filter(kind=place.slug, instant__lte=instant)
    row = rows.order_by("-size").first()
    return int(row.size) if row else 0


def _in_file(place: Anchor, instant: datetime) -> int:
    """Return what the file covered then; nothing where it cannot be read now: then its receipts have to do."""
    if not isinstance(place, FileAnchor):
        return 0
    try:
        note = place.newest_until(instant_text(instant))
        return parse(note).size if note else 0
    except (AnchorDown, LedgerFault, NoteInvalid, OSError):
        return 0


def _waiting_seconds(covered: int, instant: datetime, using: str) -> int:
    """Return how long the oldest event had waited: one whose place is behind what was covered, or that has none yet."""
    behind = LedgerLeaf.objects.using(using).filter(index__gte=covered).order_by("index")
    ids = [*behind.values_list("event_id", flat=True)[:NEARLY_IN_ORDER]]
    ids += LedgerPending.objects.using(using).order_by("event_id").values_list("event_id", flat=True)[:NEARLY_IN_ORDER]
    waiting = LedgerEvent.objects.using(using).filter(id__in=ids, instant__lte=instant)
    oldest = min(waiting.values_list("instant", flat=True), default=None)
    return max(0, int((instant - oldest).total_seconds())) if oldest else 0
