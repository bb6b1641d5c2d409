"""What does one side of a comparison cost? Runs in the side's own interpreter: prepares, then repeats when told to.

``python -m benchmarks.contender MODULE:FUNCTION JSON`` calls ``FUNCTION(**JSON)``, which loads libraries and data and
returns what is to be repeated. Every line of standard input is one repetition, answered by one line of JSON. Only the
standard library is imported here: a peer's environment holds nothing of ours.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prepare, say that we are ready, and answer each line until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not among the answers
    warnings.simplefilter("ignore")
    module, _, function = sys.argv[1].partition(":")
    sys.argv = sys.argv[:1]  # some peers read it
    repeat = getattr(importlib.import_module(module), function)(**json.loads(os.environ["CONTENDER_ARGUMENTS"]))
    ground = resident_mb("VmRSS")
    say(answers, {"ready": True, "resident_mb": ground})
    for _ in sys.stdin:
        reset_peak()
        before, start = processor_seconds(), time.perf_counter()
        told = repeat()
        wall, used = time.perf_counter() - start, processor_seconds() - before
        peak = resident_mb("VmHWM")
        figures = {"wall_ms": 1000 * wall, "processor_ms": 1000 * used, "peak_mb": peak, "extra_mb": peak - ground}
        say(answers, figures | {"told": told if isinstance(told, dict) else {}})


def say(answers: Any, line: dict[str, Any]) -> None:
    """Send one line of JSON."""
    answers.write(json.dumps(line) + "\n")
    answers.flush()


def processor_seconds() -> float:
    """Return user and system time of this process, of its children that have ended, and of those that still run."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + running_children(os.getpid())


def running_children(process: int) -> float:
    """Return the processor seconds of every descendant that has not ended yet."""
    family: dict[int, list[tuple[int, float]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        used = sum(int(field) for field in fields[11:15]) / TICKS
        family.setdefault(int(fields[1]), []).append((int(path.parent.name), used))
    total, ask = 0.0, [process]
    while ask:
        for child, used in family.get(ask.pop(), ()):
            total += used
            ask.append(child)
    return total


def reset_peak() -> None:
    """Let the kernel count the largest resident size anew."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_mb(which: str) -> float:
    """Return the resident size now (VmRSS) or the largest since the last reset (VmHWM), in MB of 2**20 bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the kernel does not tell {which}")


if __name__ == "__main__":
    main()
