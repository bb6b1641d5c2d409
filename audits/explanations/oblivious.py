"""What does each feature contribute to CatBoost's trees? One table a tree, read by the number of a row's leaf: exact.

All splits of a level of such a tree are the same, so the number of the leaf a row falls into holds the answer to every
split, one bit each. Where the features in S are the row's and all others a background row's, the leaf is

    (bits of S from the row's number) | (all other bits from the background row's number),

which makes the game of a tree a function of the two numbers alone. With f(b) the share of the background in leaf b,
v_S(x) = sum_b f(b) value(x_S, b_rest) needs f summed over the bits of S only, and

    phi_i(x) = sum over S without i of |S|! (k-|S|-1)! / k! (v_{S+i}(x) - v_S(x))

is tabulated for every leaf x once, for the k features of the tree. A row then costs k look-ups a tree. Path-dependent
values are the same with v_S folded along the tree by the weights the leaves had in training.

Sources: Shapley 1953; Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9 (both games).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, Any

from audits.explanations.boosters import library_of, raw_outputs, transformed
from audits.explanations.catboost_trees import Oblivious, oblivious
from audits.explanations.columns import split, trace
from audits.explanations.offers import Offer
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Leaves = NDArray[np.int64]

MAX_PLAYERS = 10
MAX_BITS = 12
CELLS = 2**22
SECONDS_FIXED = 0.004
SECONDS_PER_TREE = 3e-5
SECONDS_PER_CALL = {"interventional": 3e-6, "path-dependent": 7e-6}
SECONDS_PER_CELL = {"interventional": 1.6e-9, "path-dependent": 4.5e-9}
SECONDS_PER_LEAF = 6e-9
SECONDS_PER_LOOK_UP = 2.5e-9
SECONDS_PER_COUNT = 3e-9
OWN_SECONDS_FIXED = 0.003
OWN_SECONDS_PER_CELL = 2.8e-7
OWN_SECONDS_PER_ROW = 2e-8
"""Measured on one core of a 2 GHz server: what is done once, a tree, a set of players of trees that are alike, a cell of
its sums, finding the leaf of a row, a look-up, counting a background row; and what the library's own function takes for
each leaf that some row falls into, and for each split a row."""


@dataclass(frozen=True)
class Alike:
    """Trees whose bits belong to their players in the same way: ``bits[b]`` is the place of the player of bit b."""

    bits: tuple[int, ...]
    numbers: list[int]
    players: list[list[int]]


@dataclass(frozen=True)
class Known:
    """A CatBoost model behind its preparation ``steps``, with its trees as they are read for the class in ``column``."""

    steps: list[Any]
    final: Any
    trees: Oblivious
    groups: list[Alike]
    features: int
    column: int | None

    def leaves(self, frame: Any) -> Iterator[tuple[slice, Leaves]]:
        """Yield runs of rows of a frame and the number of the leaf of each tree that each row falls into."""
        import catboost  # type: ignore[import-untyped]  # it has no types
        import numpy as np

        step = max(1_024, CELLS // len(self.trees.splits))
        for begin in range(0, len(frame), step):
            rows = frame.iloc[begin : begin + step]
            prepared = transformed(self.steps, self.final, rows)
            # the sandbox leaves no room for further threads, for which CatBoost would wait without end
            pool = catboost.Pool(prepared, cat_features=self.final.get_cat_feature_indices(), thread_count=1)
            numbers = self.final.calc_leaf_indexes(pool, thread_count=1)
            yield slice(begin, begin + len(rows)), np.asfortranarray(numbers, dtype=np.int64)

    def outputs(self, frame: Any) -> Floats:
        """Return the model's own raw score."""
        return raw_outputs(self.steps, self.final, frame, self.column)


def offers(model: Any, features: list[str], *, column: int | None) -> list[Offer]:
    """Offer the exact values of a CatBoost model behind column-wise steps, of both variants; none for other models."""
    steps, final = split(model)
    sources = trace(steps, features)
    if library_of(final) != "catboost" or sources is None:
        return []
    trees = oblivious(final, column)
    if trees is None or not trees.splits:
        return []
    groups = _alike(trees, sources)
    if any(len(group.players[0]) > MAX_PLAYERS or len(group.bits) > MAX_BITS for group in groups):
        return []
    known = Known(steps, final, trees, groups, len(features), column)
    return [_offer(known, variant) for variant in ("interventional", "path-dependent")]


def _offer(known: Known, variant: str) -> Offer:
    trees, groups = known.trees, known.groups
    count = len(trees.splits)
    cells = calls = looked = 0
    for group in groups:
        players, bits, alike = len(group.players[0]), len(group.bits), len(group.numbers)
        cells += alike * (players + 2) * 2 ** (players + bits)
        calls += (players + 3) * 2**players
        looked += alike * players

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        tables = SECONDS_PER_CALL[variant] * calls + draws * SECONDS_PER_CELL[variant] * cells
        found = SECONDS_FIXED + SECONDS_PER_TREE * count + tables
        found += rows * (SECONDS_PER_LEAF * count + draws * SECONDS_PER_LOOK_UP * looked)
        before = (SECONDS_PER_LEAF + SECONDS_PER_COUNT * draws) * count * background_rows
        return found if variant == "path-dependent" else found + before

    def contributions(background: Any, sample: Any, counts: Sequence[Floats] = ()) -> Contributions:
        import numpy as np

        if variant == "interventional":
            shares = _shares(trees, known.leaves(background), np.stack([np.ones(len(background)), *counts]))
        else:
            shares = [weights[None] for weights in trees.weights]
        draws = len(shares[0])
        tables = [
            (group, part, _tabulated(trees, group, part, shares, variant=variant))
            for group, part in _parts(groups, draws)
        ]
        values = np.zeros((draws, known.features, len(sample)))
        for rows, numbers in known.leaves(sample):
            for group, part, table in tables:
                for place, at in enumerate(part):
                    read = table[:, :, place].take(numbers[:, group.numbers[at]], axis=2)
                    values[:, group.players[at], rows] += read
        outputs = known.outputs(sample)
        if variant == "interventional":
            base = float(np.mean(known.outputs(background)))
        else:
            base = trees.constant + sum(float(_folded(trees, at)) for at in range(count))
        first, *others = (np.ascontiguousarray(one.T) for one in values)
        return Contributions(
            values=first,
            base=base,
            outputs=outputs,
            route="tree-tables",
            variant=variant,
            library=f"numpy {np.__version__}, catboost {sys.modules['catboost'].__version__}",
            output=unit(known.final, column=known.column),
            background_rows=len(background),
            redrawn=tuple(others),
        )

    return Offer("tree-tables", variant, seconds, contributions, varies=variant == "interventional")


def own_seconds(final: Any, rows: int) -> float:
    """Return what CatBoost's own values take: a walk for each leaf that some row falls into, then a look-up."""
    depths = [int(leaves).bit_length() - 1 for leaves in final.get_tree_leaf_counts()]
    walked: float = sum(2**depth * _touched(2**depth, rows) for depth in depths)
    return OWN_SECONDS_FIXED + OWN_SECONDS_PER_CELL * walked + OWN_SECONDS_PER_ROW * sum(depths) * rows


def _touched(leaves: int, rows: int) -> float:
    """Return into how many of as many equally likely leaves so many rows fall."""
    return leaves * (1.0 - (1.0 - 1.0 / leaves) ** rows) if leaves > 1 else 1.0


def unit(final: Any, *, column: int | None) -> str:
    """Return the unit of the raw score of a CatBoost model."""
    if column is None:
        return "value"
    return "log-odds" if len(final.classes_) == 2 else "margin"


def _alike(trees: Oblivious, sources: list[int]) -> list[Alike]:
    """Put trees together whose bits belong to players in the same way."""
    found: dict[tuple[int, ...], Alike] = {}
    for number, columns in enumerate(trees.splits):
        owners = [sources[column] for column in columns]
        players = list(dict.fromkeys(owners))
        bits = tuple(players.index(owner) for owner in owners)
        group = found.setdefault(bits, Alike(bits, [], []))
        group.numbers.append(number)
        group.players.append(players)
    return [group for bits, group in found.items() if bits]


def _parts(groups: list[Alike], draws: int) -> Iterator[tuple[Alike, range]]:
    """Yield runs of trees that are alike and whose tables are worked out together."""
    for group in groups:
        step = max(1, CELLS // (draws * (len(set(group.bits)) + 2) * 2 ** len(group.bits)))
        for begin in range(0, len(group.numbers), step):
            yield group, range(begin, min(begin + step, len(group.numbers)))


def _shares(trees: Oblivious, background: Iterator[tuple[slice, Leaves]], weights: Floats) -> list[Floats]:
    """Return for each tree the share of each weighting of the background in each leaf: float64 (draws, leaves)."""
    import numpy as np

    found = [np.zeros((len(weights), len(values))) for values in trees.values]
    for rows, numbers in background:
        for tree, share in enumerate(found):
            for draw, weight in enumerate(weights[:, rows]):
                share[draw] += np.bincount(numbers[:, tree], weights=weight if draw else None, minlength=share.shape[1])
    return [share / weights.sum(axis=1)[:, None] for share in found]


def _tabulated(trees: Oblivious, group: Alike, part: range, shares: list[Floats], *, variant: str) -> Floats:
    """Return phi of every leaf: float64 (draws, players, trees, leaves)."""
    import numpy as np

    draws, depth, count = len(shares[0]), len(group.bits), len(set(group.bits))
    shape = (draws, len(part)) + (2,) * depth
    numbers = [group.numbers[at] for at in part]
    values = np.stack([trees.values[tree] for tree in numbers])[None].reshape((1, *shape[1:]))
    weights = np.stack([shares[tree] for tree in numbers], axis=1).reshape(shape)
    # the first axis of a leaf's number is its highest bit
    axes = [tuple(2 + depth - 1 - bit for bit in range(depth) if group.bits[bit] == player) for player in range(count)]
    found = np.zeros((draws, count, *shape[1:]))
    for size in range(count + 1):
        without = factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0
        within = factorial(size - 1) * factorial(count - size) / factorial(count) if size else 0.0
        for present in combinations(range(count), size):
            held = tuple(axis for player in present for axis in axes[player])
            rest = tuple(axis for player in range(count) if player not in present for axis in axes[player])
            if variant == "interventional":
                worth = (weights.sum(axis=held, keepdims=True) * values).sum(axis=rest, keepdims=True)
            else:
                worth = _along_the_tree(values, weights, frozenset(rest))
            for player in range(count):
                found[:, player] += within * worth if player in present else -without * worth
    return found.reshape(draws, count, len(part), -1)


def _along_the_tree(values: Floats, weights: Floats, absent: frozenset[int]) -> Floats:
    """Return the value of each leaf's path where the splits of the ``absent`` axes go both ways, by their weights.

    The highest bit of a leaf's number is the answer at the root.
    """
    import numpy as np

    for axis in range(values.ndim - 1, 1, -1):
        below = weights.sum(axis=tuple(range(axis + 1, values.ndim)), keepdims=True)
        if axis in absent:
            whole = below.sum(axis=axis, keepdims=True)
            share = np.divide(below, whole, out=np.zeros_like(below), where=whole > 0)
            values = (values * share).sum(axis=axis, keepdims=True)
    return values


def _folded(trees: Oblivious, tree: int) -> Any:
    """Return the mean of one tree over the rows it was grown on."""
    depth = len(trees.splits[tree])
    shape = (1, 1) + (2,) * depth
    values, weights = trees.values[tree].reshape(shape), trees.weights[tree].reshape(shape)
    return _along_the_tree(values, weights, frozenset(range(2, 2 + depth))).reshape(-1)[0]
