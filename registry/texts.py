"""Which text do we take in? Names and prose without control characters, direction overrides or surprises in length."""

from __future__ import annotations

import re
import unicodedata

from registry.errors import DomainError

SLUG = re.compile(r"\A[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?\Z")
VERSION = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,78}[A-Za-z0-9])?\Z")
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
INVISIBLE = frozenset("\u200b\u200c\u2060\ufeff\u00ad\u2028\u2029")


def slug(value: object, *, field: str) -> str:
    """Return ``value`` if it is a slug: lower-case ASCII letters, digits and hyphens, at most 80 characters."""
    if isinstance(value, str) and SLUG.match(value):
        return value
    raise DomainError(
        "bad-slug",
        f"{field} must be 1 to 80 lower-case letters, digits or hyphens, beginning and ending with a letter or digit.",
        field=field,
    )


def version_name(value: object, *, field: str = "version") -> str:
    """Return ``value`` if it names a version: ASCII letters, digits, dot, underscore, plus, hyphen; at most 80."""
    if isinstance(value, str) and VERSION.match(value):
        return value
    raise DomainError(
        "bad-version-name",
        f"{field} must be 1 to 80 ASCII letters, digits, dots, underscores, plus signs or hyphens.",
        field=field,
    )


def line(value: object, *, field: str, limit: int = 200, required: bool = True) -> str:
    """Return one line of clean text in NFC form; refuses what cannot be shown plainly on one line."""
    text = _clean(value, field=field, limit=limit, required=required)
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise DomainError("text-has-control-characters", f"{field} contains control characters.", field=field)
    if set(text) & INVISIBLE:
        raise DomainError("text-has-invisible-characters", f"{field} contains invisible characters.", field=field)
    return text


def prose(value: object, *, field: str, limit: int = 20_000, required: bool = False) -> str:
    """Return text of several lines in NFC form; new lines and tabs are the only control characters taken."""
    text = _clean(value, field=field, limit=limit, required=required).replace("\r\n", "\n")
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text):
        raise DomainError("text-has-control-characters", f"{field} contains control characters.", field=field)
    return text


def defused(value: str, *, limit: int) -> str:
    """Return text that a table, a model or a library made, at most ``limit`` long, fit to be kept: what ``prose`` would
    refuse is replaced by U+FFFD. A result is recorded whatever words it comes in."""
    return "".join("\ufffd" if _unfit(character) else character for character in value[:limit])


def _unfit(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cs" or (category == "Cc" and character not in "\n\t") or character in OVERRIDES


def _clean(value: object, *, field: str, limit: int, required: bool) -> str:
    if not isinstance(value, str):
        raise DomainError("not-text", f"{field} must be text.", field=field)
    if len(value) > limit:
        raise DomainError("text-too-long", f"{field} has {len(value)} characters; {limit} are allowed.", field=field)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise DomainError("text-not-unicode", f"{field} contains half of a surrogate pair.", field=field) from None
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > limit:  # composition can lengthen a text
        raise DomainError("text-too-long", f"{field} has {len(text)} characters; {limit} are allowed.", field=field)
    if set(text) & OVERRIDES:
        raise DomainError("text-has-direction-override", f"{field} contains direction overrides.", field=field)
    if required and not text:
        raise DomainError("text-empty", f"{field} must not be empty.", field=field)
    return text
