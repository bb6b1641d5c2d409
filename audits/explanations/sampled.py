"""What does each feature contribute to any model's answer? By asking it many times, on a stated background."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import factorial
from typing import TYPE_CHECKING, Any

from audits.explanations.offers import Offer, answers, repeated
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_EXACT_FEATURES = 8
MAX_BACKGROUND_ROWS = 32
PERMUTATIONS = 4
_BATCH_ROWS = 50_000
_TRIAL_MASKS = 32


def offer(model: Any, background: Any, *, column: int | None, seed: int) -> Offer:
    """Offer Shapley values of any model's answer, by masking features with rows of the background.

    v(S) is the mean answer over background rows whose features in S are replaced by those of x. Up to
    ``MAX_EXACT_FEATURES`` features every coalition is asked: phi_j = sum over S without j of
    |S|! (M-|S|-1)!/M! (v(S + j) - v(S)). Above that, ``PERMUTATIONS`` random orders and their reverses are walked and
    the steps averaged; each walk telescopes, so the values add up exactly, but each one is an estimate. At most
    ``MAX_BACKGROUND_ROWS`` background rows, evenly spaced, take part. Unit: probability of the class in ``column``, or
    the value. The cost of a row is measured on the spot. Source: Strumbelj and Kononenko 2014; Mitchell et al. 2022 for
    reversed orders.
    """
    width = background.shape[1]
    exact = width <= MAX_EXACT_FEATURES
    masks_per_row = 2**width if exact else 2 * PERMUTATIONS * (width + 1)
    each: list[float] = []

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        if not each:
            each.append(masks_per_row * _seconds_per_mask(model, background, column))
        return each[0] * rows * draws

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        others = tuple(against(repeated(background, count), sample).values for count in counts)
        return replace(against(background, sample), redrawn=others)

    def against(background: Any, sample: Any) -> Contributions:
        import numpy as np

        background = _spaced(background)
        rng = np.random.default_rng(seed)
        values = np.zeros((len(sample), width))
        for place in range(len(sample)):
            one = sample.iloc[[place]]
            if exact:
                masks = np.array([[bool(number >> bit & 1) for bit in range(width)] for number in range(2**width)])
                values[place] = _exact(_masked(model, one, background, masks, column), width)
            else:
                values[place] = _walked(model, one, background, rng, column)
        return Contributions(
            values=values,
            base=float(answers(model, background, column).mean()),
            outputs=answers(model, sample, column),
            route="permutation",
            variant="interventional, all coalitions" if exact else f"{PERMUTATIONS} orders and their reverses",
            library=f"numpy {np.__version__}",
            output="value" if column is None else "probability",
            background_rows=len(background),
        )

    return Offer("permutation", "interventional", seconds, contributions, varies=True)


def _spaced(background: Any) -> Any:
    import numpy as np

    if len(background) <= MAX_BACKGROUND_ROWS:
        return background
    return background.iloc[np.linspace(0, len(background) - 1, MAX_BACKGROUND_ROWS).astype(np.int64)]


def _seconds_per_mask(model: Any, background: Any, column: int | None) -> float:
    """Time a few coalitions of one row, after a first call that pays for what is made once."""
    import numpy as np

    background = _spaced(background)
    masks = np.zeros((_TRIAL_MASKS, background.shape[1]), dtype=bool)
    _masked(model, background.iloc[[0]], background, masks[:1], column)
    began = time.process_time()
    _masked(model, background.iloc[[0]], background, masks, column)
    return max(time.process_time() - began, 1e-6) / _TRIAL_MASKS


def _masked(model: Any, one: Any, background: Any, masks: NDArray[np.bool_], column: int | None) -> NDArray[np.float64]:
    """Return v(S) for each mask (masks, features), True = the feature is taken from ``one``; float64 (masks,)."""
    import numpy as np
    import pandas as pd

    size = len(background)
    # The last row is x: an index per feature picks it or the background row, and every column keeps its type.
    both = pd.concat([background, one], ignore_index=True)
    told = []
    step = max(1, _BATCH_ROWS // size)
    for begin in range(0, len(masks), step):
        part = masks[begin : begin + step]
        own = np.tile(np.arange(size), len(part))
        frame = pd.DataFrame(
            {
                name: both[name].take(np.where(np.repeat(part[:, place], size), size, own)).array
                for place, name in enumerate(background.columns)
            }
        )
        told.append(answers(model, frame, column).reshape(len(part), size))
    means: NDArray[np.float64] = np.concatenate(told).mean(axis=1)
    return means


def _exact(worth: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return Shapley values (width,) from the worth of every coalition; bit j of an index says that feature j is in."""
    import numpy as np

    values = np.zeros(width)
    for number in range(2**width):
        size = number.bit_count()
        for feature in range(width):
            if not number >> feature & 1:
                weight = factorial(size) * factorial(width - size - 1) / factorial(width)
                values[feature] += weight * (worth[number | 1 << feature] - worth[number])
    return values


def _walked(model: Any, one: Any, background: Any, rng: np.random.Generator, column: int | None) -> NDArray[np.float64]:
    """Return the average step of each feature over random orders and their reverses, float64 (features,)."""
    import numpy as np

    width = one.shape[1]
    orders = [order for _ in range(PERMUTATIONS) for half in (rng.permutation(width),) for order in (half, half[::-1])]
    masks = np.zeros((len(orders), width + 1, width), dtype=bool)
    for place, order in enumerate(orders):
        for step, feature in enumerate(order):
            masks[place, step + 1 :, feature] = True
    worth = _masked(model, one, background, masks.reshape(-1, width), column).reshape(len(orders), width + 1)
    values = np.zeros(width)
    for walk, order in zip(worth, orders, strict=True):
        for feature, (before, after) in zip(order, pairwise(walk), strict=True):
            values[feature] += (after - before) / len(orders)
    return values
