"""How do bytes come in? By their digest, bounded, and only when they are what the name says."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from registry.actions.inventory import require_role
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Artifact, Role, User
from registry.storage import artifacts

declare_action("artifact.stored", "Bytes were stored under their digest.")


def store_artifact(
    sha256: str, pieces: Iterable[bytes], *, actor: User, declared: int | None = None
) -> tuple[Artifact, bool]:
    """Store an upload and record it; the same bytes again are the same row. Returns the artifact and whether it is new.

    Raises DomainError ``bad-digest``, ``artifact-too-large``, ``upload-truncated`` or ``digest-mismatch``. Bytes are
    durable before the row is: a row never names bytes that are not there.
    """
    require_role(actor, Role.DEVELOPER, Role.CI)
    store = artifacts()
    store.path(sha256)
    size = store.put(sha256, pieces, limit=settings.ARTIFACT_MAX_BYTES, declared=declared)
    return _record(sha256, size, actor=actor)


@transaction.atomic
def _record(sha256: str, size: int, *, actor: User) -> tuple[Artifact, bool]:
    artifact, created = Artifact.objects.select_for_update().get_or_create(
        sha256=sha256, defaults={"size": size, "uploaded_by": actor, "uploaded_at": database_now()}
    )
    if created:
        append("artifact.stored", artifact, actor=actor)
    return artifact, created
