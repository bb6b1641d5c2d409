"""How are many multinomial draws of the same cells made quickly and exactly? By Poisson counts, and a few rows on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ROWS_WORTH_A_ROUND = 2.5
"""A round of Poisson counts costs about as much as so many single rows for each cell."""
ROUNDS_APART = 4
TOO_WIDE = 800
"""A table of more values than this costs more than a thousand draws by numpy's own rejection method."""
AT_ONCE = 16_384
ROWS_AT_ONCE = 16_384
BUCKETS = 65_536


def multinomial_draws(n: int, shares: Floats, random: np.random.Generator, *, replicates: int) -> Floats:
    r"""Draw ``replicates`` times from Multinomial(n, shares), in whole numbers.

    Independent :math:`X_i \sim \mathrm{Poisson}(\mu p_i)` with total :math:`T = \sum_i X_i` are, given T,
    Multinomial(T, p). With :math:`\mu` a little below n they are kept where :math:`T \le n` and drawn anew elsewhere,
    which looks at nothing but T; the n - T rows that are missing are a multinomial again, drawn in the same way while
    they are many and then row by row. The result is Multinomial(n, p) for every n, not an approximation. Where most
    tables would be wide, numpy's chain of binomials costs less and is taken.

    Parameters
    ----------
    n : number of rows in each draw, at least 0.
    shares : probabilities of the cells, not negative, which sum to 1.
    random : source of the random bits; the same state gives the same draws. Probabilities are worked out in doubles and
        are right to about eleven digits, so that two machines whose logarithms differ in the last digit differ in a
        draw about once in a million runs.

    Returns
    -------
    Array of shape (cells, replicates), the draws of each cell next to one another; each column sums to ``n``.

    References
    ----------
    R. A. Fisher, E. J. G. Pitman on Poisson counts given their total, e.g. L. Devroye, *Non-Uniform Random Variate
    Generation*, 1986, section XI.1.4 (multinomial) and section III.4 (alias method).
    """
    counts = np.zeros((len(shares), replicates))
    held = np.flatnonzero(shares > 0.0)
    if held.size == 0:
        raise ValueError("a multinomial draw needs a cell that is not empty")
    if held.size == 1:
        counts[held] = n
        return counts
    chosen = shares[held] / shares[held].sum()
    if 18.0 * np.sqrt(n / len(held)) > TOO_WIDE:
        counts[held] = random.multinomial(n, chosen, size=replicates).T
        return counts
    found, rest = np.empty((len(held), replicates)), np.full(replicates, n, dtype=np.int64)
    rounds = _rounds(n, len(held))
    if not rounds:
        found.fill(0.0)
    for number, mean in enumerate(rounds):
        most, tables = mean + np.sqrt(mean), _PoissonTables.of(mean * chosen)
        while (at := np.flatnonzero(rest >= most)).size:
            if len(at) == replicates and number == 0:
                drawn = tables.draws(random, replicates, found)
                total = drawn.sum(axis=0).astype(np.int64)
                rest -= np.where(total <= rest, total, 0)
                continue
            drawn = tables.draws(random, len(at), np.empty((len(held), len(at))))
            total = drawn.sum(axis=0).astype(np.int64)
            fits = np.flatnonzero(total <= rest[at])
            # what a draw holds is replaced in the first round, where it was more than n, and added to in the others
            found[:, at[fits]] = drawn[:, fits] if number == 0 else found[:, at[fits]] + drawn[:, fits]
            rest[at[fits]] -= total[fits]
    _add_rows(found, chosen, rest, random)
    if len(held) == len(shares):
        return found
    counts[held] = found
    return counts


def _rounds(n: int, cells: int) -> list[float]:
    """Return the expected totals of the rounds of Poisson counts: just below n, then a quarter each."""
    least = ROWS_WORTH_A_ROUND * cells
    first = n - np.sqrt(n)
    if first < least:
        return []
    means, mean = [float(first)], 4.0 * least
    while mean < 2.0 * np.sqrt(n):
        means.insert(1, float(mean))
        mean *= ROUNDS_APART
    return means


@dataclass(frozen=True)
class _PoissonTables:
    """Alias tables of Poisson laws, one after another; laws that are too wide for one are left to numpy."""

    means: Floats
    narrow: Integers
    lowest: Integers
    start: Integers
    size: Integers
    kept: Floats
    other: Integers

    @classmethod
    def of(cls, means: Floats) -> _PoissonTables:
        """Build the tables: the values that are not rarer than about 1 in 10^17."""
        spread = 9.0 * np.sqrt(means)
        lowest = np.maximum(0.0, np.floor(means - spread)).astype(np.int64)
        size = np.ceil(means + spread + 20.0).astype(np.int64) - lowest + 1
        narrow = np.flatnonzero(size <= TOO_WIDE)
        lowest, size = lowest[narrow], size[narrow]
        start = np.cumsum(size) - size
        kept, other = np.zeros(0), np.zeros(0, dtype=np.int64)
        if narrow.size:
            pieces = np.split(np.arange(narrow.size), np.flatnonzero(np.diff(start // AT_ONCE)) + 1)
            made = [_tables(means[narrow[at]], lowest[at], size[at]) for at in pieces]
            kept = np.concatenate([piece[0] for piece in made])
            other = np.concatenate([piece[1] + start[at[0]] for piece, at in zip(made, pieces, strict=True)])
        return cls(means, narrow, lowest, start, size, kept, other)

    def draws(self, random: np.random.Generator, replicates: int, found: Floats) -> Floats:
        """Fill ``found`` with draws of every law, shape (laws, replicates), and return it."""
        if self.narrow.size < len(self.means):
            wide = np.setdiff1d(np.arange(len(self.means)), self.narrow)
            for at in wide.tolist():
                found[at] = random.poisson(self.means[at], replicates)
        step = max(1, AT_ONCE // replicates)
        for begin in range(0, self.narrow.size, step):
            part = slice(begin, begin + step)
            place = random.random((len(self.size[part]), replicates))
            place *= self.size[part, None]
            slot = place.astype(np.int64)
            place -= slot
            slot += self.start[part, None]
            slot = np.where(place < self.kept.take(slot), slot, self.other.take(slot))
            slot -= (self.start - self.lowest)[part, None]
            found[self.narrow[part]] = slot
        return found


def _tables(means: Floats, lowest: Integers, size: Integers) -> tuple[Floats, Integers]:
    """Return the alias tables of a few Poisson laws, each over ``size`` values from ``lowest``."""
    start = np.cumsum(size) - size
    value = np.arange(int(size.sum())) - np.repeat(start - lowest, size)
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, float(value.max()) + 1.0)))])
    weight = np.exp(value * np.repeat(np.log(means), size) - np.repeat(means, size) - factorial.take(value))
    weight *= np.repeat(size / np.add.reduceat(weight, start), size)
    return _aliases(weight, start, size)


def _aliases(weight: Floats, start: Integers, size: Integers) -> tuple[Floats, Integers]:
    """Return, for each slot, how much of it is its own and whose the rest is; weights average 1 in each table.

    Slots that are too light are filled up, in their order, by those that are too heavy, in theirs. Running sums of what
    is missing and of what is too much tell who fills whom, so that all tables are made at once.
    """
    table = np.repeat(np.arange(len(size)), size)
    light, heavy = np.flatnonzero(weight < 1.0), np.flatnonzero(weight >= 1.0)
    lacking, excess = np.cumsum(1.0 - weight[light]), np.cumsum(weight[heavy] - 1.0)
    ends = start + size
    first, last = np.searchsorted(heavy, start), np.searchsorted(heavy, ends) - 1
    last_light = np.searchsorted(light, ends) - 1
    kept, other = np.minimum(weight, 1.0), np.arange(len(weight))
    if light.size == 0:
        return kept, other
    # a running sum may cross the border between two tables by a rounding error, a slot may not
    filler = np.searchsorted(excess, lacking - (1.0 - weight[light]), side="right")
    other[light] = heavy[np.clip(filler, first[table[light]], last[table[light]])]
    beyond = np.searchsorted(lacking, excess, side="right")
    rank = np.arange(len(heavy))
    used = (beyond <= last_light[table[heavy]]) & (rank < last[table[heavy]])
    at = heavy[used]
    kept[at] = 1.0 + excess[used] - lacking[beyond[used]]
    other[at] = heavy[rank[used] + 1]
    return kept, other


def _add_rows(found: Floats, shares: Floats, rest: Integers, random: np.random.Generator) -> None:
    """Add ``rest`` single rows to each draw: sixteen bits name the cell, or more where they point to a border."""
    ends = np.cumsum(shares)
    ends /= ends[-1]
    undecided = len(shares)
    kind = np.uint8 if undecided < 256 else np.uint16 if undecided < BUCKETS else np.int64
    border = np.floor(ends * BUCKETS).astype(np.int64)
    table = np.repeat(np.arange(len(shares)).astype(kind), np.diff(border, prepend=0))
    table[border[border < ends * BUCKETS]] = undecided
    cells, draws = found.shape
    done = 0
    while done < draws:
        running = np.cumsum(rest[done:])
        some = max(1, int(np.searchsorted(running, ROWS_AT_ONCE, side="right")))
        rows = int(running[some - 1])
        bits = np.frombuffer(random.bytes(2 * rows), dtype="<u2")
        place = table.take(bits)
        open_ = np.flatnonzero(place == undecided)
        chosen = place.astype(np.int64)
        exact = (bits[open_] + random.random(len(open_))) / BUCKETS
        chosen[open_] = np.minimum(np.searchsorted(ends, exact, side="right"), cells - 1)
        chosen *= some
        chosen += np.repeat(np.arange(some), rest[done : done + some])
        found[:, done : done + some] += np.bincount(chosen, minlength=cells * some).reshape(cells, some)
        done += some
