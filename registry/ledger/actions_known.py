"""Which actions may an event name? Declared once, beside the action function; any other name is refused."""

from __future__ import annotations

import re

from registry.errors import DomainError

SHAPE = re.compile(r"\A[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+\Z")
MAX_LENGTH = 64

_summaries: dict[str, str] = {}
_always: set[str] = set()


def declare_action(action: str, summary: str, *, always: bool = False) -> str:
    """Declare ``action`` ("version.registered") with its one-line ``summary`` and return it, for use as a constant.

    ``always`` is for what changes nothing but the ledger, such as that somebody looked: it is recorded also while the
    register is read-only. Raises ValueError for a malformed name and for a second declaration with another summary: two
    meanings of one word would make the ledger unreadable.
    """
    if not SHAPE.match(action) or len(action) > MAX_LENGTH:
        raise ValueError(f"{action!r} is not a dotted lower-case action name of at most {MAX_LENGTH} characters")
    if not summary.strip():
        raise ValueError(f"{action!r} needs a summary")
    if _summaries.setdefault(action, summary) != summary:
        raise ValueError(f"{action!r} is declared twice with different summaries")
    if always:
        _always.add(action)
    return action


def is_always_recorded(action: str) -> bool:
    """Tell whether ``action`` is recorded also while the register is read-only."""
    return action in _always


def require_declared(action: str) -> None:
    """Raise DomainError when nobody declared ``action``."""
    if action not in _summaries:
        message = f"The action {action!r} is not declared, so no event can be written for it."
        raise DomainError("unknown-action", message, action=action)


def known_actions() -> dict[str, str]:
    """Return every declared action with its summary, sorted by name."""
    return dict(sorted(_summaries.items()))
