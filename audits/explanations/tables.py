"""What does each feature contribute to shallow trees? One table a leaf, read by the pattern of a row: exact, any rows.

A leaf with k features on its path answers v when all k conditions hold. Replacing absent features by a background row
makes a game of k players in which only two patterns of k bits count: which conditions the row meets (o), and which the
background row meets (b). Its Shapley values over a whole background depend on the frequencies of b alone, so they are
tabulated for all 2^k patterns o once, and a row costs k look-ups a leaf. With t the share of players present,

    phi_i(o) = v * integral over t in [0, 1] of sum_b freq(b) (o_i - b_i) prod_{j != i} K_t(o_j, b_j)

where K_t(1,1) = 1, K_t(1,0) = t, K_t(0,1) = 1 - t, K_t(0,0) = 0: a polynomial of degree k - 1 in t, on which
Gauss-Legendre quadrature with ceil(k/2) nodes is exact. Path-dependent values are the same game with independent bits,
freq(b) = prod_j (z_j or 1 - z_j), where z_j is the share of cover that the path keeps at feature j.

Sources: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9 (both games); Owen 1972, doi:10.1287/mnsc.18.5.64 (the
integral); Nadel and Wettenstein, "From Decision Trees to Boolean Logic" (patterns and their frequencies), 2025.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.explanations.forest import Forest, Tree, goes_left
from audits.explanations.offers import Offer
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BITS = 16
MAX_CELLS = 2**22
MAX_LEAVES = 60_000
BLOCK_ROWS = 8_192
BLOCK_CELLS = 2**21


@dataclass(frozen=True)
class Leaf:
    """A leaf of a tree: its value, the players on its path in the order of the bits, and the conditions of each.

    ``conditions``: for each player, the nodes passed and whether the way goes left there; ``kept``: for each player, the
    share of cover the path keeps at its nodes.
    """

    tree: int
    value: float
    players: tuple[int, ...]
    conditions: tuple[tuple[tuple[int, bool], ...], ...]
    kept: tuple[float, ...]


def leaves_of(forest: Forest) -> list[Leaf]:
    """Return the leaves of all trees."""
    found = []
    for number, tree in enumerate(forest.trees):
        share = tree.share
        for node, way in tree.paths():
            conditions: dict[int, list[tuple[int, bool]]] = defaultdict(list)
            kept: dict[int, float] = defaultdict(lambda: 1.0)
            for at, left in way:
                player = forest.players[int(tree.column[at])]
                conditions[player].append((at, left))
                kept[player] *= float(share[tree.left[at] if left else tree.right[at]])
            met = tuple(tuple(conditions[player]) for player in conditions)
            found.append(Leaf(number, float(tree.value[node]), tuple(conditions), met, tuple(kept.values())))
    return found


def offers(forest: Forest) -> list[Offer]:
    """Offer the exact values of a forest of shallow trees; none where a path has too many features for tables."""
    if forest.leaves > MAX_LEAVES:
        return []
    leaves = leaves_of(forest)
    if max((len(leaf.players) for leaf in leaves), default=0) > MAX_BITS:
        return []
    return [_offer(forest, leaves, variant) for variant in ("interventional", "path-dependent")]


def _offer(forest: Forest, leaves: list[Leaf], variant: str) -> Offer:
    bits = sum(len(leaf.players) for leaf in leaves)
    cells = sum(len(leaf.players) ** 2 * 2 ** len(leaf.players) for leaf in leaves)

    def seconds(rows: int, background_rows: int) -> float:
        fixed = SECONDS_PER_LEAF * len(leaves) + SECONDS_PER_CELL * cells
        patterns = SECONDS_PER_PATTERN * background_rows * bits if variant == "interventional" else 0.0
        return float(fixed + patterns + SECONDS_PER_LOOK_UP * rows * bits)

    def contributions(background: Any, sample: Any) -> Contributions:
        import numpy as np

        before = forest.read(background) if variant == "interventional" else None
        rows = forest.read(sample)
        values = np.zeros((len(sample), forest.features))
        for part in _portions(leaves):
            values += looked_up(forest, part, tabulated(forest, part, before), rows)
        base = forest.expected if before is None else float(np.mean(forest.outputs(background)))
        return Contributions(
            values=values,
            base=base,
            outputs=forest.outputs(sample),
            route="tree-tables",
            variant=variant,
            library=f"numpy {np.__version__}, {forest.library}",
            output=forest.output,
            background_rows=len(background),
        )

    return Offer("tree-tables", variant, seconds, contributions, varies=variant == "interventional")


SECONDS_PER_LEAF = 3e-5
SECONDS_PER_CELL = 2.3e-9
SECONDS_PER_PATTERN = 1e-9
SECONDS_PER_LOOK_UP = 1.5e-9
"""Measured on one core of a 2 GHz server; they are compared with those of the other routes, never added to a clock."""


def _portions(leaves: Sequence[Leaf]) -> Iterator[list[Leaf]]:
    """Yield the leaves in runs whose tables together stay within ``MAX_CELLS``."""
    part: list[Leaf] = []
    cells = 0
    for leaf in leaves:
        size = len(leaf.players) * 2 ** len(leaf.players)
        if part and cells + size > MAX_CELLS:
            yield part
            part, cells = [], 0
        part.append(leaf)
        cells += size
    if part:
        yield part


def tabulated(
    forest: Forest, leaves: Sequence[Leaf], background: NDArray[np.float64] | None
) -> list[NDArray[np.float64]]:
    """Return the table of each leaf, float64 (players, 2^players): against a background, or against the covers."""
    import numpy as np

    by_size: dict[int, list[int]] = defaultdict(list)
    for at, leaf in enumerate(leaves):
        by_size[len(leaf.players)].append(at)
    frequencies = _independent(leaves) if background is None else _observed(forest, leaves, background)
    tables: list[NDArray[np.float64]] = [np.zeros((0, 1))] * len(leaves)
    for size, places in by_size.items():
        if size == 0:
            continue
        step = max(1, BLOCK_CELLS // (2**size * size))
        for begin in range(0, len(places), step):
            part = places[begin : begin + step]
            worth = np.array([leaves[at].value for at in part])
            found = shapley_tables(np.stack([frequencies[at] for at in part]) * worth[:, None], size)
            for at, table in zip(part, found, strict=True):
                tables[at] = table
    return tables


def shapley_tables(frequencies: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return phi_i(o) for every pattern o from the frequencies of the background's patterns.

    ``frequencies``: float64 (leaves, 2^size), bit j of an index belongs to player j; returns float64 (leaves, size,
    2^size).
    """
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss((size + 1) // 2)
    points, weights = (points + 1.0) / 2.0, weights / 2.0
    count = len(frequencies)
    tables = np.zeros((count, size, 2**size))
    for point, weight in zip(points, weights, strict=True):
        joint = frequencies
        for bit in range(size):
            split = joint.reshape(count, -1, 2, 2**bit)
            mixed = np.empty_like(split)
            mixed[:, :, 0] = (1.0 - point) * split[:, :, 1]
            mixed[:, :, 1] = split[:, :, 1] + point * split[:, :, 0]
            joint = mixed.reshape(count, -1)
        for bit in range(size):
            split = joint.reshape(count, -1, 2, 2**bit)
            table = tables[:, bit].reshape(count, -1, 2, 2**bit)
            without = split[:, :, 0] / (1.0 - point)
            table[:, :, 0] -= weight * without
            table[:, :, 1] += (weight / point) * (split[:, :, 1] - without)
    return tables


def _independent(leaves: Sequence[Leaf]) -> list[NDArray[np.float64]]:
    import numpy as np

    found = []
    for leaf in leaves:
        joint = np.ones(1)
        for kept in leaf.kept:
            joint = np.concatenate([(1.0 - kept) * joint, kept * joint])
        found.append(joint)
    return found


def _observed(forest: Forest, leaves: Sequence[Leaf], background: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    import numpy as np

    found = [np.zeros(2 ** len(leaf.players)) for leaf in leaves]
    total = background.shape[1]
    for begin in range(0, total, BLOCK_ROWS):
        block = np.ascontiguousarray(background[:, begin : begin + BLOCK_ROWS])
        for at, pattern in _patterns(forest, leaves, block):
            found[at] += np.bincount(pattern, minlength=len(found[at]))
    return [counts / total for counts in found]


def looked_up(
    forest: Forest, leaves: Sequence[Leaf], tables: Sequence[NDArray[np.float64]], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the contributions of each row of ``values`` (columns, rows): float64 (rows, features)."""
    import numpy as np

    total = values.shape[1]
    found = np.zeros((forest.features, total))
    for begin in range(0, total, BLOCK_ROWS):
        block = np.ascontiguousarray(values[:, begin : begin + BLOCK_ROWS])
        place = np.empty(block.shape[1], dtype=np.intp)
        added = np.empty(block.shape[1])
        for at, pattern in _patterns(forest, leaves, block):
            place[:] = pattern
            for player, table in zip(leaves[at].players, tables[at], strict=True):
                np.take(table, place, out=added, mode="clip")
                found[player, begin : begin + BLOCK_ROWS] += added
    return np.ascontiguousarray(found.T)


def _patterns(forest: Forest, leaves: Sequence[Leaf], values: NDArray[np.float64]) -> Any:
    """Yield for each leaf with players its index and, for each row, the bits of the conditions the row meets."""
    import numpy as np

    number = -1
    met: dict[tuple[int, bool], NDArray[np.uint16]] = {}
    for at, leaf in enumerate(leaves):
        if leaf.tree != number:
            number = leaf.tree
            met = _met(forest.trees[number], values)
        if not leaf.players:
            continue
        pattern = np.zeros(values.shape[1], dtype=np.uint16)
        for conditions in reversed(leaf.conditions):
            bit = met[conditions[0]]
            for condition in conditions[1:]:
                bit = bit & met[condition]
            pattern += pattern
            pattern |= bit
        yield at, pattern


def _met(tree: Tree, values: NDArray[np.float64]) -> dict[tuple[int, bool], NDArray[np.uint16]]:
    """Return, for each inner node and way, 1 for the rows of ``values`` that take it, else 0."""
    import numpy as np

    found = {}
    for node in np.flatnonzero(tree.left >= 0).tolist():
        left = goes_left(tree, node, values)
        found[node, True] = left.astype(np.uint16)
        found[node, False] = (~left).astype(np.uint16)
    return found
