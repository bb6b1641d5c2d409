"""How are two contenders compared fairly? Interleaved rounds in one run; the median of the ratios of each round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

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
    """One round of one contender: milliseconds per call, by the wall clock (median) and by the processor (mean).

    ``peak_mb`` is the largest resident size during the round, ``extra_mb`` what that is above the size with libraries
    loaded and data prepared; both 0 where nobody looked. ``p99_ms`` is the 99th percentile of the calls' wall times.
    """

    wall_ms: float
    processor_ms: float
    peak_mb: float = 0.0
    extra_mb: float = 0.0
    p99_ms: float = 0.0

    def times(self, factor: float) -> Sample:
        """Return the sample as if the work had been ``factor`` times as much; memory stays what it was."""
        return replace(self, wall_ms=self.wall_ms * factor, processor_ms=self.processor_ms * factor)


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
        walls.append(1000 * (time.perf_counter() - start))
    used = contender.processor_seconds() - before
    p99 = sorted(walls)[min(len(walls) - 1, round(0.99 * len(walls)))]
    return Sample(wall_ms=statistics.median(walls), processor_ms=1000 * used / calls, p99_ms=p99)


def interleaved(ours: Contender, peer: Contender, *, rounds: int, calls: int) -> Comparison:
    """Warm both up, then let them take turns; who begins changes from round to round."""
    refuse_few(rounds)
    for contender in (ours, peer):
        play(contender, max(10, calls // 10))
    return taking_turns(lambda: play(ours, calls), lambda: play(peer, calls), rounds=rounds)


def taking_turns(ours: Callable[[], Sample], peer: Callable[[], Sample], *, rounds: int) -> Comparison:
    """Let two sides play a round each in turn; who begins changes from round to round."""
    refuse_few(rounds)
    left, right = [], []
    for number in range(rounds):
        if number % 2:
            right.append(peer())
            left.append(ours())
        else:
            left.append(ours())
            right.append(peer())
    return Comparison(ours=tuple(left), peer=tuple(right))


def refuse_few(rounds: int) -> None:
    """Raise ValueError for fewer rounds than a median can be taken of."""
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"At least {FEWEST_ROUNDS} rounds are needed, not {rounds}.")
