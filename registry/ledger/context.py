"""Under which request, credential and authentication is the present act done?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

Authentication = Literal["session", "token", "command", "task"]


@dataclass(frozen=True)
class ActContext:
    """What an event records about the circumstances of an act, beside its actor.

    ``request_id`` groups the events of one request, command or task; ``credential_id`` names the token that was used;
    ``on_behalf_of`` is the id of the person for whom a service account acts.
    """

    request_id: str
    credential_id: str | None = None
    authentication: Authentication = "command"
    on_behalf_of: str | None = None


_current: ContextVar[ActContext | None] = ContextVar("act_context", default=None)


def current() -> ActContext:
    """Return the context of the present act.

    Requests and tasks always enter ``acting``; code that runs outside both is a management command or a shell, and is
    recorded as "command" under a request id of its own.
    """
    return _current.get() or ActContext(request_id=f"command-{uuid4()}")


@contextmanager
def acting(context: ActContext) -> Iterator[ActContext]:
    """Make ``context`` the present one for the length of a ``with`` block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
