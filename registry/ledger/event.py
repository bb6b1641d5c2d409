"""What are the exact bytes of an event, and how are they read back? Canonical JSON with a version; pure."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger.plain import instant_text, parse_instant, plain

VERSION = 1
MAX_BODY_BYTES = 64 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = frozenset(
    {
        "version", "id", "instant", "actor", "on_behalf_of", "request_id", "credential", "authentication",
        "action", "subject", "subject_seq", "prev", "state", "payload",
    }
)  # fmt: skip


class BodyInvalid(ValueError):
    """Bytes that are not the body of an event."""


@dataclass(frozen=True)
class Event:
    """An event as its bytes state it."""

    id: UUID
    instant: datetime
    actor_id: str
    actor_kind: str
    action: str
    subject_kind: str
    subject_key: str
    subject_seq: int
    prev: str | None
    state: Mapping[str, Any]
    payload: Mapping[str, Any]
    request_id: str
    credential: str | None
    authentication: str
    on_behalf_of: str | None

    def body(self) -> bytes:
        """Return the exact bytes; DomainError when a value is not of the ledger or the body exceeds 64 KB."""
        body = canonical_json(
            {
                "version": VERSION,
                "id": str(self.id),
                "instant": instant_text(self.instant),
                "actor": {"id": self.actor_id, "kind": self.actor_kind},
                "on_behalf_of": self.on_behalf_of,
                "request_id": self.request_id,
                "credential": self.credential,
                "authentication": self.authentication,
                "action": self.action,
                "subject": {"kind": self.subject_kind, "key": self.subject_key},
                "subject_seq": self.subject_seq,
                "prev": self.prev,
                "state": plain(self.state),
                "payload": plain(self.payload),
            }
        )
        if len(body) > MAX_BODY_BYTES:
            raise DomainError(
                "event-too-large",
                f"The record of this act takes {len(body)} bytes; the ledger takes {MAX_BODY_BYTES}. Nothing was done.",
                kind="too-large",
                observed=len(body),
                required=MAX_BODY_BYTES,
            )
        return body


def read(body: bytes) -> Event:
    """Return the event whose exact bytes are ``body``; BodyInvalid for any byte that ``Event.body`` would not write."""
    try:
        value = json.loads(body)
        if not isinstance(value, dict) or set(value) != FIELDS or value["version"] != VERSION:
            raise BodyInvalid("the body does not have the fields of an event of a known version")
        if value["version"] is True:
            raise BodyInvalid("the version of the body is not a number")
        event = Event(
            id=UUID(value["id"]),
            instant=parse_instant(value["instant"]),
            actor_id=value["actor"]["id"],
            actor_kind=value["actor"]["kind"],
            action=value["action"],
            subject_kind=value["subject"]["kind"],
            subject_key=value["subject"]["key"],
            subject_seq=value["subject_seq"],
            prev=value["prev"],
            state=value["state"],
            payload=value["payload"],
            request_id=value["request_id"],
            credential=value["credential"],
            authentication=value["authentication"],
            on_behalf_of=value["on_behalf_of"],
        )
        if event.body() != body:
            raise BodyInvalid("the body is not in canonical form")
    except BodyInvalid:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DomainError) as error:
        raise BodyInvalid(f"the body is not an event: {error}") from error
    return event


def new_event_id(instant: datetime, *, after: UUID | None = None) -> UUID:
    """Return a UUIDv7 of ``instant`` to the quarter microsecond (RFC 9562, method 3), greater than ``after``.

    Its time is the database's. Being greater than the id of the subject's previous event keeps the events of a subject
    in order in the tree even when the clock was set back.
    """
    microseconds = (instant - EPOCH) // timedelta(microseconds=1)
    ticks = (microseconds // 1000 << 12) | (microseconds % 1000 * 4096 // 1000)
    if after is not None:
        previous = (after.int >> 80 << 12) | (after.int >> 64 & 0xFFF)
        ticks = max(ticks, previous + 1)
    value = ticks >> 12 << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)
