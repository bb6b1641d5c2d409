"""What does each feature contribute to shallow trees? One table a leaf, read by the pattern of a row: exact, any rows.

A leaf with k features on its path answers v when all k conditions hold. Replacing absent features by a background row
makes a game of k players in which only two patterns of k bits count: which conditions the row meets (o), and which the
background row meets (b). Its Shapley values over a whole background depend on the frequencies of b alone, so they are
tabulated for all 2^k patterns o once, and a row costs k look-ups a leaf. With t the share of players present,

    phi_i(o) = v * integral over t in [0, 1] of sum_b freq(b) (o_i - b_i) prod_{j != i} K_t(o_j, b_j)

where K_t(1,1) = 1, K_t(1,0) = t, K_t(0,1) = 1 - t, K_t(0,0) = 0: a polynomial of degree k - 1 in t, on which
Gauss-Legendre quadrature with ceil(k/2) nodes is exact. With g_t(o) = sum_b freq(b) prod_j K_t(o_j, b_j), two sums over
the nodes, A = sum w/t g_t and B = sum w/(1-t) g_t, hold all players' values, because 1/t + 1/(1-t) = 1/(t(1-t)):
phi_i(o) = -B(o) where o_i = 0, else A(o) - A(o') - B(o') with o' = o without i. Path-dependent values are the same game
with independent bits, freq(b) = prod_j (z_j or 1 - z_j), where z_j is the share of cover that the path keeps at
feature j. Another background is other frequencies of the same patterns.

Sources: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9 (both games); Owen 1972, doi:10.1287/mnsc.18.5.64 (the
integral); Nadel and Wettenstein, "From Decision Trees to Boolean Logic" (patterns and their frequencies), 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audits.explanations.forest import Forest
from audits.explanations.offers import Offer
from audits.explanations.patterns import MAX_BITS, Leaves, Paths, paths_of
from audits.explanations.quality import Contributions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CELLS, FEW_CELLS = 2**23, 2**20
"""The cells of tables that are held at once; few where that costs no second look at the rows."""
HELD_PATTERNS = 2**22
MAX_LEAVES = 60_000
BLOCK_CELLS = 2**18
MANY_ROWS = 2_048
WIDEST = 8
"""Up to so many features for each on the path, adding a line with all of them costs less than looking each up."""
WIDE_CELLS, WIDE_LEAVES = 2**16, 64


@dataclass(frozen=True)
class Table:
    """The values of some leaves with as many features, for each draw of the background and every pattern.

    ``first``: number of the first leaf; ``players``: int64 (leaves, size); ``values``: float64 (draws, size, 2^size,
    leaves), or where ``summed``, for less rows than patterns, only A and B: float64 (draws, 2, 2^size, leaves).
    """

    first: int
    players: NDArray[np.int64]
    values: NDArray[np.float64]
    summed: bool


def offers(forest: Forest) -> list[Offer]:
    """Offer the exact values of a forest of shallow trees; none where a path has too many features for tables."""
    if forest.leaves > MAX_LEAVES:
        return []
    paths = paths_of(forest)
    if paths is None:
        return []
    return [_offer(forest, paths, variant) for variant in ("interventional", "path-dependent")]


def _offer(forest: Forest, paths: Paths, variant: str) -> Offer:
    def cost(power: int) -> int:
        return sum(len(group.value) * group.size**power * 2**group.size for group in paths.groups)

    bits = sum(len(group.value) * group.size for group in paths.groups)
    nodes, cells, passes = len(forest.nodes.left), cost(1), cost(2)

    def seconds(rows: int, background_rows: int, draws: int = 1) -> float:
        fixed = SECONDS_FIXED + SECONDS_PER_LEAF * nodes
        patterns = SECONDS_PER_PATTERN * nodes * rows
        if variant == "path-dependent":
            return fixed + SECONDS_PER_CELL * cells + patterns + _looking(rows) * bits
        patterns += SECONDS_PER_PATTERN * nodes * background_rows * (1 + draws)
        tables = SECONDS_PER_CELL * cells + SECONDS_PER_PASS * passes
        return fixed + patterns + draws * (tables + _looking(rows) * bits)

    def contributions(background: Any, sample: Any, counts: Sequence[NDArray[np.float64]] = ()) -> Contributions:
        import numpy as np

        rows = forest.read(sample)
        before, weights = None, np.ones((1, len(background)))
        if variant == "interventional":
            before, weights = forest.read(background), np.stack([weights[0], *counts])
        values = np.zeros((len(weights) if before is not None else 1, forest.features, len(sample)))
        held = paths.count * len(sample) <= HELD_PATTERNS
        runs = tuple(paths.patterns(rows, MANY_ROWS)) if held else None
        for part in _portions(paths, draws=len(values), most=FEW_CELLS if held else MAX_CELLS):
            tables = list(tabulated(paths, part, before, weights, rows=len(sample)))
            _look_up(tables, runs or paths.patterns(rows, MANY_ROWS), values)
        base = forest.expected if before is None else float(np.mean(forest.outputs(background)))
        first, *others = (np.ascontiguousarray(one.T) for one in values)
        return Contributions(
            values=first,
            base=base,
            outputs=forest.outputs(sample),
            route="tree-tables",
            variant=variant,
            library=f"numpy {np.__version__}, {forest.library}",
            output=forest.output,
            background_rows=len(background),
            redrawn=tuple(others),
        )

    return Offer("tree-tables", variant, seconds, contributions, varies=variant == "interventional")


SECONDS_FIXED = 0.003
SECONDS_PER_LEAF = 1e-6
SECONDS_PER_CELL = 1.5e-9
SECONDS_PER_PASS = 5e-10
SECONDS_PER_PATTERN = 6e-10
SECONDS_PER_LOOK_UP, SECONDS_PER_LATER_LOOK_UP = 3.5e-9, 1.9e-9
"""Measured on one core of a 2 GHz server; they are compared with those of the other routes, never added to a clock."""


def _looking(rows: int) -> float:
    return SECONDS_PER_LOOK_UP * min(rows, MANY_ROWS) + SECONDS_PER_LATER_LOOK_UP * max(0, rows - MANY_ROWS)


def least_seconds(forest: Forest) -> float:
    """Return what must be spent before the tables of ``forest`` can be begun."""
    return SECONDS_FIXED + SECONDS_PER_LEAF * min(forest.leaves, MAX_LEAVES)


Part = list[tuple[Leaves, slice]]


def _portions(paths: Paths, *, draws: int, most: int) -> Iterator[Part]:
    """Yield the leaves in runs whose tables together stay within ``most`` cells, each cut to what a cache holds."""
    part: Part = []
    held = 0
    for group in paths.groups:
        each = draws * group.size * 2**group.size
        step = max(1, draws * BLOCK_CELLS // each)
        for begin in range(0, len(group.value), step):
            members = slice(begin, min(begin + step, len(group.value)))
            if part and held + each * step > most:
                yield part
                part, held = [], 0
            part.append((group, members))
            held += each * (members.stop - members.start)
    if part:
        yield part


def tabulated(
    paths: Paths, part: Part, background: NDArray[np.float64] | None, weights: NDArray[np.float64], *, rows: int
) -> Iterator[Table]:
    """Yield the tables of some leaves: against each weighting of a background (draws, rows), or against the covers.

    ``rows``: how many are to be looked up.
    """
    import numpy as np

    observed = None if background is None else _observed(paths, part, background, weights)
    for at, (group, members) in enumerate(part):
        worth, summed = group.value[members], 2**group.size > rows
        if observed is None:
            made = [_sums_of_covers(group.kept[members].T, worth, group.size)]
        else:
            made = [_sums(frequencies, worth, group.size) for frequencies in observed[at]]
        values = np.stack(made) if summed else np.stack([_by_player(*one, group.size) for one in made])
        yield Table(group.first + members.start, group.players[members], values, summed)


def shapley_tables(frequencies: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return phi_i(o) for every pattern o from the frequencies of the background's patterns.

    ``frequencies``: float64 (2^size, leaves), bit j of an index belongs to player j; returns float64 (size, 2^size,
    leaves).
    """
    import numpy as np

    return _by_player(*_sums(frequencies, np.ones(frequencies.shape[1]), size), size)


def _sums(
    frequencies: NDArray[np.float64], worth: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return A and B of leaves that are ``worth`` so much, from the frequencies of the patterns: (2^size, leaves)."""
    import numpy as np

    count = len(worth)
    present, absent = np.zeros((2, 2**size, count))
    number = np.bitwise_count(np.arange(2**size))[:, None]
    for point, weight in _rule(size):
        joint = frequencies * worth
        for bit in range(size):
            # In place, with the halves changing names: what was the frequency of bit 0 becomes the sum for o_j = 1.
            split = joint.reshape(-1, 2, 2**bit * count)
            low = split[:, 0]
            low *= point
            low += split[:, 1]
        joint *= (weight / point) * (1.0 - point) ** number
        present += joint
        joint *= point / (1.0 - point)
        absent += joint
    return present[::-1], absent[::-1]


def _sums_of_covers(
    kept: NDArray[np.float64], worth: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return A and B of leaves whose conditions are met independently, each with its share of ``kept`` (size, leaves)."""
    import numpy as np

    present, absent = np.zeros((2, 2**size, len(worth)))
    joint = np.empty_like(present)
    for point, weight in _rule(size):
        joint[0] = worth * (weight / point)
        for bit, share in enumerate(kept):
            without = (1.0 - point) * share
            np.multiply(joint[: 2**bit], point + without, out=joint[2**bit : 2 ** (bit + 1)])
            joint[: 2**bit] *= without
        present += joint
        joint *= point / (1.0 - point)
        absent += joint
    return present, absent


@lru_cache(maxsize=MAX_BITS)
def _rule(size: int) -> tuple[tuple[float, float], ...]:
    """Return the nodes and weights of the quadrature on [0, 1] that is exact for ``size`` players."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss((size + 1) // 2)
    return tuple(zip(((points + 1.0) / 2.0).tolist(), (weights / 2.0).tolist(), strict=True))


def _by_player(present: NDArray[np.float64], absent: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return -B(o) where o_i = 0, else A(o) - A(o without i) - B(o without i), for each player i."""
    import numpy as np

    count = present.shape[1]
    table = np.empty((size, 2**size, count))
    both = present + absent
    for bit in range(size):
        shape = (-1, 2, 2**bit * count)
        mine = table[bit].reshape(shape)
        np.negative(absent.reshape(shape)[:, 0], out=mine[:, 0])
        np.subtract(present.reshape(shape)[:, 1], both.reshape(shape)[:, 0], out=mine[:, 1])
    return table


def _observed(
    paths: Paths, part: Part, background: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return the share of the background that meets each pattern: for each entry of ``part`` (draws, 2^size, leaves)."""
    import numpy as np

    draws = len(weights)
    found = [np.zeros((draws, 2**group.size * (members.stop - members.start))) for group, members in part]
    for rows, patterns in paths.patterns(background):
        for at, (group, members) in enumerate(part):
            flat = _places(patterns, group.first + members.start, members.stop - members.start).ravel()
            for draw in range(draws):
                weight = None if draw == 0 else np.tile(weights[draw, rows], members.stop - members.start)
                found[at][draw] += np.bincount(flat, weights=weight, minlength=found[at].shape[1])
    totals = weights.sum(axis=1)[:, None]
    return [(counts / totals).reshape(draws, 2**group.size, -1) for counts, (group, _) in zip(found, part, strict=True)]


def _places(patterns: NDArray[np.uint16], first: int, count: int) -> NDArray[np.intp]:
    """Return where in a table (patterns, leaves) each of ``count`` leaves finds the pattern of each row."""
    import numpy as np

    places = patterns[first : first + count].astype(np.intp)
    places *= count
    places += np.arange(count)[:, None]
    return places


def _look_up(
    tables: Sequence[Table], runs: Iterable[tuple[slice, NDArray[np.uint16]]], found: NDArray[np.float64]
) -> None:
    """Add to ``found`` (draws, features, rows) the contributions of each row of the ``runs`` of patterns."""
    import numpy as np

    features = found.shape[1]
    wide = {at for at, table in enumerate(tables) if not table.summed and features <= WIDEST * table.players.shape[1]}
    for rows, patterns in runs:
        added = np.zeros((len(found), patterns.shape[1], features))
        for at, table in enumerate(tables):
            if at in wide:
                _add_wide(table, patterns, added)
            elif table.summed:
                _add_summed(table, patterns, rows, found)
            else:
                _add_by_leaf(table, patterns, rows, found)
        found[:, :, rows] += added.transpose(0, 2, 1)


def _add_wide(table: Table, patterns: NDArray[np.uint16], added: NDArray[np.float64]) -> None:
    """Add for each row the sum over leaves of a line of a table that has a column for every feature."""
    import numpy as np
    from scipy.sparse import csr_matrix

    (leaves, size), (draws, rows, features) = table.players.shape, added.shape
    step = max(1, min(WIDE_LEAVES, WIDE_CELLS // (features << size)))
    for begin in range(0, leaves, step):
        players = table.players[begin : begin + step]
        count = len(players)
        each = np.arange(count, dtype=np.int32)
        places = patterns[table.first + begin : table.first + begin + count] + (each << size)[:, None]
        ends = np.arange(0, count * rows + 1, count, dtype=np.int32)
        shape = (rows, count << size)
        reading = csr_matrix((np.ones(count * rows), np.ascontiguousarray(places.T).ravel(), ends), shape=shape)
        for draw in range(draws):
            lines = np.zeros((count, 2**size, features))
            for bit, cells in enumerate(table.values[draw, :, :, begin : begin + count]):
                lines[each, :, players[:, bit]] = cells.T
            added[draw] += reading @ lines.reshape(-1, features)


def _add_by_leaf(table: Table, patterns: NDArray[np.uint16], rows: slice, found: NDArray[np.float64]) -> None:
    """Add leaf by leaf: a call for each feature of each leaf, whatever the number of features."""
    import numpy as np

    added = np.empty(patterns.shape[1])
    by_leaf = np.ascontiguousarray(np.moveaxis(table.values, 3, 0))
    for leaf, (players, each) in enumerate(zip(table.players.tolist(), by_leaf, strict=True)):
        place = patterns[table.first + leaf].astype(np.intp)
        for draw, held in enumerate(each):
            for player, cells in zip(players, held, strict=True):
                cells.take(place, out=added, mode="clip")
                found[draw, player, rows] += added


def _add_summed(table: Table, patterns: NDArray[np.uint16], rows: slice, found: NDArray[np.float64]) -> None:
    """Add what A and B come to for each player."""
    import numpy as np
    from scipy.sparse import csr_matrix

    count, size = table.players.shape
    players = table.players.T.ravel()
    order = np.argsort(players, kind="stable")
    ends = np.searchsorted(players[order], np.arange(found.shape[1] + 1))
    owner = csr_matrix((np.ones(len(order)), order, ends), shape=(found.shape[1], len(order)))
    places = _places(patterns, table.first, count)
    for draw, held in enumerate(table.values):
        found[draw, :, rows] += owner @ _from_sums(held, places, size).reshape(size * count, -1)


def _from_sums(held: NDArray[np.float64], places: NDArray[np.intp], size: int) -> NDArray[np.float64]:
    import numpy as np

    count = held.shape[2]
    present, absent = (one.reshape(-1) for one in held)
    both = present + absent
    with_all, without_any = present[places], -absent[places]
    read = np.empty((size, *places.shape))
    for bit, of in enumerate(read):
        met = (places // count) >> bit & 1
        np.subtract(with_all, both[places - met * (count << bit)], out=of)
        np.copyto(of, without_any, where=met == 0)
    return read
