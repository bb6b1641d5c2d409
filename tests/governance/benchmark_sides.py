"""Which sides do the tests of the benchmark let take turns? Small ones, run by the real harness."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def counting(work: int = 1) -> Callable[[], dict[str, int]]:
    """Add a few numbers."""
    return lambda: {"sum": sum(range(20_000 * work))}


def noting(name: str, diary: str) -> Callable[[], None]:
    """Write down whose turn it is, and in which process."""

    def note() -> None:
        with Path(diary).open("a") as stream:
            stream.write(f"{name} {os.getpid()}\n")

    return note


def failing(work: int = 1) -> Callable[[], None]:
    """Fail when the turn comes."""

    def fail() -> None:
        raise ValueError("this side cannot")

    return fail


def heavy(megabytes: int, seconds: float) -> Callable[[], None]:
    """Hold so much memory, and work so long here and in a child."""

    def burn() -> None:
        until = time.process_time() + seconds
        while time.process_time() < until:
            sum(range(1_000))

    def work() -> None:
        held = bytearray(megabytes * 2**20)
        held[::4096] = b"x" * len(held[::4096])
        child = os.fork()
        if child == 0:
            burn()
            os._exit(0)
        burn()
        os.waitpid(child, 0)

    return work
