"""How is a value written so that its bytes are the same everywhere? JSON without floats, within stated bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from registry.errors import DomainError

MAX_INTEGER = 2**53
MAX_DEPTH = 24


def decimal_text(value: float) -> str:
    """Return ``value`` as the shortest plain decimal that reads back as the same number ("0.07", never "7e-2").

    Raises DomainError for NaN and infinities. Negative zero is written "0.0".
    """
    if not math.isfinite(value):
        raise DomainError("not-a-number", "NaN and infinity cannot be recorded in the ledger.", value=repr(value))
    return format(Decimal(repr(value + 0.0)), "f")


def instant_text(value: datetime) -> str:
    """Return an aware instant as UTC in ISO 8601 with microseconds and the suffix Z."""
    if value.tzinfo is None:
        raise DomainError("naive-instant", "An instant without a time zone cannot be recorded in the ledger.")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """Return the instant that ``instant_text`` wrote; ValueError for any other spelling."""
    value = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    if instant_text(value) != text:
        raise ValueError(f"{text!r} is not the canonical spelling of an instant")
    return value


def plain(value: Any, *, depth: int = 0) -> Any:
    """Return ``value`` in the types of the ledger: None, bool, int, str, list and dict with text keys.

    Floats and decimals become decimal text, instants ISO text in UTC, UUIDs and enumerations their text. Raises
    DomainError for any other type, for integers beyond 2**53 and for nesting deeper than ``MAX_DEPTH``.
    """
    if depth > MAX_DEPTH:
        raise DomainError("too-deep", f"A ledger value may be nested {MAX_DEPTH} levels deep.")
    match value:
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise DomainError("not-ledger-json", "The keys of a ledger mapping are text.")
            return {str(key): plain(item, depth=depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, depth=depth + 1) for item in value]
        case Enum():
            return plain(value.value, depth=depth)
        case None | bool():
            return value
        case int() | float() | Decimal() | timedelta():
            return _number(value)
    return _text(value)


def _number(value: int | float | Decimal | timedelta) -> int | str:
    if isinstance(value, timedelta):
        return decimal_text(value.total_seconds())
    if isinstance(value, float):
        return decimal_text(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise DomainError("not-a-number", "NaN and infinity cannot be recorded in the ledger.")
        return format(value, "f")
    if abs(value) > MAX_INTEGER:
        raise DomainError("number-too-large", "An integer in the ledger lies within 2**53.", value=str(value))
    return int(value)


def _text(value: Any) -> str:
    match value:
        case str():
            return str(value)
        case datetime():
            return instant_text(value)
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
    raise DomainError("not-ledger-json", f"A {type(value).__name__} cannot be recorded in the ledger.")
