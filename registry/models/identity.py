"""What identifies a row that has no natural key? A UUIDv7, so that ids sort by time."""

from __future__ import annotations

import uuid

from uuid6 import uuid7


def new_id() -> uuid.UUID:
    """Return a new UUIDv7 as a plain ``uuid.UUID``."""
    return uuid.UUID(int=uuid7().int)
