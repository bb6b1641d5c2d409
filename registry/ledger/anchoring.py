"""When does a checkpoint leave for its anchors, and where are their receipts? The work of the worker, not of a request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, router, transaction
from django.db.models import QuerySet

from registry.errors import DomainError
from registry.ledger import anchors, standing
from registry.ledger.checkpoint import parse
from registry.ledger.clock import database_now
from registry.ledger.faults import AnchorDown
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint, LedgerEvent
from registry.ledger.places.contract import Anchor
from registry.ledger.plain import instant_text

DOSSIER = "dossier"
"""The kind of anchor that a dossier is: whoever holds the PDF holds the checkpoint that it prints."""

log = logging.getLogger("cadastre.ledger")


def anchor_everywhere() -> dict[str, str]:
    """Bring the newest checkpoint to every anchor that is due; one that is down keeps no other waiting.

    Returns what went wrong, by kind. Raises LedgerFault when the ledger does not extend what was anchored.
    """
    faults: dict[str, str] = {}
    try:
        anchors.anchor_latest()
    except AnchorDown as error:
        faults[anchors.FileAnchor.slug] = error.message
    if any(place.remote and _due(place) for place in anchors.places()):
        standing.ask_remote_anchors()
    for place in anchors.places():
        try:
            _anchor_at(place)
        except AnchorDown as error:
            faults[place.slug] = error.message
    for message in faults.values():
        log.warning("%s", message)
    return faults


def keep_receipt(kind: str, note: str, receipt: Mapping[str, Any], *, reference: str = "") -> None:
    """Keep the receipt of an anchor for a checkpoint; the first one for a size stays."""
    using = router.db_for_write(LedgerEvent)
    row = LedgerAnchor(
        kind=kind,
        size=parse(note).size,
        reference=reference,
        note=note,
        receipt=dict(receipt),
        instant=database_now(using),
    )
    if receipts().filter(kind=row.kind, size=row.size, reference=reference).exists():
        return
    try:
        with transaction.atomic(using=using):
            row.save(using=using)
    except IntegrityError:
        if not receipts().filter(kind=row.kind, size=row.size, reference=reference).exists():
            raise


def receipts() -> QuerySet[LedgerAnchor]:
    """Return every receipt, the newest first."""
    rows: QuerySet[LedgerAnchor] = LedgerAnchor.objects.using(router.db_for_read(LedgerEvent))
    return rows.order_by("-id")


def receipt_document(row: LedgerAnchor) -> dict[str, Any]:
    """Return a receipt with its checkpoint as the one JSON document that a verifier takes."""
    return {
        "kind": row.kind,
        "size": row.size,
        "reference": row.reference,
        "note": row.note,
        "receipt": row.receipt,
        "instant": instant_text(row.instant),
    }


def _anchor_at(place: Anchor) -> None:
    using = router.db_for_write(LedgerEvent)
    head = LedgerCheckpoint.objects.using(using).order_by("-size").first()
    if head is None or head.size <= anchors.receipted(place.slug, using) or not _due(place):
        return
    anchors.refuse_if_forked(using)
    if not place.remote:
        note = place.newest()
        if note == head.note:
            keep_receipt(place.slug, head.note, {"file": anchors.configured().path.name})
        return
    keep_receipt(place.slug, head.note, place.keep(head.note, instant=instant_text(database_now(using))))


def _due(place: Anchor) -> bool:
    """Tell whether a remote anchor has rested long enough; the file is always due."""
    if not place.remote:
        return True
    using = router.db_for_write(LedgerEvent)
    last = LedgerAnchor.objects.using(using).filter(kind=place.slug).order_by("-size").first()
    if last is None:
        return True
    rested = (database_now(using) - last.instant).total_seconds()
    return bool(rested >= settings.LEDGER_ANCHOR_EVERY_SECONDS)


def how_it_stands() -> dict[str, Any]:
    """Return for JSON how the register stands and how well each anchor covers it."""
    found, health = standing.standing(), anchors.health()
    return {
        "read_only": found.read_only,
        "code": found.code or health.code,
        "reason": found.reason or health.reason,
        "healthy": health.healthy and not found.read_only,
        "needed": health.needed,
        "limit_seconds": settings.LEDGER_ANCHOR_GRACE_SECONDS,
        "anchors": [
            {"kind": one.kind, "size": one.size, "waiting_seconds": one.waiting_seconds, "fault": one.fault}
            for one in health.coverage
        ],
    }


def confirm(row: LedgerAnchor, *, remote: bool) -> str:
    """Check a receipt with its anchor and return what it shows; empty where it is not to be asked, or not configured.

    Raises LedgerFault when the receipt is false and AnchorDown when it cannot be told.
    """
    if row.kind == DOSSIER:
        return f"printed in dossier {row.reference}"
    for place in anchors.places():
        if place.slug == row.kind and (remote or place.slug != "s3"):
            return place.confirm(row.note, row.receipt)
    return ""


def require_known_kind(kind: str) -> str:
    """Return ``kind`` if there is such an anchor; DomainError otherwise."""
    known = ["file", "rfc3161", "s3", DOSSIER]
    if kind not in known:
        raise DomainError("unknown-anchor", f"There is no anchor {kind!r}. Known: {', '.join(known)}.", known=known)
    return kind
