"""What of the child's answer may be believed? Nothing until it is checked: size, syntax, kinds, ranges."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from audits.checks.subject import Fitness
from audits.sandbox.execution import Ended
from audits.sandbox.protocol import CODES, Limits, SandboxError, ScoringJob
from audits.tables.contract import MAX_CLASSES, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_ANSWER_BYTES = 4 * 2**20
MAX_SUM_ERROR = 1e-5
"""How far a row of class scores may be from 1: some libraries add them as float32."""
_SIGNALS = {24: "sandbox-cpu-exceeded", 25: "sandbox-output-exceeded"}
_FROM_THE_PARENT = {
    "sandbox-unavailable",
    "model-digest-mismatch",
    "conformance-sample-unreadable",
    "scoring-not-reproduced",
}
_FROM_THE_CHILD = frozenset(CODES) - _FROM_THE_PARENT
_VERSION = re.compile(r"\A[0-9A-Za-z.+!_-]{1,64}\Z")


def refuse_bad_end(ended: Ended, limits: Limits) -> None:
    """Raise the SandboxError that fits when the child was stopped, died or could not be confined."""
    facts: dict[str, Any] = {"seconds": round(ended.seconds, 3), "last_words": ended.last_words}
    if ended.stopped_for is not None:
        raise SandboxError(ended.stopped_for, wall_seconds=limits.wall_seconds, **facts)
    if ended.signal is not None:
        code = _SIGNALS.get(ended.signal, "sandbox-crashed")
        raise SandboxError(code, f"It was ended by signal {ended.signal}.", signal=ended.signal, **facts)
    if ended.code == 3 and ended.stderr.startswith(b"not confined:"):
        raise SandboxError("sandbox-unavailable", "The child could not be confined.", kind="unavailable", **facts)
    if ended.code != 0:
        raise SandboxError("sandbox-crashed", f"It ended with exit code {ended.code}.", exit_code=ended.code, **facts)


def read_answer(path: Path) -> dict[str, Any]:
    """Return the child's answer as a JSON object; raises SandboxError for an empty, large or malformed one."""
    size = path.stat().st_size
    if size == 0:
        raise SandboxError("sandbox-no-output")
    if size > MAX_ANSWER_BYTES:
        raise SandboxError("sandbox-output-exceeded", f"The answer has {size} bytes.", limit=MAX_ANSWER_BYTES)
    try:
        answer = json.loads(path.read_bytes().decode("ascii"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SandboxError("sandbox-bad-output", "The answer is not JSON.") from error
    if not isinstance(answer, dict) or answer.get("done") not in (True, False):
        raise SandboxError("sandbox-bad-output", "The answer is not an object that says whether it is done.")
    if answer["done"] is False:
        code = answer.get("code")
        if not isinstance(code, str) or code not in _FROM_THE_CHILD:
            raise SandboxError("sandbox-bad-output", "The answer gives an unknown reason.")
        raise SandboxError(code, inert(answer.get("detail"), 500))
    return answer


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def inert(text: object, limit: int) -> str:
    """Return ``text`` as printable ASCII of at most ``limit`` characters, or nothing if it is no text."""
    if not isinstance(text, str):
        return ""
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text[:limit])


def read_scores(path: Path, *, table: str, rows: int, task: Task = "binary", classes: int = 1) -> NDArray[np.float64]:
    """Return the scores of one table: float64 of shape (rows,), for a multiclass model (rows, classes).

    Raises SandboxError("prediction-count-mismatch") unless the file has exactly 8 x rows x classes bytes, and, by task,
    ``prediction-not-a-probability`` (NaN or outside [0, 1]), ``prediction-not-a-distribution`` (a row does not add up to
    1 within ``MAX_SUM_ERROR``), ``prediction-not-a-number`` (NaN or infinite).
    """
    import numpy as np

    size, width = path.stat().st_size, classes if task == "multiclass" else 1
    if size != 8 * rows * width:
        raise SandboxError(
            "prediction-count-mismatch",
            f"{size / 8 / width:g} predictions for {rows} rows.",
            table=table,
            rows=rows,
            bytes=size,
        )
    scores = np.frombuffer(path.read_bytes(), dtype="<f8").astype(np.float64)
    if task == "regression":
        _refuse_where(~np.isfinite(scores), "prediction-not-a-number", table=table)
        return scores
    scores = scores.reshape(rows, width) if task == "multiclass" else scores
    within = (scores >= 0.0) & (scores <= 1.0)
    _refuse_where(~(within.all(axis=1) if width > 1 else within), "prediction-not-a-probability", table=table)
    if task == "multiclass":
        _refuse_where(np.abs(scores.sum(axis=1) - 1.0) > MAX_SUM_ERROR, "prediction-not-a-distribution", table=table)
    return scores


def _refuse_where(wrong: Any, code: str, *, table: str) -> None:
    if wrong.any():
        detail = f"{int(wrong.sum())} of {len(wrong)} predictions; the first is in row {int(wrong.argmax())}."
        raise SandboxError(code, detail, table=table, rows=len(wrong), wrong=int(wrong.sum()))


def read_classes(value: object, job: ScoringJob) -> tuple[str, ...]:
    """Return the names of a multiclass model's classes as the child says them: sorted, distinct, the registered ones."""
    if not isinstance(value, list) or not all(
        isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable() for name in value
    ):
        raise SandboxError("sandbox-bad-output", "The classes are not a list of names.")
    if job.task != "multiclass":
        return ()
    if not 2 <= len(value) <= MAX_CLASSES or sorted(set(value)) != value:
        raise SandboxError("sandbox-bad-output", "The classes are not distinct names in their order.")
    if job.classes and set(value) != set(job.classes):
        raise SandboxError("classes-differ", "The child answers for others than were registered.")
    return tuple(value)


def read_notes(value: object) -> tuple[str, ...]:
    """Return the child's notes as inert text."""
    if not isinstance(value, list) or len(value) > 50:
        raise SandboxError("sandbox-bad-output", "The notes are not a short list.")
    return tuple(text for note in value if (text := inert(note, 300)))


def read_fitness(value: object, job: ScoringJob, ended: Ended, *, artifact_bytes: int, rows: int) -> Fitness:
    """Return what the child measured, as far as the parent's own clock and the kernel's count can agree with it.

    The size is the parent's own count, the memory what the kernel counted of the whole child (with what it explained,
    where it did), and no time may exceed the child's life. Raises SandboxError ``sandbox-bad-output`` for figures that
    cannot be.
    """
    wanted, found = job.fitness, value if isinstance(value, dict) else {}
    batch = 0 if wanted is None else min(rows, wanted.batch_rows)
    seconds = found.get("latency_seconds")
    if wanted is None or not isinstance(seconds, list) or len(seconds) != wanted.single_rows:
        raise SandboxError("sandbox-bad-output", "The measured times are not those that were asked for.")
    counted = (found.get("batch_rows"), found.get("repeat_rows"))
    if counted != (batch, batch):
        raise SandboxError("sandbox-bad-output", "The rows that were measured are not those that were asked for.")
    latencies = tuple(_amount(one, ended.seconds) for one in seconds)
    batch_seconds = _amount(found.get("batch_seconds"), ended.seconds)
    if sum(latencies) + batch_seconds > ended.seconds:
        raise SandboxError("sandbox-bad-output", "The measured times add up to more than the whole time.")
    return Fitness(
        artifact_bytes=artifact_bytes,
        load_seconds=_amount(found.get("load_seconds"), ended.seconds),
        peak_memory_bytes=ended.peak_memory_bytes,
        latency_seconds=latencies,
        batch_rows=batch,
        batch_seconds=batch_seconds,
        repeat_rows=batch,
        repeat_difference=_amount(found.get("repeat_difference"), sys.float_info.max),
    )


def _amount(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise SandboxError("sandbox-bad-output", "A measured figure is not a number that can be.")
    return float(value)


def read_libraries(value: object) -> dict[str, str]:
    """Return the versions the child reports; raises SandboxError when they are not a short map of versions."""
    if not isinstance(value, dict) or len(value) > 50:
        raise SandboxError("sandbox-bad-output", "The versions of the libraries are not a map.")
    for name, text in value.items():
        if not _VERSION.match(name) or not isinstance(text, str) or not _VERSION.match(text):
            raise SandboxError("sandbox-bad-output", "The versions of the libraries are not versions.")
    return dict(value)
