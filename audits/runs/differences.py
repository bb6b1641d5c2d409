"""Do two runs of one plan agree? Number by number within a stated tolerance, with what differs in their manifests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-9
"""Largest relative difference of two numbers that still agree; counts, words and statuses agree only when equal."""
NEAR_ZERO = 1e-12

COMPARED = ("value", "low", "high", "n", "groups")
OF_THE_MOMENT = (
    "manifest_sha256",
    "explanation_sha256",
    "sandbox.peak_memory_bytes",
    "sandbox.seconds",
    "fitness",
    "evidence.explain:",
    "reference_histograms.",
)
"""What a manifest holds that is another at each run, though nothing about the numbers is."""


@dataclass(frozen=True)
class Measured:
    """One requirement's result: its check, its status, the measurement, or why that cannot be read."""

    check: str
    status: str
    measurement: Mapping[str, Any] | None
    unreadable: str = ""


def difference(
    original: Mapping[str, Measured],
    again: Mapping[str, Measured],
    manifest: Mapping[str, Any],
    manifest_again: Mapping[str, Any],
    *,
    undecided: str = "",
) -> dict[str, Any]:
    """Return as JSON what of the original came out again.

    ``agree`` of the ``of`` measurements of the original have the same status and n, and a value, interval and groups
    within ``tolerance``. Of checks that time the machine (family "fitness") only the status is compared. ``undecided``
    says why nothing could be compared, when the re-performance ended in error. ``manifest`` lists what differs in libraries,
    code, engine, sandbox and data.
    """
    rows = [_row(key, one, again.get(key), undecided) for key, one in original.items()]
    return {
        "tolerance": TOLERANCE,
        "agree": sum(row["agrees"] is True for row in rows),
        "of": len(rows),
        "undecided": undecided,
        "measurements": rows,
        "manifest": [] if undecided else _manifests(manifest, manifest_again),
    }


def _row(key: str, one: Measured, other: Measured | None, undecided: str) -> dict[str, Any]:
    row: dict[str, Any] = {"key": key, "check": one.check, "agrees": None, "compared": "numbers", "differs": []}
    if undecided or other is None:
        return row | {"compared": "nothing", "reason": undecided or "The re-performance has no result for it."}
    if one.unreadable or other.unreadable:
        which = "original" if one.unreadable else "re-performed"
        return row | {
            "compared": "nothing",
            "reason": f"The {which} evidence cannot be read: {one.unreadable or other.unreadable}.",
        }
    found = [] if one.status == other.status else [_pair("status", one.status, other.status)]
    if one.check.startswith("fitness."):
        row["compared"] = "status"
    else:
        left, right = _numbers(one.measurement), _numbers(other.measurement)
        found += [
            _pair(name, left.get(name), right.get(name))
            for name in dict.fromkeys([*left, *right])
            if not agree(left.get(name), right.get(name))
        ]
    return row | {"agrees": not found, "differs": found[:100], "reason": ""}


def agree(one: Any, other: Any) -> bool:
    """Tell whether two values of a measurement agree: numbers within the tolerance, all else only when equal."""
    if isinstance(one, float) or isinstance(other, float):
        if not all(isinstance(side, int | float) and not isinstance(side, bool) for side in (one, other)):
            return False
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=NEAR_ZERO)
    return type(one) is type(other) and bool(one == other)


def _numbers(measurement: Mapping[str, Any] | None) -> dict[str, Any]:
    if measurement is None:
        return {}
    named = {name: measurement.get(name) for name in COMPARED if name != "groups"}
    for row in measurement.get("groups", ()):
        group = f"{row['attribute']}={row['group']}"
        named |= {f"{group} {name}": row[name] for name in ("n", "low", "high", "status")}
        named |= {f"{group} {name}": value for name, value in row["values"].items()}
    return named


def _manifests(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    left, right = dict(_flat(one)), dict(_flat(other))
    names = [name for name in sorted({*left, *right}) if not name.startswith(OF_THE_MOMENT)]
    return [
        _pair(name, left.get(name), right.get(name)) for name in names if not agree(left.get(name), right.get(name))
    ]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _pair(what: str, original: Any, again: Any) -> dict[str, Any]:
    return {"what": what, "original": original, "again": again}
