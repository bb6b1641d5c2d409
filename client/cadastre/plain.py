"""How is text from elsewhere shown or read safely? One line without control characters; JSON that means one thing."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

LONGEST_TEXT = 2000
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(value: object) -> str:
    """Return ``value`` as one line that cannot steer a terminal or a build log: no controls, no direction marks."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    cut = text[:LONGEST_TEXT] + (" (cut)" if len(text) > LONGEST_TEXT else "")
    shown = "".join(" " if unicodedata.category(sign) in HIDDEN else sign for sign in cut)
    return " ".join(shown.split())


def strict_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8; ValueError for repeated members, NaN, or anything malformed."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the member {plain(name)!r} appears twice")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
