"""Of which trees does a model consist? One plain form for every library, in which the fast routes read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    def paths(self) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Yield each leaf with the way to it: the nodes passed, and whether the way goes left there."""
        waiting: list[tuple[int, list[tuple[int, bool]]]] = [(0, [])]
        while waiting:
            node, way = waiting.pop()
            if self.left[node] < 0:
                yield node, way
                continue
            waiting.append((int(self.right[node]), [*way, (node, False)]))
            waiting.append((int(self.left[node]), [*way, (node, True)]))


@dataclass(frozen=True)
class Forest:
    """A model as a constant and trees whose values add up to the explained output.

    ``steps``: the preparation before it; ``players``: for each column that the trees read, the feature it is computed
    from, so that several columns of one feature are one player. ``single``: the trees compare in single precision.
    ``outputs(frame)``: the model's own answer in the unit ``output``, float64 (rows,).
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

    def read(self, frame: Any) -> NDArray[np.float64]:
        """Return what the trees read of ``frame``, one contiguous row for each column: float64 (columns, rows)."""
        import numpy as np

        values = prepare(self.steps, frame)
        if self.single:
            values = values.astype(np.float32).astype(np.float64)
        return np.ascontiguousarray(values.T)

    @property
    def expected(self) -> float:
        """Mean output over the rows the trees were grown on, as their covers record them."""
        import numpy as np

        total = self.constant
        for tree in self.trees:
            reached, share = np.ones(len(tree.left)), tree.share
            level = np.flatnonzero(tree.left[:1] >= 0)
            while len(level):
                for child in (tree.left[level], tree.right[level]):
                    reached[child] = reached[level] * share[child]
                below = np.concatenate([tree.left[level], tree.right[level]])
                level = below[tree.left[below] >= 0]
            leaves = tree.left < 0
            total += float(reached[leaves] @ tree.value[leaves])
        return total

    @property
    def leaves(self) -> int:
        """Number of leaves of all trees."""
        return sum(int((tree.left < 0).sum()) for tree in self.trees)

    @cached_property
    def steps_of_shap(self) -> float:
        """Sum over leaves of the squared depth, to which the cost of the classic algorithm is proportional."""
        return float(sum((depths(tree)[tree.left < 0] ** 2).sum() for tree in self.trees))


def goes_left(tree: Tree, node: int, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for each row of ``values`` (columns, rows) whether it goes left at ``node``."""
    import numpy as np

    column = values[tree.column[node]]
    left: NDArray[np.bool_] = column <= tree.threshold[node]
    if tree.missing_left[node]:
        left |= np.isnan(column)
    return left


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
