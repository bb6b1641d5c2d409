"""Do the intervals of ranks and decisions hold the truth about as often as they promise?"""

from __future__ import annotations

import numpy as np
import pytest

from audits.statistics import decisions, ranking
from audits.statistics.intervals import Interval

pytestmark = pytest.mark.thorough

N, POSITIVE, APART = 300, 0.3, 1.0


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(n) < POSITIVE).astype(int)
    return y, np.round(1 / (1 + np.exp(0.5 - rng.normal(size=n) - APART * y)), 3)


def cells(y: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    score, place = np.unique(s, return_inverse=True)
    return tuple(np.bincount(place, weights=side, minlength=len(score)) for side in (y, 1.0 - y))


def matrix(y: np.ndarray, s: np.ndarray) -> np.ndarray:
    return np.array([[((y == true) & ((s >= 0.5) == said)).sum() for said in (0, 1)] for true in (0, 1)], dtype=float)


def measured(y: np.ndarray, s: np.ndarray) -> dict[str, float]:
    positive, negative = cells(y, s)
    found = matrix(y, s)
    return {
        "average precision": ranking.average_precision(positive, negative).value,
        "ks": ranking.kolmogorov_smirnov(positive, negative)[0],
        "gain": ranking.gain_at(positive, negative, 0.2).gain,
        "jaccard": found[1, 1] / (found.sum() - found[0, 0]),
        "matthews": float(decisions.matthews(found)),
        "balanced": (found[1, 1] / found[1].sum() + found[0, 0] / found[0].sum()) / 2.0,
    }


def intervals(y: np.ndarray, s: np.ndarray, seed: int) -> dict[str, Interval | None]:
    positive, negative = cells(y, s)
    found, more = matrix(y, s), {"effective": float(len(y)), "seed": seed, "confidence": 0.9}
    return {
        "average precision": ranking.precision_interval(ranking.average_precision(positive, negative), 0.9),
        "ks": ranking.kolmogorov_smirnov_interval(positive, negative, **more),
        "gain": ranking.gain_interval(positive, negative, 0.2, **more),
        "jaccard": decisions.of_confusion(found, found, found, "jaccard", 0.9).interval,
        "matthews": decisions.resampled(found, "matthews", seed=seed, confidence=0.9),
        "balanced": decisions.balanced_accuracy(decisions.recalls(found, found, found, 0.9))[1],
    }


def test_nine_intervals_of_ten_hold_the_truth() -> None:
    rng = np.random.default_rng(21)
    truth = measured(*draw(rng, 400_000))
    held = dict.fromkeys(truth, 0)
    for seed in range(120):
        for name, found in intervals(*draw(rng, N), seed).items():
            assert found is not None
            held[name] += found.low <= truth[name] <= found.high
    assert all(0.81 <= count / 120 <= 0.99 for count in held.values()), held
