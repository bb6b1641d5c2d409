"""What runs inside the sandbox? Confine first, then do the one task of the order, then answer. Imports no Django."""

from __future__ import annotations

import errno
import json
import os
import select
import sys
from collections.abc import Callable
from typing import Any

from audits.sandbox.refusal import Refusal, described


def main(order_path: str) -> None:
    """Read the order, give up all rights, do the task, write the answer to its open file, and exit 0.

    Exit 3 means that the confinement could not be taken on, so that nothing was done.
    """
    with open(order_path, encoding="ascii") as stream:
        order: dict[str, Any] = json.load(stream)
    from audits.sandbox.confine import confine

    try:
        _require_parent(order["lifeline"])
        confine(order)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"not confined: {error}\n")
        sys.exit(3)
    task, outputs = order["task"], order["outputs"]
    kind = task["kind"]
    if kind == "probe":
        from audits.sandbox.attempts import attempt_everything as work
    else:
        from audits.sandbox.scoring import score as work
    answer = _answer(work, task, outputs)
    os.pwrite(outputs["answer"], json.dumps(answer, allow_nan=False).encode("ascii"), 0)
    sys.stdout.flush()
    # Threads and finalizers of a customer's model must not hold the end up.
    os._exit(0)


def _require_parent(lifeline: int) -> None:
    """Raise OSError when the worker is gone: one killed while the stage was being set takes nothing down with it."""
    watch = select.poll()
    watch.register(lifeline, select.POLLIN)
    gone = watch.poll(0)
    os.close(lifeline)
    if gone:
        raise OSError("the parent is gone")


def _answer(
    work: Callable[[dict[str, Any], dict[str, int]], dict[str, Any]], task: Any, outputs: Any
) -> dict[str, Any]:
    try:
        return {"done": True, **work(task, outputs)}
    except Refusal as refusal:
        return {"done": False, "code": refusal.code, "detail": refusal.detail[:500]}
    except MemoryError:
        return {"done": False, "code": "sandbox-memory-exceeded", "detail": ""}
    except OSError as error:
        code = "sandbox-output-exceeded" if error.errno == errno.EFBIG else "model-cannot-score"
        return {"done": False, "code": code, "detail": described(error)}
