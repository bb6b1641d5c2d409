"""How does the driver speak with a side that runs in another interpreter? One line asks, one line answers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, Environment
from benchmarks.rounds import Sample

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Both sides work on one thread: threads that wait for each other would count as work."""


class Failed(Exception):
    """A side ended before it had answered; the text holds the last line it wrote."""


class Process:
    """A side that has prepared itself and waits to be told to repeat."""

    def __init__(self, child: subprocess.Popen[str], log: Path) -> None:
        self._child = child
        self._log = log
        self.told: list[Mapping[str, Any]] = []
        """What the repetitions said of themselves."""
        self.ready = self._answer()

    def repeat(self) -> Sample:
        """Have the work done once and return what it cost."""
        if self._child.stdin is None:
            raise Failed("it does not listen")
        with contextlib.suppress(BrokenPipeError):  # a side that has ended is noticed by its missing answer
            self._child.stdin.write("again\n")
            self._child.stdin.flush()
        answer = self._answer()
        self.told.append(answer.pop("told"))
        return Sample(**answer)

    def _answer(self) -> dict[str, Any]:
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            code = self._child.wait()
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Failed(f"exit code {code}: {said[-1][:300] if said else 'it said nothing'} (see {self._log})")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def prepared(environment: Environment, target: str, arguments: Mapping[str, Any], *, log: Path) -> Iterator[Process]:
    """Start ``target`` ("module:function") in an environment, yield it when it is ready, and end it afterwards."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CADASTRE_", "DJANGO"))}
    settings = {
        "CONTENDER_ARGUMENTS": json.dumps(dict(arguments)),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
    } | dict.fromkeys(ONE_THREAD, "1")
    with log.open("w", encoding="utf-8") as stream:
        child = subprocess.Popen(
            [str(environment.python), "-m", "benchmarks.contender", target],
            cwd=ROOT,
            env=kept | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
        try:
            yield Process(child, log)
        finally:
            with contextlib.suppress(BrokenPipeError):
                if child.stdin is not None:
                    child.stdin.close()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()
