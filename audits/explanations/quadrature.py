"""What does each feature contribute to deep trees? One walk over every tree a row, in compiled code: path-dependent.

A leaf with value v adds v * integral over t of prod_j F_j(t) to the mean, with F_j = t o_j + (1 - t) z_j: o_j says
whether the row meets all conditions of feature j on the path, z_j is the share of cover they keep. The contribution of
feature i replaces its factor by o_i - z_i. Walking down, the product is kept at a few nodes of a Gauss-Legendre rule,
which is exact for these polynomials; walking up, the products of a subtree are summed, and the factor of the feature
split on is divided out. Where a feature comes again, its old factor makes place for the new one. Cost: nodes times
quadrature nodes, whatever the depth.

Sources: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9 (the game); "Quadrature-TreeSHAP", 2026, arXiv:2605.04497;
Yu et al., "Linear TreeShap", NeurIPS 2022 (the same division on polynomials).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from audits.explanations.forest import Forest, depths
from audits.explanations.offers import Offer
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LANES = 4
BLOCK = 32
MOST_NODES = 16
SECONDS_TO_COMPILE = 1.0
SECONDS_TO_IMPORT = 0.8
SECONDS_PER_LEAF = 8e-9
SECONDS_PER_NODE = 1.9e-9
"""Measured on one core of a 2 GHz server: compiling, loading the compiler, a leaf and one of its quadrature nodes."""


def offer(forest: Forest) -> Offer | None:
    """Offer the path-dependent values of trees of any depth; None for a forest without a split.

    The rule has at least as many nodes as exactness asks for, ceil(k/2) for k features on one path, up to
    ``MOST_NODES``; beyond, the additivity residual tells whether it was enough.
    """
    widest = _widest(forest)
    if widest == 0:
        return None
    width = min(MOST_NODES, -(-((widest + 1) // 2) // LANES) * LANES)
    leaves = forest.leaves

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        fixed = 0.0 if width in _COMPILED else SECONDS_TO_COMPILE
        fixed += 0.0 if "numba" in sys.modules else SECONDS_TO_IMPORT
        blocks = rows + min(rows, BLOCK) / 8  # what is made once for a block weighs on few rows
        return fixed + (SECONDS_PER_LEAF + SECONDS_PER_NODE * width) * leaves * blocks

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        import numba

        return Contributions(
            values=walked(forest, forest.read(sample), width),
            base=forest.expected,
            outputs=forest.outputs(sample),
            route="tree-quadrature",
            variant="path-dependent",
            library=f"numba {numba.__version__}, {forest.library}",
            output=forest.output,
            background_rows=len(background),
        )

    return Offer("tree-quadrature", "path-dependent", seconds, contributions, varies=False)


def least_seconds() -> float:
    """Return what must be spent before the first row, unless something was compiled already."""
    return 0.0 if _COMPILED else SECONDS_TO_COMPILE


def walked(forest: Forest, values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the contributions of each row of ``values`` (columns, rows): float64 (rows, features)."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss(width)
    found = np.zeros((values.shape[1], forest.features))
    walk = walker(width)
    players = np.asarray(forest.players, dtype=np.int32)
    for tree in forest.trees:
        column = np.maximum(tree.column, 0).astype(np.int32)
        walk(
            values,
            tree.left.astype(np.int32),
            tree.right.astype(np.int32),
            column,
            players[column],
            tree.threshold,
            tree.missing_left,
            tree.value,
            tree.share,
            (points + 1.0) / 2.0,
            weights / 2.0,
            int(depths(tree).max()) + 2,
            found,
        )
    return found


def _widest(forest: Forest) -> int:
    """Return the largest number of distinct features on a path of any tree."""
    import numpy as np

    nodes = forest.nodes
    players = np.asarray(forest.players, dtype=np.int64)[nodes.column]
    level = nodes.roots[nodes.left[nodes.roots] >= 0]
    seen, widest = np.zeros((len(level), -(-forest.features // 63)), dtype=np.int64), 0
    while len(level):
        seen[np.arange(len(level)), players[level] // 63] |= np.int64(1) << (players[level] % 63)
        widest = max(widest, int(np.bitwise_count(seen).sum(axis=1).max()))
        children = np.concatenate([nodes.left[level], nodes.right[level]])
        inner = nodes.left[children] >= 0
        level, seen = children[inner], np.concatenate([seen, seen])[inner]
    return widest


_COMPILED: dict[int, Callable[..., None]] = {}


def walker(width: int) -> Callable[..., None]:
    """Return the walk of a block of rows at a time with ``width`` quadrature nodes, compiled once in this process."""
    if width not in _COMPILED:
        _COMPILED[width] = _compiled(width, BLOCK)
    return _COMPILED[width]


def _compiled(width: int, block: int) -> Callable[..., None]:  # noqa: PLR0915 -- the compiler wants one function
    import numba
    import numpy as np

    @numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})
    def walk(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915, PLR0917 -- compiled whole, types are worked out
        values, left, right, column, player, threshold, missing_left, value, share, t, w, depths, found
    ):
        rest = 1.0 - t
        product = np.empty((depths, block, width))
        total = np.empty((depths, block, width))
        ratio = np.empty((depths, 3, width))
        worth = np.zeros((depths, 3, width))
        before = np.empty((depths, width))
        before_worth = np.empty((depths, width))
        kept = np.ones(found.shape[1])
        old_kept = np.empty(depths)
        meets = np.ones((found.shape[1], block), dtype=np.bool_)
        met = np.empty((depths, block), dtype=np.bool_)
        goes = np.empty((depths, block), dtype=np.bool_)
        case = np.empty((depths, block), dtype=np.int64)
        node_at = np.empty(depths, dtype=np.int64)
        stage = np.empty(depths, dtype=np.int64)
        for first in range(0, values.shape[1], block):
            rows = min(block, values.shape[1] - first)
            depth = 0
            node_at[0] = stage[0] = 0
            product[0] = 1.0
            while depth >= 0 and left[0] >= 0:
                node = node_at[depth]
                who = player[node]
                if stage[depth] == 0:
                    read = values[column[node]]
                    limit = threshold[node]
                    for r in range(rows):
                        one = read[first + r]
                        goes[depth, r] = (one <= limit) or (missing_left[node] and np.isnan(one))
                        met[depth, r] = meets[who, r]
                    old_kept[depth] = kept[who]
                    for k in range(width):
                        before[depth, k] = t[k] + rest[k] * kept[who]
                        before_worth[depth, k] = w[k] * (1.0 - kept[who]) / before[depth, k]
                    total[depth] = 0.0
                else:
                    for r in range(rows):
                        at = case[depth, r]
                        added = 0.0
                        for k in range(width):
                            one = total[depth + 1, r, k]
                            added += worth[depth, at, k] * one
                            total[depth, r, k] += one
                        found[first + r, who] += added
                down = False
                while stage[depth] < 2 and not down:
                    on_left = stage[depth] == 0
                    stage[depth] += 1
                    child = left[node] if on_left else right[node]
                    now = old_kept[depth] * share[child]
                    for k in range(width):
                        factor = t[k] + rest[k] * now
                        ratio[depth, 0, k] = factor / before[depth, k]
                        ratio[depth, 1, k] = rest[k] * now / before[depth, k]
                        ratio[depth, 2, k] = share[child]
                        worth[depth, 0, k] = w[k] * (1.0 - now) / factor - before_worth[depth, k]
                        worth[depth, 1, k] = -w[k] / rest[k] - before_worth[depth, k]
                    if left[child] < 0:
                        answer = value[child]
                        for r in range(rows):
                            at = 2 if not met[depth, r] else (0 if goes[depth, r] == on_left else 1)
                            added = 0.0
                            for k in range(width):
                                one = answer * product[depth, r, k] * ratio[depth, at, k]
                                added += worth[depth, at, k] * one
                                total[depth, r, k] += one
                            found[first + r, who] += added
                        continue
                    kept[who] = now
                    for r in range(rows):
                        at = 2 if not met[depth, r] else (0 if goes[depth, r] == on_left else 1)
                        case[depth, r] = at
                        meets[who, r] = at == 0
                        for k in range(width):
                            product[depth + 1, r, k] = product[depth, r, k] * ratio[depth, at, k]
                    down = True
                if down:
                    depth += 1
                    node_at[depth] = child
                    stage[depth] = 0
                    continue
                kept[who] = old_kept[depth]
                for r in range(rows):
                    meets[who, r] = met[depth, r]
                depth -= 1

    return walk
