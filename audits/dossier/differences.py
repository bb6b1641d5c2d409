"""What differs between two sets of stored facts? Plain JSON against plain JSON: nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMING = ("id", "key", "slug", "sha256", "environment", "name")
ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One field whose value differs; empty where a side has no such field."""

    section: str
    path: str
    earlier: Any
    later: Any


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that holds no other under its path; entries of a list go by what names them, else by place."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from leaves(value[name], f"{path} / {name}" if path else str(name))
    elif isinstance(value, list) and value:
        for name, item in zip(_names(value), value, strict=True):
            yield from leaves(item, f"{path} [{name}]")
    else:
        yield path, value


def _names(items: Sequence[Any]) -> list[str]:
    for candidate in NAMING:
        found = [str(one[candidate]) for one in items if isinstance(one, Mapping) and one.get(candidate)]
        if len(found) == len(items) == len(set(found)):
            return found
    return [str(place) for place in range(1, len(items) + 1)]


def changed(section: str, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> tuple[list[Change], int]:
    """Return the fields of a section that differ, by path, and how many do not."""
    before, after = dict(leaves(earlier)), dict(leaves(later))
    found, same = [], 0
    for path in sorted(before.keys() | after.keys()):
        left, right = before.get(path, ABSENT), after.get(path, ABSENT)
        if left is not ABSENT and right is not ABSENT and left == right:
            same += 1
        else:
            found.append(Change(section, path, None if left is ABSENT else left, None if right is ABSENT else right))
    return found, same
