"""What are the Shapley values, worked out from their definition over every coalition?"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd


def of_game(worth: Callable[[Collection[int]], float], players: int) -> np.ndarray:
    """Return the Shapley value of each player of the game ``worth(coalition)`` (Shapley 1953)."""
    known = {chosen: worth(chosen) for size in range(players + 1) for chosen in combinations(range(players), size)}
    answer = np.zeros(players)
    for chosen, before in known.items():
        for player in set(range(players)) - set(chosen):
            after = known[tuple(sorted((*chosen, player)))]
            answer[player] += (after - before) / (players * comb(players - 1, len(chosen)))
    return answer


def by_definition(value: Callable[[pd.DataFrame], float], background: pd.DataFrame, row: pd.Series) -> np.ndarray:
    """Return the interventional values of one row: absent features are those of the background rows."""

    def worth(chosen: Collection[int]) -> float:
        mixed = background.copy()
        for feature in chosen:
            mixed[mixed.columns[feature]] = row.iloc[feature]
        return value(mixed)

    return of_game(worth, len(row))
