"""What does each feature contribute to any model's probability? By asking it many times, on a stated sample."""

from __future__ import annotations

from itertools import pairwise
from math import factorial
from typing import TYPE_CHECKING, Any

from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_EXACT_FEATURES = 8
MAX_BACKGROUND_ROWS = 32
MAX_SAMPLE_ROWS = 64
PERMUTATIONS = 4
_BATCH_ROWS = 50_000


def contributions(model: Any, background: Any, sample: Any, *, column: int, seed: int) -> Contributions:
    """Return Shapley values of the probability of the class in ``column``, by masking features with background rows.

    v(S) is the mean prediction over background rows whose features in S are replaced by those of x. Up to
    ``MAX_EXACT_FEATURES`` features every coalition is asked: phi_j = sum over S without j of
    |S|! (M-|S|-1)!/M! (v(S + j) - v(S)). Above that, ``PERMUTATIONS`` random orders and their reverses are walked and
    the steps averaged; each walk telescopes, so the values add up exactly. Unit: probability. Source: Strumbelj and
    Kononenko 2014; Mitchell et al. 2022 for reversed orders.
    """
    import numpy as np

    background = background.iloc[:MAX_BACKGROUND_ROWS]
    rows = np.unique(np.linspace(0, len(sample) - 1, min(len(sample), MAX_SAMPLE_ROWS)).astype(np.int64))
    rng = np.random.default_rng(seed)
    width = sample.shape[1]
    exact = width <= MAX_EXACT_FEATURES
    values = np.zeros((len(rows), width))
    for place, row in enumerate(rows.tolist()):
        one = sample.iloc[[row]]
        if exact:
            masks = np.array([[bool(number >> bit & 1) for bit in range(width)] for number in range(2**width)])
            values[place] = _exact(_masked(model, one, background, masks, column), width)
        else:
            values[place] = _walked(model, one, background, rng, column)
    return Contributions(
        values=values,
        base=float(np.asarray(model.predict_proba(background), dtype=np.float64)[:, column].mean()),
        outputs=np.asarray(model.predict_proba(sample.iloc[rows]), dtype=np.float64)[:, column],
        rows=rows,
        route="permutation",
        variant="all coalitions" if exact else f"{PERMUTATIONS} orders and their reverses",
        library=f"numpy {np.__version__}",
        output="probability",
        background_rows=len(background),
    )


def _masked(model: Any, one: Any, background: Any, masks: NDArray[np.bool_], column: int) -> NDArray[np.float64]:
    """Return v(S) for each mask (masks, features), True = the feature is taken from ``one``; float64 (masks,)."""
    import numpy as np
    import pandas as pd

    size = len(background)
    # The last row is x: an index per feature picks it or the background row, and every column keeps its type.
    both = pd.concat([background, one], ignore_index=True)
    answers = []
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
        answers.append(np.asarray(model.predict_proba(frame), dtype=np.float64)[:, column].reshape(len(part), size))
    means: NDArray[np.float64] = np.concatenate(answers).mean(axis=1)
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


def _walked(model: Any, one: Any, background: Any, rng: np.random.Generator, column: int) -> NDArray[np.float64]:
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
