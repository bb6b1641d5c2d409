"""How can it end? Four exit codes, and one exception for each ending that is not a yes."""

from __future__ import annotations

from typing import Any

ALLOWED = 0
DENIED = 1
WRONG_INPUT = 2
UNDECIDED = 3


class Ending(Exception):
    """A way to end that is not a yes; ``exit_code`` is what the process returns."""

    exit_code = UNDECIDED


class Denied(Ending):
    """The answer is no."""

    exit_code = DENIED


class WrongInput(Ending):
    """What was handed in cannot be used: a file, a flag, or a request the service refused with a reason."""

    exit_code = WRONG_INPUT


class Undecided(Ending):
    """Nobody can say: the service is away, or its answer cannot be trusted."""

    exit_code = UNDECIDED


class Refused(WrongInput):
    """The service refused the request; ``problem`` is its application/problem+json document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        detail = problem.get("detail") or problem.get("title") or "no reason given"
        super().__init__(f"the service refused it ({status} {self.code}): {detail}")
