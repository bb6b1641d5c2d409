"""How is a step kept within its limits? In a child of the worker, which is ended when it takes too long or too much."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from audits.checks.requirement import is_out_of_memory
from registry.errors import DomainError

log = logging.getLogger("cadastre.runs")

Say = Callable[[str], None]
PR_SET_PDEATHSIG = 1
LONGEST_LINE = 1_000
RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGHUP, signal.SIGALRM)

LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Bounds:
    """What a step may take: ``wall_seconds`` until it is ended, ``memory_bytes`` beyond what the worker holds itself."""

    wall_seconds: float
    memory_bytes: int


@dataclass
class Product:
    """What a step made: facts and judged requirements as JSON, and files of bytes by name, to be stored as evidence."""

    facts: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)


class Died(Exception):
    """The child ended without an answer, and not because of its limits; another attempt may fare better."""


def guarded(
    work: Callable[[Path, Say], Product],
    *,
    folder: Path,
    bounds: Bounds,
    beat: Callable[[str | None], None],
    every: float,
) -> Product:
    """Do ``work`` in a forked child and return its product; ``beat`` is called every ``every`` seconds while it lasts.

    A fork shares the libraries that the worker has loaded, so it costs milliseconds where a fresh interpreter costs
    seconds; the worker itself never measures, so no thread of a library is cut off by it. The child has no use for the
    database: what it needs is given to ``work``, and what it makes is stored by the parent.

    Raises DomainError ``run-time-exceeded`` or ``run-memory-exceeded``, the DomainError that ``work`` raised,
    ``internal-error`` for a fault of our own (its words go to the log, not into the result), or Died. Whatever ``beat``
    raises ends the child and is passed on.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    parent = os.getpid()
    shared = _resident()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(work, folder, bounds, parent, writer)
    os.close(writer)
    ended = False
    try:
        in_time = _attend(reader, bounds, beat, every)
        if not in_time:
            os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
        ended = True
    finally:
        os.close(reader)
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    if not in_time:
        raise exceeded("run-time-exceeded")
    return _answer(folder, os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024 - shared, bounds)


def exceeded(code: str) -> DomainError:
    """Return the error of a run that is over one of its limits."""
    return DomainError(code, LIMITS[code][0], kind="too-large")


LIMITS: Mapping[str, tuple[str, str]] = {
    "run-time-exceeded": (
        "The run took longer than a run may take.",
        "Evaluate on fewer rows, ask for fewer measurements, or raise CADASTRE_RUN_WALL_SECONDS.",
    ),
    "run-memory-exceeded": (
        "A step of the run asked for more memory than a step may take.",
        "Evaluate on fewer rows, store the table as Parquet, or raise CADASTRE_RUN_MEMORY_BYTES.",
    ),
    "run-too-many-rows": (
        "The evaluation table has more rows than a run may measure.",
        "Evaluate on a sample, or raise CADASTRE_RUN_MAX_ROWS.",
    ),
}
"""What is said of each limit, and how a run gets within it."""


def _attend(reader: int, bounds: Bounds, beat: Callable[[str | None], None], every: float) -> bool:
    """Listen to the child until it ends, and beat; False when its time is up first."""
    began = time.monotonic()
    next_beat = began + every
    heard = b""
    message: str | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while True:
            left = began + bounds.wall_seconds - time.monotonic()
            if left <= 0:
                return False
            if selector.select(timeout=max(0.0, min(left, next_beat - time.monotonic()))):
                piece = os.read(reader, 65536)
                if not piece:
                    return True
                *lines, heard = (heard + piece)[-LONGEST_LINE * 10 :].split(b"\n")
                if lines:
                    message = lines[-1][:LONGEST_LINE].decode("utf-8", "replace")
                    # what is being done is shown soon, but a chatty child does not keep the database busy
                    next_beat = min(next_beat, time.monotonic() + min(0.5, every))
            if time.monotonic() >= next_beat:
                beat(message)
                message = None
                next_beat = time.monotonic() + every


def _resident() -> int:
    """Return the bytes of memory this process holds; a forked child begins with them, and they are not its own."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def _answer(folder: Path, code: int, own: int, bounds: Bounds) -> Product:
    path = folder / "answer.json"
    if code == 0 and path.is_file():
        answer = json.loads(path.read_text(encoding="utf-8"))
        if refusal := answer.get("refusal"):
            raise DomainError(refusal["code"], refusal["message"])
        files = {name: folder / stored for name, stored in answer["files"].items()}
        return Product(answer["facts"], answer["results"], files)
    # a library that cannot get memory may end the process instead of saying so, and so may the kernel
    if own >= bounds.memory_bytes // 2:
        raise exceeded("run-memory-exceeded")
    raise Died(f"died of signal {-code}" if code < 0 else f"ended with {code}")


def _be_the_child(
    work: Callable[[Path, Say], Product], folder: Path, bounds: Bounds, parent: int, writer: int
) -> NoReturn:
    """Do the work, write the answer, and end without any of the parent's clearing up."""
    code = 70
    try:
        for number in RESET:
            signal.signal(number, signal.SIG_DFL)
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(code)
        _limit_memory(bounds.memory_bytes)

        def say(text: str) -> None:
            os.write(writer, text.replace("\n", " ").encode("utf-8", "replace")[: LONGEST_LINE - 1] + b"\n")

        answer = _worked(work, folder, say)
        (folder / "answer.json").write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")
        code = 0
    except BaseException:
        log.exception("A step could not give its answer.")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _worked(work: Callable[[Path, Say], Product], folder: Path, say: Say) -> dict[str, Any]:
    try:
        product = work(folder, say)
        files = {name: str(path.relative_to(folder)) for name, path in product.files.items()}
        return {"facts": product.facts, "results": product.results, "files": files}
    except Exception as error:
        # a table may also be refused because there was no memory to read it
        if is_out_of_memory(error):
            return {"refusal": {"code": "run-memory-exceeded", "message": LIMITS["run-memory-exceeded"][0]}}
        if isinstance(error, DomainError):
            return {"refusal": {"code": error.code, "message": error.message}}
        log.exception("A step failed.")
        return {"refusal": {"code": "internal-error", "message": f"The run failed with {type(error).__name__}."}}


def _limit_memory(extra: int) -> None:
    """Bound the private memory of this process: what it has now, shared with the worker, and ``extra`` beyond it.

    RLIMIT_DATA and not RLIMIT_AS: address space that is reserved and never written, as engines and thread pools do,
    is no memory. A program that the step starts (the sandbox) sets limits of its own.
    """
    if sys.platform != "linux":
        return
    held = 0
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmData:"):
            held = int(line.split()[1]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + extra
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
