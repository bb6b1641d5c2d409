"""How do frozen dataclasses become JSON and come back? Strictly: nothing unknown, nothing missing, no naive instant."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
SCALARS = frozenset({str, bool, int, float})


def instant(value: datetime) -> str:
    """Return an aware instant as RFC 3339 text in UTC; a naive one raises ValueError."""
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"an instant needs a time zone: {value!r}")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_json(value: Any) -> Any:
    """Return the JSON form of a dataclass tree: tuples as lists, sets as sorted lists, instants as RFC 3339 in UTC."""
    if value is None or type(value) in SCALARS:
        return value
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _member(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_json(item) for item in value)
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _member(value: Any) -> Any:
    return value.as_json() if hasattr(value, "as_json") else to_json(value)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def from_json(kind: type[T], data: Any) -> T:
    """Return the dataclass ``kind`` read from its JSON form; unknown, missing or mistyped members raise ValueError."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{kind.__name__} is an object, not {type(data).__name__}")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # only dataclasses are handed in
    if unknown := sorted(set(data) - set(known)):
        raise ValueError(f"{kind.__name__} has no member {unknown[0]!r}")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    values = {}
    for name, field in known.items():
        if name in data:
            values[name] = _read(hints[name], data[name], f"{kind.__name__}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{kind.__name__} lacks {name!r}")
    return kind(**values)


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if hasattr(hint, "from_json"):
        return hint.from_json(value)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _read_union([kind for kind in arguments if kind is not type(None)], value, where)
    if origin is Literal:
        if value in arguments:
            return value
    elif origin in (tuple, frozenset):
        if isinstance(value, list):
            items = (_read(arguments[0], item, where) for item in value)
            return tuple(items) if origin is tuple else frozenset(items)
    elif origin is not None:
        if isinstance(value, Mapping):
            return dict(value)
    elif is_dataclass(hint):
        return from_json(hint, value)  # type: ignore[arg-type]  # a dataclass class is what the hint is
    else:
        return _scalar(hint, value, where)
    raise ValueError(f"{where} cannot be {value!r}")


def _read_union(kinds: list[Any], value: Any, where: str) -> Any:
    for kind in kinds[:-1]:
        try:
            return _read(kind, value, where)
        except ValueError:
            continue
    return _read(kinds[-1], value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind in (datetime, date) and isinstance(value, str):
        try:
            return kind.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{where} is not a {kind.__name__}: {value!r}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind:
        return value
    raise ValueError(f"{where} cannot be {value!r}")
