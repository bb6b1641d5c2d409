"""What of the child's answer may be believed? Nothing until it is checked: size, syntax, kinds, ranges."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from audits.sandbox.execution import Ended
from audits.sandbox.protocol import CODES, Limits, SandboxError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_ANSWER_BYTES = 4 * 2**20
_SIGNALS = {24: "sandbox-cpu-exceeded", 25: "sandbox-output-exceeded"}
_FROM_THE_CHILD = frozenset(CODES) - {"sandbox-unavailable", "model-digest-mismatch"}
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


def read_scores(path: Path, *, table: str, rows: int) -> NDArray[np.float64]:
    """Return the scores of one table, float64 of shape (rows,), each in [0, 1].

    Raises SandboxError("prediction-count-mismatch") unless the file has exactly 8 x rows bytes, and
    SandboxError("prediction-not-a-probability") for NaN, infinities and anything outside [0, 1].
    """
    import numpy as np

    size = path.stat().st_size
    if size != 8 * rows:
        raise SandboxError(
            "prediction-count-mismatch",
            f"{size / 8:g} predictions for {rows} rows.",
            table=table,
            rows=rows,
            bytes=size,
        )
    scores = np.frombuffer(path.read_bytes(), dtype="<f8").astype(np.float64)
    wrong = ~((scores >= 0.0) & (scores <= 1.0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise SandboxError(
            "prediction-not-a-probability",
            f"{int(wrong.sum())} of {rows} predictions; the first is {scores[first]} in row {first}.",
            table=table,
            rows=rows,
            wrong=int(wrong.sum()),
        )
    return scores


def read_libraries(value: object) -> dict[str, str]:
    """Return the versions the child reports; raises SandboxError when they are not a short map of versions."""
    if not isinstance(value, dict) or len(value) > 50:
        raise SandboxError("sandbox-bad-output", "The versions of the libraries are not a map.")
    for name, text in value.items():
        if not _VERSION.match(name) or not isinstance(text, str) or not _VERSION.match(text):
            raise SandboxError("sandbox-bad-output", "The versions of the libraries are not versions.")
    return dict(value)
