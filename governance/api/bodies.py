"""Which bodies are taken in? JSON that means one thing, with exactly the fields that are known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from governance.api.errors import Refusal
from registry.errors import DomainError

DEEPEST = 32
LARGEST_INTEGER = 2**63 - 1
LONGEST_INTEGER = 20
FIRST_YEAR, LAST_YEAR = 1970, 2200


class StrictJSONParser(BaseParser):
    """Reads a JSON object; refuses whatever two readers could understand differently."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the object. Raises Refusal (400, 413) with a code that names the fault."""
        data = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        return read_object(data)


def read_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in ``data``, within the limits of depth, size and number."""
    if len(data) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise body_too_large()
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_bounded,
            parse_float=_finite,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise Refusal(400, "malformed-json", _("The body is not JSON in UTF-8.")) from None
    if not isinstance(value, dict):
        raise Refusal(400, "not-an-object", _("The body must be a JSON object."))
    _refuse_unclean(value, 1)
    return value


def require_readable(request: Request) -> None:
    """Refuse a body by its headers, before a byte of it is read: its kind, its encoding, its declared length."""
    headers = request.headers
    if (headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise Refusal(415, "content-encoding-not-supported", _("Send the body as it is, not compressed."))
    length = headers.get("Content-Length") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Refusal(400, "bad-content-length", _("Content-Length is a whole number."))
    if int(length[:19]) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise body_too_large()
    kind, _semicolon, parameters = (headers.get("Content-Type") or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if int(length) and (kind.strip().lower() != StrictJSONParser.media_type or charset not in {"", "utf-8"}):
        raise Refusal(415, "unsupported-media-type", _("Send application/json."))


def body_too_large() -> Refusal:
    """Return the refusal of a body beyond the limit."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return Refusal(413, "body-too-large", _("At most %s bytes are taken.") % limit, limit=limit)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal(400, "duplicate-key", _("A name appears twice in one object."))
    return found


def _no_constant(_name: str) -> NoReturn:
    raise _not_a_number()


def _bounded(text: str) -> int:
    number = int(text) if len(text) <= LONGEST_INTEGER else LARGEST_INTEGER + 1
    if abs(number) > LARGEST_INTEGER:
        raise Refusal(400, "number-too-large", _("A whole number lies within 2 to the power of 63."))
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _not_a_number()
    return number


def _not_a_number() -> Refusal:
    return Refusal(400, "not-a-number", _("NaN and infinity are not JSON."))


def _too_deep() -> Refusal:
    return Refusal(400, "nested-too-deeply", _("The body is nested more than %s levels deep.") % DEEPEST)


def _refuse_unclean(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise _too_deep()
    if isinstance(value, dict):
        for name, item in value.items():
            _refuse_unclean(name, depth)
            _refuse_unclean(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_unclean(item, depth + 1)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        raise Refusal(400, "bad-character", _("A text holds a NUL or half of a surrogate pair."))


class Strict(serializers.Serializer[Any]):
    """A body with exactly these fields: anything further is ``unknown-field``, so nothing is set by the way."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values of the known fields."""
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            shown = [name[:80] for name in unknown[:20]]
            raise DomainError("unknown-field", _("These fields are not known: %s.") % ", ".join(shown), fields=shown)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text and nothing that could pass for it; what may be in it is for the action to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "allow_blank": True} | options)

    def to_internal_value(self, data: Any) -> str:
        """Return the text as it came."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(data)


class Flag(serializers.BooleanField):
    """True or false, not "yes" or 1."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the truth value."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class Whole(serializers.IntegerField):
    """A whole number, not "1", 1.0 or true."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Object(serializers.DictField):
    """A JSON object whose members only the action judges."""


class Instant(serializers.DateTimeField):
    """An instant of RFC 3339 with its time zone."""

    default_error_messages = {"invalid": "An instant is written like 2026-11-21T12:00:00Z, with its time zone."}

    def to_internal_value(self, value: Any) -> datetime:
        """Return the instant in UTC."""
        found = instant(value)
        if found is None:
            self.fail("invalid")
        return found


def instant(text: object) -> datetime | None:
    """Return the instant that ``text`` states, in UTC; None for anything without a time zone or a sensible year."""
    try:
        found = parse_datetime(text) if isinstance(text, str) and len(text) <= 40 else None
        moment = found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and FIRST_YEAR <= moment.year <= LAST_YEAR else None
