"""Which conditions of each leaf's path does a row meet? One bit a feature on the path, for every leaf of a forest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.explanations.forest import Forest, Nodes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BITS = 16
BLOCK_ROWS = 256


@dataclass(frozen=True)
class Level:
    """The splits at one depth of all trees, and where their children go.

    ``bit``: uint16, the place of the split's feature among those of the path; ``inner``: for the left and the right side,
    which of these splits have a split below; ``leaf``: which have a leaf there, and the number of that leaf.
    """

    nodes: NDArray[np.int64]
    bit: NDArray[np.uint16]
    inner: tuple[NDArray[np.int64], NDArray[np.int64]]
    leaf: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class Leaves:
    """The leaves with ``size`` features on their paths; they are numbered from ``first`` on.

    ``value``: float64 (leaves,); ``players``: int64 (leaves, size), the feature of each bit; ``kept``: float64 (leaves,
    size), the share of cover that the path keeps at the splits of that feature.
    """

    size: int
    first: int
    value: NDArray[np.float64]
    players: NDArray[np.int64]
    kept: NDArray[np.float64]


@dataclass(frozen=True)
class Paths:
    """All paths of a forest, by depth and by the number of their features."""

    nodes: Nodes
    levels: tuple[Level, ...]
    groups: tuple[Leaves, ...]
    count: int

    def patterns(
        self, values: NDArray[np.float64], rows: int = BLOCK_ROWS
    ) -> Iterator[tuple[slice, NDArray[np.uint16]]]:
        """Yield runs of rows of ``values`` (columns, rows) and, for each leaf, the bits of the conditions they meet.

        The patterns are uint16 (leaves, rows of the run).
        """
        import numpy as np

        for begin in range(0, values.shape[1], rows):
            run = values[:, begin : begin + rows]
            parts = [
                self._met(np.ascontiguousarray(run[:, at : at + BLOCK_ROWS]))
                for at in range(0, run.shape[1], BLOCK_ROWS)
            ]
            yield slice(begin, begin + run.shape[1]), np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]

    def _met(self, block: NDArray[np.float64]) -> NDArray[np.uint16]:
        import numpy as np

        found = np.empty((self.count, block.shape[1]), dtype=np.uint16)
        missing = bool(np.isnan(block).any())
        roots = len(self.levels[0].nodes) if self.levels else 0
        above = np.full((roots, block.shape[1]), 0xFFFF, dtype=np.uint16)
        for level in self.levels:
            going = self.nodes.goes_left(level.nodes, block, missing=missing)
            bit = level.bit[:, None]
            taken = np.multiply(going, bit, dtype=np.uint16)
            sides = (above & (taken | ~bit), above & ~taken)
            for side, (places, numbers) in zip(sides, level.leaf, strict=True):
                found[numbers] = side[places]
            above = np.concatenate([side[places] for side, places in zip(sides, level.inner, strict=True)])
        for group in self.groups:
            found[group.first : group.first + len(group.value)] &= np.uint16((1 << group.size) - 1)
        return found


def paths_of(forest: Forest) -> Paths | None:
    """Return the paths of all trees; None where one of them holds more than ``MAX_BITS`` features."""
    import numpy as np

    nodes = forest.nodes
    player = np.asarray(forest.players, dtype=np.int64)[nodes.column]
    at = nodes.roots[nodes.left[nodes.roots] >= 0]
    slots = np.full((len(at), MAX_BITS), -1)
    kept = np.ones((len(at), MAX_BITS))
    width = np.zeros(len(at), dtype=np.int64)
    levels, ends = [], []
    while len(at):
        same = slots == player[at][:, None]
        bit = np.where(same.any(axis=1), same.argmax(axis=1), width)
        if bit.max() >= MAX_BITS:
            return None
        each = np.arange(len(at))
        slots[each, bit] = player[at]
        width = np.maximum(width, bit + 1)
        inner, leaf, below = [], [], []
        for child in (nodes.left[at], nodes.right[at]):
            narrowed = kept.copy()
            narrowed[each, bit] *= nodes.share[child]
            splits = nodes.left[child] >= 0
            inner.append(np.flatnonzero(splits))
            leaf.append(np.flatnonzero(~splits))
            below.append((child[splits], slots[splits], narrowed[splits], width[splits]))
            ends.append((child[~splits], slots[~splits], narrowed[~splits], width[~splits]))
        levels.append((at, (1 << bit).astype(np.uint16), tuple(inner), tuple(leaf)))
        at, slots, kept, width = (np.concatenate(part) for part in zip(*below, strict=True))
    return _numbered(nodes, levels, ends)


def _numbered(nodes: Nodes, levels: list[Any], ends: list[Any]) -> Paths:
    """Number the leaves so that those with as many features lie together."""
    import numpy as np

    if not levels:
        return Paths(nodes, (), (), 0)
    leaf, slots, kept, width = (np.concatenate(part) for part in zip(*ends, strict=True))
    order = np.argsort(width, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    groups = []
    for size in np.unique(width).tolist():
        members = order[width[order] == size]
        groups.append(
            Leaves(
                size,
                int(number[members[0]]),
                nodes.value[leaf[members]],
                slots[members, :size],
                kept[members, :size],
            )
        )
    made, told = [], 0
    for at, bit, inner, ended in levels:
        numbers = []
        for places in ended:
            numbers.append((places, number[told : told + len(places)]))
            told += len(places)
        made.append(Level(at, bit, inner, (numbers[0], numbers[1])))
    return Paths(nodes, tuple(made), tuple(groups), len(order))
