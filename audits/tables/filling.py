"""How do rows that are read in passing fill histograms, in one pass and in bounded memory?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from audits.statistics.histograms import FINE_BINS, CategoryHistogram, Histogram, NumberHistogram
from audits.tables.asking import MISSING, group_label
from audits.tables.scan import HeldScan, Scan
from audits.tables.slots import SLICE, Counted, Room, compile_for
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


MOST_SORTED = 4_000_000
OUTERMOST = 64
"""So many values at either end are told apart: of a heavy tail the outermost rows decide how far values have moved."""


class NumberFilling:
    """A histogram of numbers while it is being filled."""

    def __init__(self, empty: NumberHistogram, room: Room | None = None) -> None:
        import numpy as np

        self.shape = empty
        slots = len(empty.counts)
        self.counted = Counted(np.zeros(slots, dtype=np.int64), np.zeros(slots), room=room or Room())

    def add(self, values: Floats) -> None:
        """Count values, NaN as missing."""
        if self.shape.points is None:
            self.counted.add(values, self.shape.low, self.shape.scale)
            return
        for begin in range(0, len(values), SLICE):
            self._add_points(values[begin : begin + SLICE], self.shape.points)

    def _add_points(self, values: Floats, points: Floats) -> None:
        import numpy as np

        # Sorted values are cut at the points: that costs a tenth of looking each value up among them.
        counted, kept = self.counted, np.sort(values)
        kept = kept[: len(kept) - int(np.isnan(kept).sum())]
        counted.missing += len(values) - len(kept)
        ends = np.empty(len(counted.counts) + 1, dtype=np.int64)
        ends[0], ends[-1] = 0, len(kept)
        ends[1:-1:2] = np.searchsorted(kept, points, side="left")
        ends[2:-1:2] = np.searchsorted(kept, points, side="right")
        rows = np.diff(ends)
        counted.counts += rows
        slot = np.repeat(np.arange(len(rows)), rows)
        counted.sums += np.bincount(slot, weights=kept, minlength=len(rows))
        counted.square += float(np.square(kept).sum())

    def add_slots(self, slot: Floats, counts: Floats, totals: Floats, squares: Floats) -> None:
        """Take what an engine counted by slot; a slot of NaN counts as missing."""
        import numpy as np

        counted, gone = self.counted, np.isnan(slot)
        counted.missing += int(counts[gone].sum())
        at = slot[~gone].astype(np.int64)
        np.add.at(counted.counts, at, counts[~gone].astype(np.int64))
        np.add.at(counted.sums, at, totals[~gone])
        known = gone if self.shape.points is not None else gone | ((slot > 0) & (slot <= FINE_BINS))
        counted.square += float(squares[~known].sum())

    def done(self) -> NumberHistogram:
        """Return the filled histogram; within a fine bin values count as spread evenly, which no variance can tell."""
        import numpy as np

        found, inside = self.counted, slice(1, -1)
        square = found.square
        if self.shape.points is None:
            n, sums = found.counts[inside], found.sums[inside]
            square += float((np.divide(sums * sums, n, out=np.zeros(len(n)), where=n > 0) + n / 12.0).sum())
        return replace(self.shape, counts=found.counts, sums=found.sums, square=square, missing=found.missing)


class Filling:
    """One pass over the columns of a table that is read in passing."""

    def __init__(self, scan: Scan | HeldScan) -> None:
        self.scan = scan

    def points(self, names: tuple[str, ...], *, most: int) -> dict[str, tuple[Floats | None, float, float]]:
        """Return, per column, its distinct finite values if there are at most ``most``, and its ends."""
        import numpy as np

        known: dict[str, Floats | None] = {name: np.array([]) for name in names}
        ends = dict.fromkeys(names, (np.inf, -np.inf))
        for name, column in self.scan.columns(names):
            values = doubles(column)
            values = values[np.isfinite(values)]
            low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
            ends[name] = (min(ends[name][0], float(low)), max(ends[name][1], float(high)))
            for begin in range(0, len(values), SLICE):
                seen = known[name]
                if seen is None:
                    break
                distinct = np.union1d(seen, values[begin : begin + SLICE]) + 0.0
                known[name] = distinct if len(distinct) <= most else None
        return {name: (known[name], *(ends[name] if np.isfinite(ends[name][0]) else (0.0, 0.0))) for name in names}

    def quantiles(self, names: tuple[str, ...], parts: int, *, rows: int) -> dict[str, Floats]:
        """Return, per column, the distinct values v = min{v: F(v) >= j/parts} and the outermost.

        Of more than four million of ``rows`` rows every k-th is looked at. As many columns are held at once as have no
        more values than that together.
        """
        step = max(1, -(-rows // MOST_SORTED))
        at_once = max(1, MOST_SORTED // max(1, rows))
        found: dict[str, Floats] = {}
        for begin in range(0, len(names), at_once):
            held = names[begin : begin + at_once]
            seen = dict.fromkeys(held, 0)
            kept: dict[str, list[Floats]] = {name: [] for name in held}
            for name, column in self.scan.columns(held):
                kept[name].append(doubles(column)[-seen[name] % step :: step].copy())
                seen[name] += len(column)
            found |= {name: _ranked(kept.pop(name), parts) for name in held}
        return found

    def filled(self, empty: Mapping[str, Histogram], *, rows: int, most: int, values: int) -> dict[str, Histogram]:
        """Count every one of about ``rows`` rows into copies of the empty histograms.

        ``most`` categories of a column are kept by name; more than ``values`` distinct ones are refused with DomainError
        ``too-many-categories``.
        """
        room = Room()
        numbers = {name: NumberFilling(one, room) for name, one in empty.items() if isinstance(one, NumberHistogram)}
        others: dict[str, Counter[str]] = {name: Counter() for name in empty if name not in numbers}
        compile_for(rows * len(numbers))
        for name, column in self.scan.columns(tuple(empty)):
            if name in numbers:
                numbers[name].add(doubles(column))
                continue
            others[name].update(labels(column))
            if len(others[name]) > values:
                message = "A text column has more than a million distinct values."
                raise DomainError("too-many-categories", message, column=name)
        done: dict[str, Histogram] = {name: one.done() for name, one in numbers.items()}
        return done | {name: kept_categories(empty[name], counts, most) for name, counts in others.items()}


def _ranked(pieces: list[Floats], parts: int) -> Floats:
    import numpy as np

    values = np.concatenate(pieces) if pieces else np.array([])
    values = np.sort(values[np.isfinite(values)])
    ranks = -(-np.arange(1, parts + 1) * len(values) // parts)
    chosen = values[ranks[ranks > 0] - 1]
    return np.unique(np.concatenate([chosen, values[:OUTERMOST], values[-OUTERMOST:]]) + 0.0)


def doubles(column: pa.Array) -> Floats:
    """Return numbers as doubles, missing ones as NaN."""
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def labels(column: pa.Array) -> dict[str, int]:
    """Return rows by the text that names their group."""
    counts: Counter[str] = Counter()
    for row in column.value_counts().to_pylist():
        counts[group_label(row["values"])] += int(row["counts"])
    return counts


def kept_categories(empty: Histogram, counts: Counter[str], most: int) -> CategoryHistogram:
    """Keep the categories that ``empty`` names, the commonest if it names none, and the others as one number."""
    missing = counts.pop(MISSING, 0)
    named = empty.counts if isinstance(empty, CategoryHistogram) else {}
    kept = list(named) or sorted(counts, key=lambda label: (-counts[label], label))[:most]
    other = sum(counts.values()) - sum(counts[label] for label in kept)
    return CategoryHistogram(empty.column, {label: counts[label] for label in kept}, other, missing)
