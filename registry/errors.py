"""How does any room say no? One exception with a stable code, translated to HTTP in exactly one place."""

from __future__ import annotations

from typing import Any, Literal

Kind = Literal["invalid", "conflict", "not-found", "forbidden", "too-large", "unavailable"]


class DomainError(Exception):
    """A refusal that a caller can act on; nothing has been written when it is raised.

    ``code`` is stable and kebab-case, ``message`` is for people, ``kind`` says whose fault it is, and ``context`` holds
    JSON-able facts (what was observed, what is required, how to mend it).
    """

    def __init__(self, code: str, message: str, *, kind: Kind = "invalid", **context: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind: Kind = kind
        self.context = context

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
