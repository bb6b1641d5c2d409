"""Of which trees does a model consist? One plain form for every library, in which the fast routes read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audits.explanations.columns import prepare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Tree:
    """One tree as arrays with an entry for each node; node 0 is the root, and a child comes after its parent.

    A row goes to ``left`` where its value of ``column`` is at most ``threshold``, or is missing and ``missing_left``.
    ``left`` is -1 at a leaf. ``value`` holds the leaf's addition to the explained output; ``cover`` the weight of the
    rows the tree was grown on that reached the node.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]

    @property
    def share(self) -> NDArray[np.float64]:
        """The share of its parent's cover that reached each node, 0 where the parent has none; float64 (nodes,)."""
        import numpy as np

        found = np.ones(len(self.left))
        inner = np.flatnonzero(self.left >= 0)
        for child in (self.left[inner], self.right[inner]):
            above = self.cover[inner]
            found[child] = np.divide(self.cover[child], above, out=np.zeros(len(inner)), where=above > 0)
        return found


@dataclass(frozen=True)
class Nodes:
    """The nodes of all trees in one run of arrays, with ``left`` and ``right`` counted through; as ``Tree`` has them."""

    roots: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, trees: list[Tree]) -> Nodes:
        """Put the nodes of ``trees`` one behind another."""
        import numpy as np

        def joined(name: str) -> Any:
            return np.concatenate([getattr(tree, name) for tree in trees])

        sizes = np.array([len(tree.left) for tree in trees])
        roots = np.cumsum(sizes) - sizes
        begin = np.repeat(roots, sizes)
        left, right, cover = joined("left"), joined("right"), joined("cover")
        inner = np.flatnonzero(left >= 0)
        left[inner] += begin[inner]
        right[inner] += begin[inner]
        share = np.ones(len(left))
        for child in (left[inner], right[inner]):
            above = cover[inner]
            share[child] = np.divide(cover[child], above, out=np.zeros(len(inner)), where=above > 0)
        column = np.maximum(joined("column"), 0)
        return cls(roots, left, right, column, joined("threshold"), joined("missing_left"), joined("value"), share)

    def goes_left(self, nodes: NDArray[np.int64], values: NDArray[np.float64], *, missing: bool) -> NDArray[np.bool_]:
        """Tell for each of ``nodes`` and each row of ``values`` (columns, rows) whether the row goes left there.

        ``missing``: whether there may be a missing value among ``values``.
        """
        import numpy as np

        read = values[self.column[nodes]]
        left: NDArray[np.bool_] = read <= self.threshold[nodes, None]
        if missing:
            left |= np.isnan(read) & self.missing_left[nodes, None]
        return left


@dataclass(frozen=True)
class Forest:
    """A model as a constant and trees whose values add up to the explained output.

    ``steps``: the preparation before it; ``players``: for each column that the trees read, the feature it is computed
    from, so that several columns of one feature are one player. ``single``: the trees compare in single precision.
    ``outputs(frame)``: the model's own answer in the unit ``output``, float64 (rows,).
    ``reader(frame)``: what the trees read, (rows, columns), where that is not what the preparation hands on.
    """

    trees: list[Tree]
    constant: float
    output: str
    steps: list[Any]
    players: list[int]
    features: int
    single: bool
    outputs: Callable[[Any], NDArray[np.float64]]
    library: str
    reader: Callable[[Any], NDArray[np.float64]] | None = None

    def read(self, frame: Any) -> NDArray[np.float64]:
        """Return what the trees read of ``frame``, one contiguous row for each column: float64 (columns, rows)."""
        import numpy as np

        values = prepare(self.steps, frame) if self.reader is None else self.reader(frame)
        if self.single:
            values = values.astype(np.float32).astype(np.float64)
        return np.ascontiguousarray(values.T)

    @property
    def expected(self) -> float:
        """Mean output over the rows the trees were grown on, as their covers record them."""
        import numpy as np

        nodes = self.nodes
        reached = np.ones(len(nodes.left))
        level = nodes.roots[nodes.left[nodes.roots] >= 0]
        while len(level):
            for child in (nodes.left[level], nodes.right[level]):
                reached[child] = reached[level] * nodes.share[child]
            below = np.concatenate([nodes.left[level], nodes.right[level]])
            level = below[nodes.left[below] >= 0]
        leaves = nodes.left < 0
        return self.constant + float(reached[leaves] @ nodes.value[leaves])

    @cached_property
    def nodes(self) -> Nodes:
        """The nodes of all trees in one run of arrays."""
        return Nodes.of(self.trees)

    @cached_property
    def leaves(self) -> int:
        """Number of leaves of all trees."""
        return int((self.nodes.left < 0).sum())

    @cached_property
    def steps_of_shap(self) -> float:
        """Sum over leaves of the squared depth, to which the cost of the classic algorithm is proportional."""
        import numpy as np

        left, right = self.nodes.left, self.nodes.right
        total, level, below = 0, self.nodes.roots, 0
        while len(level):
            inner = level[left[level] >= 0]
            total += below**2 * (len(level) - len(inner))
            level, below = np.concatenate([left[inner], right[inner]]), below + 1
        return float(total)


def depths(tree: Tree) -> NDArray[np.int64]:
    """Return the number of splits above each node of ``tree``, int64 (nodes,)."""
    import numpy as np

    found = np.zeros(len(tree.left), dtype=np.int64)
    level, below = np.zeros(1, dtype=np.int64), 0
    while len(level):
        found[level] = below
        inner = level[tree.left[level] >= 0]
        level, below = np.concatenate([tree.left[inner], tree.right[inner]]), below + 1
    return found
