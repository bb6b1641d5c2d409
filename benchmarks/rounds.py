"""How are two contenders compared fairly? Interleaved rounds in one run; the median of the ratios of each round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

FEWEST_ROUNDS = 5


@dataclass(frozen=True)
class Contender:
    """One side: a call to be repeated, and a clock that says how much processor time its server has used."""

    name: str
    call: Callable[[], None]
    processor_seconds: Callable[[], float]
    begin: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Sample:
    """One round of one contender: milliseconds per call, by the wall clock (median) and by the processor (mean)."""

    wall_ms: float
    processor_ms: float


@dataclass(frozen=True)
class Comparison:
    """The rounds of ours and of the peer, in pairs."""

    ours: tuple[Sample, ...]
    peer: tuple[Sample, ...]

    def ratio(self, of: Callable[[Sample], float]) -> float:
        """Return the median over the rounds of ours divided by the peer's."""
        return statistics.median(of(a) / of(b) for a, b in zip(self.ours, self.peer, strict=True))

    def spread(self, of: Callable[[Sample], float]) -> tuple[float, float]:
        """Return the lowest and the highest ratio of a round."""
        ratios = [of(a) / of(b) for a, b in zip(self.ours, self.peer, strict=True)]
        return min(ratios), max(ratios)


def median(samples: Iterable[Sample], of: Callable[[Sample], float]) -> float:
    """Return the median of one figure over the rounds."""
    return statistics.median(of(sample) for sample in samples)


def play(contender: Contender, calls: int) -> Sample:
    """Make ``calls`` calls one after another and return what each cost."""
    walls = []
    contender.begin()
    before = contender.processor_seconds()
    for _ in range(calls):
        start = time.perf_counter()
        contender.call()
        walls.append(time.perf_counter() - start)
    used = contender.processor_seconds() - before
    return Sample(wall_ms=1000 * statistics.median(walls), processor_ms=1000 * used / calls)


def interleaved(ours: Contender, peer: Contender, *, rounds: int, calls: int) -> Comparison:
    """Warm both up, then let them take turns; who begins changes from round to round."""
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"At least {FEWEST_ROUNDS} rounds are needed, not {rounds}.")
    for contender in (ours, peer):
        play(contender, max(10, calls // 10))
    left, right = [], []
    for number in range(rounds):
        if number % 2:
            right.append(play(peer, calls))
            left.append(play(ours, calls))
        else:
            left.append(play(ours, calls))
            right.append(play(peer, calls))
    return Comparison(ours=tuple(left), peer=tuple(right))
