"""What differs between two sets of stored facts? Plain JSON against plain JSON: nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMING = ("key", "slug", "title", "sha256", "environment", "name", "id")
ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One field whose value differs, or one entry of a list that one side has alone; None where a side has none."""

    section: str
    path: str
    earlier: Any
    later: Any


def changed(section: str, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> tuple[list[Change], int]:
    """Return what differs in a section, by path, and how many values do not.

    An entry that one side has alone is one change with the whole entry, not one for each of its values.
    """
    found: list[Change] = []
    same = 0
    for path, left, right in _pairs(earlier, later, ""):
        if left is not ABSENT and right is not ABSENT and left == right:
            same += 1
        else:
            found.append(Change(section, path, None if left is ABSENT else left, None if right is ABSENT else right))
    return sorted(found, key=lambda one: one.path), same


def told(value: Any) -> list[tuple[str, Any]]:
    """Return the values within a value that are not empty, each under its path; entries of a list by their place."""
    if isinstance(value, Mapping):
        inner = ((str(name), value[name]) for name in sorted(value))
    elif isinstance(value, list):
        inner = ((str(place), item) for place, item in enumerate(value, start=1))
    else:
        return [] if value is None or value == "" else [("", value)]
    return [(f"{name} / {path}" if path else name, leaf) for name, item in inner for path, leaf in told(item)]


def _pairs(left: Any, right: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(left, Mapping) and isinstance(right, Mapping) and (left or right):
        for name in sorted(left.keys() | right.keys()):
            at = f"{path} / {name}" if path else str(name)
            yield from _pairs(left.get(name, ABSENT), right.get(name, ABSENT), at)
    elif isinstance(left, list) and isinstance(right, list) and (left or right):
        before, after = _named(left, right)
        for name in [*before, *(one for one in after if one not in before)]:
            yield from _pairs(before.get(name, ABSENT), after.get(name, ABSENT), f"{path} [{name}]")
    else:
        yield path, left, right


def _named(left: Sequence[Any], right: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of two lists by what names them on both sides, else by their place."""
    for candidate in NAMING:
        sides = [_by(candidate, left), _by(candidate, right)]
        if len(sides[0]) == len(left) and len(sides[1]) == len(right):
            return sides[0], sides[1]
    return {str(at): one for at, one in enumerate(left, 1)}, {str(at): one for at, one in enumerate(right, 1)}


def _by(name: str, items: Sequence[Any]) -> dict[str, Any]:
    return {str(one[name]): one for one in items if isinstance(one, Mapping) and one.get(name)}
