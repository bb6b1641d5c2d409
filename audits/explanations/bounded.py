"""Which JSON values may be believed? Readers that refuse what is of another kind, too long or out of range."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def listed(value: object, limit: int) -> list[Any]:
    """Return a list of at most ``limit`` items."""
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError(f"expected a list of at most {limit}")
    return value


def several(value: object, limit: int, read: Callable[[object], T]) -> tuple[T, ...]:
    """Return each item of a list of at most ``limit``, as ``read`` reads it."""
    return tuple(read(item) for item in listed(value, limit))


def text(value: object, limit: int = 500) -> str:
    """Return a text of at most ``limit`` characters."""
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"expected a text of at most {limit} characters")
    return value


def among(value: object, known: tuple[str, ...]) -> str:
    """Return one of the ``known`` words."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return value


def count(value: object) -> int:
    """Return a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError("expected a whole number")
    return value


def number(value: object) -> float:
    """Return a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("expected a finite number")
    try:
        found = float(value)
    except OverflowError:
        raise ValueError("expected a finite number") from None
    if not math.isfinite(found):
        raise ValueError("expected a finite number")
    return found


def size(value: object) -> float:
    """Return a finite number that is not negative."""
    found = number(value)
    if found < 0:
        raise ValueError("expected a number that is not negative")
    return found


def share(value: object) -> float:
    """Return a number from 0 to 1."""
    found = number(value)
    if not 0.0 <= found <= 1.0:
        raise ValueError("expected a number from 0 to 1")
    return found


def yes(value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def cell(value: object) -> float | str | None:
    """Return a value of a feature: a finite number, a short text, or None where it is missing."""
    if value is None or isinstance(value, bool):
        return None if value is None else float(value)
    return text(value, 200) if isinstance(value, str) else number(value)


PLAIN = frozenset({str, int, float, bool})


def maybe(value: object, read: Callable[[object], T]) -> T | None:
    """Return None for null, else what ``read`` reads."""
    return None if value is None else read(value)


def fields(value: object, names: set[str]) -> dict[str, Any]:
    """Return an object that has exactly the fields ``names``."""
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError("expected an object with other fields")
    return value


def plain(value: object) -> Any:
    """Return tuples as lists and records as objects, at any depth."""
    if value is None or type(value) in PLAIN:  # nearly all of an explanation is numbers
        return value
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if dataclasses.is_dataclass(value):
        return {part.name: plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    return value
