"""Is it done yet? Polls until the service says so or the time is up."""

from __future__ import annotations

import time
from typing import Any, Callable

from cadastre.outcomes import Undecided
from cadastre.plain import plain

Poll = Callable[[], dict[str, Any]]
Say = Callable[[str], None]


def until(
    poll: Poll, *, done: frozenset[str], broken: frozenset[str], timeout: float, interval: float, say: Say
) -> dict[str, Any]:
    """Return the first answer whose state is in ``done``.

    Undecided: its state is in ``broken``, or ``timeout`` seconds are over. A poll that fails is tried again until then.
    """
    deadline = time.monotonic() + timeout
    shown: str | None = None
    while True:
        try:
            answer = poll()
            line = _line(answer)
        except Undecided as error:
            answer, line = {}, str(error)
        if line != shown:
            say(line)
            shown = line
        if answer.get("state") in done:
            return answer
        if answer.get("state") in broken:
            raise Undecided(f"it ended without a result: {line}")
        if time.monotonic() + interval > deadline:
            raise Undecided(f"not done after {timeout:.0f} s: {line}")
        time.sleep(interval)


def _line(answer: dict[str, Any]) -> str:
    progress = answer.get("progress")
    text = plain(answer.get("state"))
    if isinstance(progress, dict) and progress.get("total"):
        text += f" {plain(progress.get('done'))}/{plain(progress.get('total'))} {plain(progress.get('message'))}"
    return text.strip() or "no state"
