"""How does a test wait for what another process does? It asks the rows again until they say so, and then no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(found: Callable[[], T | None], *, what: str, seconds: float = 90.0) -> T:
    """Return the first true answer of ``found``; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
