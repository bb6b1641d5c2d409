"""How do rows that are read in passing fill histograms, in one pass and in bounded memory?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from audits.statistics.histograms import FINE_BINS, CategoryHistogram, Histogram, NumberHistogram
from audits.tables.asking import MISSING, group_label
from audits.tables.scan import Scan
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

    def __init__(self, empty: NumberHistogram) -> None:
        import numpy as np

        self.shape = empty
        self.counts = np.zeros(len(empty.counts), dtype=np.int64)
        self.sums = np.zeros(len(empty.sums))
        self.square = 0.0
        self.missing = 0

    def add(self, values: Floats, place: Floats, upper: Floats, slot: NDArray[np.int64]) -> None:
        """Count values, NaN as missing; the other arrays are room to work in, as long as ``values``."""
        import numpy as np

        if self.shape.points is not None:
            kept = values[~np.isnan(values)]
            self.missing += len(values) - len(kept)
            found = np.searchsorted(self.shape.points, kept, side="left")
            at = 2 * found
            inside = found < len(self.shape.points)
            at[inside] += self.shape.points[found[inside]] == kept[inside]
            self._count(at, kept)
            self.square += float(np.square(kept).sum())
            return
        np.subtract(values, self.shape.low, out=place)
        np.multiply(place, self.shape.scale, out=place)
        low, high = place.min(initial=1.0), place.max(initial=1.0)
        if np.isnan(low):
            kept = place[~np.isnan(place)]
            self.missing += len(place) - len(kept)
            place, upper, slot = kept, upper[: len(kept)], slot[: len(kept)]
            low, high = place.min(initial=1.0), place.max(initial=1.0)
        if low <= 0.0 or high > FINE_BINS:
            beyond = place[(place <= 0.0) | (place > FINE_BINS)]
            self.square += float(np.square(beyond).sum())
            np.clip(np.ceil(place, out=upper), 0, FINE_BINS + 1, out=upper)
        else:
            np.ceil(place, out=upper)
        np.copyto(slot, upper, casting="unsafe")
        self._count(slot, place)

    def _count(self, slot: NDArray[np.int64], place: Floats) -> None:
        import numpy as np

        self.counts += np.bincount(slot, minlength=len(self.counts))
        self.sums += np.bincount(slot, weights=place, minlength=len(self.sums))

    def add_slots(self, slot: Floats, counts: Floats, totals: Floats, squares: Floats) -> None:
        """Take what an engine counted by slot; a slot of NaN counts as missing."""
        import numpy as np

        gone = np.isnan(slot)
        self.missing += int(counts[gone].sum())
        at = slot[~gone].astype(np.int64)
        np.add.at(self.counts, at, counts[~gone].astype(np.int64))
        np.add.at(self.sums, at, totals[~gone])
        known = gone if self.shape.points is not None else gone | ((slot > 0) & (slot <= FINE_BINS))
        self.square += float(squares[~known].sum())

    def done(self) -> NumberHistogram:
        """Return the filled histogram; within a fine bin values count as spread evenly, which no variance can tell."""
        import numpy as np

        square, inside = self.square, slice(1, -1)
        if self.shape.points is None:
            n, sums = self.counts[inside], self.sums[inside]
            square += float((np.divide(sums * sums, n, out=np.zeros(len(n)), where=n > 0) + n / 12.0).sum())
        return replace(self.shape, counts=self.counts, sums=self.sums, square=square, missing=self.missing)


class Filling:
    """One pass over the columns of a table that is read in passing."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan

    def points(self, names: tuple[str, ...], *, most: int) -> dict[str, tuple[Floats | None, float, float]]:
        """Return, per column, its distinct finite values if there are at most ``most``, and its ends."""
        import numpy as np

        known: dict[str, Floats | None] = {name: np.array([]) for name in names}
        ends = dict.fromkeys(names, (np.inf, -np.inf))
        for batch in self.scan.batches(names):
            for name in names:
                values = doubles(batch.column(batch.schema.get_field_index(name)))
                values = values[np.isfinite(values)]
                low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
                ends[name] = (min(ends[name][0], float(low)), max(ends[name][1], float(high)))
                seen = known[name]
                if seen is not None:
                    distinct = np.union1d(seen, values) + 0.0
                    known[name] = distinct if len(distinct) <= most else None
        return {name: (known[name], *(ends[name] if np.isfinite(ends[name][0]) else (0.0, 0.0))) for name in names}

    def quantiles(self, name: str, parts: int) -> Floats:
        """Return the distinct values v = min{v: F(v) >= j/parts} and the outermost, of every k-th row of very many."""
        import numpy as np

        step = -(-self.scan.rows() // MOST_SORTED)
        seen, kept = 0, []
        for batch in self.scan.batches((name,)):
            kept.append(doubles(batch.column(0))[-seen % step :: step].copy())
            seen += batch.num_rows
        values = np.concatenate(kept)
        values = np.sort(values[np.isfinite(values)])
        ranks = -(-np.arange(1, parts + 1) * len(values) // parts)
        chosen = values[ranks[ranks > 0] - 1]
        return np.unique(np.concatenate([chosen, values[:OUTERMOST], values[-OUTERMOST:]]) + 0.0)

    def filled(self, empty: Mapping[str, Histogram], *, most: int, values: int) -> dict[str, Histogram]:
        """Count every row into copies of the empty histograms.

        ``most`` categories of a column are kept by name; more than ``values`` distinct ones are refused with DomainError
        ``too-many-categories``.
        """
        import numpy as np

        numbers = {name: NumberFilling(one) for name, one in empty.items() if isinstance(one, NumberHistogram)}
        others: dict[str, Counter[str]] = {name: Counter() for name in empty if name not in numbers}
        place, upper, slot = np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
        for batch in self.scan.batches(tuple(empty)):
            if batch.num_rows > len(place):
                place, upper = np.empty(batch.num_rows), np.empty(batch.num_rows)
                slot = np.empty(batch.num_rows, dtype=np.int64)
            for name in empty:
                column = batch.column(batch.schema.get_field_index(name))
                if name in numbers:
                    rows = batch.num_rows
                    numbers[name].add(doubles(column), place[:rows], upper[:rows], slot[:rows])
                    continue
                others[name].update(labels(column))
                if len(others[name]) > values:
                    message = "A text column has more than a million distinct values."
                    raise DomainError("too-many-categories", message, column=name)
        done: dict[str, Histogram] = {name: one.done() for name, one in numbers.items()}
        return done | {name: kept_categories(name, counts, most) for name, counts in others.items()}


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


def kept_categories(name: str, counts: Counter[str], most: int) -> CategoryHistogram:
    """Keep the commonest categories by name and the others as one number."""
    missing = counts.pop(MISSING, 0)
    kept = sorted(counts, key=lambda label: (-counts[label], label))[:most]
    other = sum(counts.values()) - sum(counts[label] for label in kept)
    return CategoryHistogram(name, {label: counts[label] for label in kept}, other, missing)
