"""Does the benchmark compare what it says, in turns?"""

from __future__ import annotations

import pytest

from benchmarks.rounds import Comparison, Contender, Sample, interleaved


def contender(name: str, calls: list[str], cost: float) -> Contender:
    """Return a contender that notes each call and uses ``cost`` seconds of processor time for it."""
    return Contender(name, lambda: calls.append(name), lambda: cost * calls.count(name))


def test_both_sides_take_turns_and_who_begins_changes() -> None:
    calls: list[str] = []
    interleaved(contender("a", calls, 0.002), contender("b", calls, 0.001), rounds=5, calls=10)
    warm, played = calls[:20], calls[20:]
    assert warm == ["a"] * 10 + ["b"] * 10
    assert [played[start] for start in range(0, 100, 10)] == ["a", "b", "b", "a", "a", "b", "b", "a", "a", "b"]


def test_the_ratio_is_the_median_over_the_rounds() -> None:
    calls: list[str] = []
    comparison = interleaved(contender("a", calls, 0.004), contender("b", calls, 0.001), rounds=5, calls=10)
    assert comparison.ratio(lambda sample: sample.processor_ms) == pytest.approx(4.0)
    assert [sample.processor_ms for sample in comparison.ours] == pytest.approx([4.0] * 5)


def test_one_disturbed_round_does_not_move_the_ratio() -> None:
    peer = tuple(Sample(wall_ms=1.0, processor_ms=1.0) for _ in range(5))
    ours = (*peer[:4], Sample(wall_ms=90.0, processor_ms=90.0))
    comparison = Comparison(ours=ours, peer=peer)
    assert comparison.ratio(lambda sample: sample.processor_ms) == 1.0
    assert comparison.spread(lambda sample: sample.processor_ms) == (1.0, 90.0)


def test_fewer_than_five_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="At least 5"):
        interleaved(contender("a", [], 1.0), contender("b", [], 1.0), rounds=4, calls=1)
