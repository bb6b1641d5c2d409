"""How are the values of many columns spread? One pass over a table, over slots that a stored reference fixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audits.statistics.histograms import (
    FINE_BINS,
    CategoryHistogram,
    Histogram,
    NumberHistogram,
    histogram_from_json,
)
from audits.tables.asking import arrays_of, narrowed, number, rows_of
from audits.tables.categories import MAX_VALUES, category_counts
from audits.tables.contract import EvaluationTable
from audits.tables.filling import OUTERMOST, Filling, NumberFilling, kept_categories
from audits.tables.gaps import batches
from audits.tables.scan import HeldScan, Scan, for_passes
from registry.digests import digest_of
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Reader = Scan | HeldScan | None
FORMAT = "cadastre/histograms/2"
MAX_POINTS = 1_024
MAX_CATEGORIES = 2_000
QUANTILES = 2_000
HEAVY = 5e-4
"""Where one of the equal bins holds more of the rows than this, slots at quantiles resolve the column better."""

RULE: Mapping[str, Any] = {
    "format": FORMAT, "bins": FINE_BINS, "points": MAX_POINTS, "categories": MAX_CATEGORIES, "quantiles": QUANTILES,
    "heavy": repr(HEAVY), "outermost": OUTERMOST,
}  # fmt: skip
"""How the slots are made: histograms of one table under one rule are the same."""


@dataclass(frozen=True)
class Histograms:
    """The histograms of some columns of one table, its digest and its number of rows: all that drift needs of it."""

    columns: Mapping[str, Histogram]
    rows: int
    table_digest: str

    @property
    def digest(self) -> str:
        """SHA-256 of the histograms as JSON."""
        return digest_of(self.as_json())

    @property
    def nbytes(self) -> int:
        """About how many bytes they take."""
        numbers = [one for one in self.columns.values() if isinstance(one, NumberHistogram)]
        labels = [one.counts for one in self.columns.values() if isinstance(one, CategoryHistogram)]
        arrays = sum(one.counts.nbytes + one.sums.nbytes for one in numbers)
        return arrays + sum(len(label) + 8 for counts in labels for label in counts)

    def __add__(self, other: Histograms) -> Histograms:
        """Return the histograms of both sets of rows; ValueError unless they are over the same slots."""
        if set(self.columns) != set(other.columns):
            raise ValueError("only histograms of the same columns can be added")
        joined: dict[str, Histogram] = {name: one.joined(other.columns[name]) for name, one in self.columns.items()}
        digest = digest_of({"joined": [self.table_digest, other.table_digest]})
        return Histograms(joined, self.rows + other.rows, digest)

    def as_json(self) -> dict[str, Any]:
        """Return the histograms as JSON; ``from_json`` gives them back equal. No row can be read from it."""
        columns = [self.columns[name].as_json() for name in sorted(self.columns)]
        return {"format": FORMAT, "rows": self.rows, "table_digest": self.table_digest, "columns": columns}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Histograms:
        """Read what ``as_json`` wrote; raises DomainError ``unreadable-histograms`` when it is not that."""
        try:
            if data["format"] != FORMAT:
                raise ValueError("another format")
            found = [histogram_from_json(column) for column in data["columns"]]
            return cls({one.column: one for one in found}, int(data["rows"]), str(data["table_digest"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DomainError("unreadable-histograms", "The stored histograms cannot be read.") from error


def reference_histograms(table: EvaluationTable, columns: Iterable[str]) -> Histograms:
    """Return histograms of the named columns over slots that fit this table; two or three passes, made once and stored.

    Numbers with at most 1,024 distinct values are counted by value, others in 16,384 equal bins between the smallest
    and the largest, or, where more than one row of 2,000 lies in one of these, at and between 2,000 quantiles; everything
    else by category, of which the 2,000 commonest are kept.

    Raises DomainError ``unknown-column`` and ``column-type-unsupported``.
    """
    names = _known(table, tuple(dict.fromkeys(columns)))
    kinds = {name: _is_number(table, name) for name in names}
    numbers = tuple(name for name in names if kinds[name])
    reader = None if table.reader is None else for_passes(table.reader, names, rows=table.rows)
    points = _points(table, numbers, reader)
    empty: dict[str, Histogram] = {}
    for name in names:
        empty[name] = _empty(name, *points[name]) if kinds[name] else CategoryHistogram(name, {}, 0, 0)
    filled = _filled(table, empty, reader)
    heavy = tuple(name for name in numbers if _is_heavy(filled[name]))
    if heavy:
        ranked = _quantiles(table, heavy, reader)
        filled |= _filled(table, {name: _empty(name, ranked[name], 0.0, 0.0, False) for name in heavy}, reader)
    return Histograms(filled, table.rows, table.digest)


def current_histograms(
    table: EvaluationTable, reference: Histograms, columns: Mapping[str, str] | None = None
) -> Histograms:
    """Return histograms of a table over the slots of ``reference``, in one pass; the reference table is not read.

    ``columns`` maps the name of a column of the reference to its name in this table where they differ.

    Raises DomainError ``unknown-column``, ``column-type-differs`` and ``column-type-unsupported``.
    """
    names = {name: (columns or {}).get(name, name) for name in reference.columns}
    _known(table, tuple(names.values()))
    empty: dict[str, Histogram] = {}
    for name, here in names.items():
        wanted = reference.columns[name]
        if isinstance(wanted, NumberHistogram) != _is_number(table, here):
            kind = "text" if isinstance(wanted, NumberHistogram) else "numbers"
            other = "numbers" if isinstance(wanted, NumberHistogram) else "text"
            message = f"Column {here[:80]!r} holds {kind} now and {other} in the reference."
            raise DomainError("column-type-differs", message, column=here)
        empty[here] = _emptied(wanted, here)
    filled = _filled(table, empty, table.reader)
    return Histograms(filled, table.rows, table.digest)


def _known(table: EvaluationTable, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in table.columns:
            raise DomainError("unknown-column", f"The table has no column {name[:80]!r}.", column=name)
        if _is_nested(table, name):
            raise DomainError("column-type-unsupported", f"Column {name[:80]!r} holds lists or records.", column=name)
    return names


def _is_number(table: EvaluationTable, name: str) -> bool:
    if table.scan is None:
        return bool(table.table.schema()[name].is_numeric())
    import pyarrow as pa

    kind = table.scan.kind(name)
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_nested(table: EvaluationTable, name: str) -> bool:
    if table.scan is None:
        return bool(table.table.schema()[name].is_nested())
    import pyarrow as pa

    return bool(pa.types.is_nested(table.scan.kind(name)))


def _empty(name: str, points: Floats | None, low: float, high: float, complete: bool = True) -> NumberHistogram:
    """Return a histogram without rows: over ``points``, or over equal bins that reach from ``low`` to ``high``."""
    import numpy as np

    if points is not None:
        slots = 2 * len(points) + 1
        counts = np.zeros(slots, np.int64)
        return NumberHistogram(name, 0.0, 1.0, points, counts, np.zeros(slots), 0.0, 0, complete)
    width = high - low
    if not width < float("inf"):
        raise DomainError("column-not-finite", "The values of a column lie too far apart to be counted.", column=name)
    # both ends lie inside the bins, whatever the rounding: the first bin begins a little below the smallest value
    start, scale = low - width * 2.0**-40, FINE_BINS / (width * (1.0 + 2.0**-38))
    return NumberHistogram(name, start, scale, None, np.zeros(FINE_BINS + 2, np.int64), np.zeros(FINE_BINS + 2), 0.0, 0)


def _emptied(wanted: Histogram, name: str) -> Histogram:
    import numpy as np

    if isinstance(wanted, CategoryHistogram):
        return CategoryHistogram(name, dict.fromkeys(wanted.counts, 0), 0, 0)
    counts, sums = np.zeros_like(wanted.counts), np.zeros_like(wanted.sums)
    return replace(wanted, column=name, counts=counts, sums=sums, square=0.0, missing=0)


def _is_heavy(found: Histogram) -> bool:
    """Tell whether equal bins put too many rows into one of them."""
    if not isinstance(found, NumberHistogram) or found.points is not None:
        return False
    return bool(found.counts.max() > max(1.0, HEAVY * found.n))


def _quantiles(table: EvaluationTable, names: tuple[str, ...], reader: Reader) -> dict[str, Floats]:
    """Return the distinct ones of the 2,000 values v = min{v: F(v) >= j/2000} of each column, and its outermost ones."""
    import ibis
    import numpy as np

    if reader is not None:
        return Filling(reader).quantiles(names, QUANTILES, rows=table.rows)
    found: dict[str, Floats] = {}
    for name in names:
        rows = narrowed(table, (name,))
        value = _finite(rows[name].cast("float64"))
        n = int(rows_of(rows.aggregate(n=value.count()))[0]["n"])
        chosen = rows.select(value=value).filter(lambda row: row.value.notnull())
        ranked = chosen.mutate(rank=ibis.row_number().over(order_by=chosen.value) + 1)
        even, outer = (
            (ranked.rank * QUANTILES) % n < QUANTILES,
            (ranked.rank <= OUTERMOST) | (ranked.rank > n - OUTERMOST),
        )
        values = arrays_of(ranked.filter(even | outer).select("value"))["value"]
        found[name] = np.unique(values + 0.0)
    return found


def _points(
    table: EvaluationTable, names: tuple[str, ...], reader: Reader
) -> dict[str, tuple[Floats | None, float, float]]:
    """Return, per column, its distinct finite values if they are few, and the smallest and the largest of them."""
    import numpy as np

    if not names:
        return {}
    if reader is not None:
        return Filling(reader).points(names, most=MAX_POINTS)
    found: dict[str, tuple[Floats | None, float, float]] = {}
    for some in batches(names):
        rows = narrowed(table, some)
        finite = {name: _finite(rows[name].cast("float64")) for name in some}
        asked: dict[str, Any] = {}
        for at, value in enumerate(finite.values()):
            asked |= {f"n{at}": value.nunique(), f"low{at}": value.min(), f"high{at}": value.max()}
        row = rows_of(rows.aggregate(**asked))[0]
        for at, name in enumerate(some):
            points = None
            if row[f"n{at}"] <= MAX_POINTS:
                values = arrays_of(rows.select(value=finite[name]).distinct())["value"]
                points = np.unique(values[~np.isnan(values)] + 0.0)
            found[name] = (points, float(row[f"low{at}"] or 0.0), float(row[f"high{at}"] or 0.0))
    return found


def _finite(value: Any) -> Any:
    return (value.isnan() | (value.abs() == number(float("inf")))).ifelse(None, value)


def _filled(table: EvaluationTable, empty: Mapping[str, Histogram], reader: Reader) -> dict[str, Histogram]:
    """Count the rows of the table into copies of empty histograms, keyed by column."""
    if reader is not None:
        return Filling(reader).filled(empty, rows=table.rows, most=MAX_CATEGORIES, values=MAX_VALUES)
    filled: dict[str, Histogram] = {}
    for name, one in empty.items():
        if isinstance(one, CategoryHistogram):
            filled[name] = kept_categories(one, category_counts(table, name), MAX_CATEGORIES)
        else:
            filled[name] = _numbers(narrowed(table, (name,)), one)
    return filled


def _numbers(rows: Any, empty: NumberHistogram) -> NumberHistogram:
    column = rows[empty.column].cast("float64")
    value = column.isnan().ifelse(None, column)
    filling = NumberFilling(empty)
    if empty.points is not None:
        slot, place = _slot(value, empty.points.tolist(), 0), value
    else:
        place = (value - number(empty.low)) * number(empty.scale)
        slot = place.ceil().clip(lower=0, upper=FINE_BINS + 1)
    grouped = rows.group_by(value.isnull().ifelse(None, slot.cast("float64")).name("slot"))
    found = arrays_of(grouped.aggregate(n=rows.count(), total=place.sum(), square=(place * place).sum()))
    filling.add_slots(found["slot"], found["n"], found["total"], found["square"])
    return filling.done()


def _slot(value: Any, points: list[float], before: int) -> Any:
    """Return the expression of the slot of a value, found by halving: 11 comparisons a row for 2,000 points."""
    import ibis

    if not points:
        return ibis.literal(2 * before, type="int32")
    middle = len(points) // 2
    here = number(points[middle])
    above = _slot(value, points[middle + 1 :], before + middle + 1)
    at = ibis.literal(2 * (before + middle) + 1, type="int32")
    return ibis.cases((value < here, _slot(value, points[:middle], before)), (value == here, at), else_=above)
