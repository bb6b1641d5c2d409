"""How is proof stored and read back? By its digest, re-hashed on every read."""

from __future__ import annotations

import logging
from typing import Any

from audits.models import Evidence
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.storage import artifacts

log = logging.getLogger("cadastre.evidence")

EVIDENCE_LIMIT = 256 * 2**20


def store_evidence(data: bytes, *, kind: str, media_type: str) -> Evidence:
    """Store bytes as evidence; the same bytes again are the same row. The bytes are durable before the row is.

    Raises ``bytes-altered`` while other bytes lie under the name, so that making evidence anew does not cover up that
    it was changed; whoever runs the service sets the changed file aside first.
    """
    digest = sha256_hex(data)
    if observed := artifacts().altered(digest):
        log.error("The stored evidence sha256:%s was altered; it is not replaced.", digest)
        message = f"The stored bytes of sha256:{digest} have changed; have the file set aside, and ask again."
        raise DomainError("bytes-altered", message, observed=observed)
    if not artifacts().holds(digest) and Evidence.objects.filter(pk=digest).exists():
        log.error("The stored evidence sha256:%s was missing; it is stored again.", digest)
    artifacts().put(digest, [data], limit=EVIDENCE_LIMIT)
    row, _ = Evidence.objects.get_or_create(
        sha256=digest,
        defaults={"kind": kind, "media_type": media_type, "size": len(data), "stored_at": database_now()},
    )
    return row


def store_json(value: Any, *, kind: str) -> Evidence:
    """Store a JSON value in its canonical form."""
    return store_evidence(canonical_json(value), kind=kind, media_type="application/json")


def read_evidence(sha256: str) -> bytes:
    """Return stored evidence; raises DomainError ``bytes-missing`` or ``bytes-altered``."""
    return artifacts().read(sha256)
