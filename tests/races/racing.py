"""How do several acts begin at the same instant? In threads with connections of their own, behind one barrier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections


def at_once(works: Sequence[Callable[[], Any]], *, seconds: float = 60.0) -> list[Any]:
    """Run every work in its own thread, all let go together; return what each returned or raised, in order."""
    barrier = threading.Barrier(len(works), timeout=seconds)
    ends: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        try:
            connections["default"].ensure_connection()
            barrier.wait()
            ends[number] = works[number]()
        except Exception as error:  # noqa: BLE001  (whatever it is, the test judges it)
            ends[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "a racer hangs"
    return ends


def codes(ends: Sequence[Any]) -> list[str]:
    """Return the code of every refusal among the ends; anything else that was raised is raised again."""
    from registry.errors import DomainError

    found = []
    for end in ends:
        if isinstance(end, DomainError):
            found.append(end.code)
        elif isinstance(end, BaseException):
            raise end
    return found


def won(ends: Sequence[Any]) -> list[Any]:
    """Return what was returned rather than raised."""
    return [end for end in ends if not isinstance(end, BaseException)]
