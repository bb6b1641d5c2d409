"""Which rows occur twice, or in two tables? Told by a digest of each row that is the same on every engine."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import columns_of, narrowed, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.gaps import COLUMNS_AT_ONCE, batches, missing
from audits.tables.ranges import numeric, observed_ranges
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITS = 12
DIGITS_SINGLE = 6
DIGEST_BITS = 64
MOST_DIGESTS = 4_000_000


@dataclass(frozen=True)
class Repeats:
    """Rows, different rows, rows that have a twin, and how often the commonest row occurs."""

    rows: int
    distinct: int
    twins: int
    most: int


def repeats(table: EvaluationTable, columns: tuple[str, ...]) -> Repeats:
    """Count rows that are equal in all of ``columns``; missing values are equal to each other."""
    keys = [
        (missing(table.table[name]).ifelse(None, table.table[name])).name(f"key{at}") for at, name in enumerate(columns)
    ]
    grouped = table.table.group_by(keys).aggregate(n=table.table.count())
    facts = rows_of(
        grouped.aggregate(
            rows=grouped.n.sum(),
            distinct=grouped.count(),
            twins=(grouped.n > 1).ifelse(grouped.n, 0).sum(),
            most=grouped.n.max(),
        )
    )[0]
    return Repeats(*(int(facts[name]) for name in ("rows", "distinct", "twins", "most")))


@dataclass(frozen=True)
class Overlap:
    """Rows of a table whose values also occur in the reference, of ``rows`` that were looked at.

    ``twins`` of the ``reference_rows`` have a twin within the reference. ``sampled`` is the share of all digests that
    was looked at, the same in both tables. ``false_match`` bounds the expected number of rows called equal that are
    not, by the length of the digest.
    """

    rows: int
    shared: int
    reference_rows: int
    twins: int
    sampled: float
    false_match: float


def overlap(reference: EvaluationTable, current: EvaluationTable, columns: tuple[str, ...]) -> Overlap:
    """Return how many rows of ``current`` have the values of some row of ``reference`` in all of ``columns``.

    Each row becomes a text that does not depend on the engine: numbers rounded to 12 digits of the reference's largest
    (6 where a table holds single precision), instants in whole seconds, texts as they are. The engine takes its MD5, and
    the first 64 bits with their counts are compared here. Of more than four million rows only digests that begin with
    certain digits are compared, a sample of the values that is the same in both tables.
    """
    import numpy as np

    most = max(reference.rows, current.rows)
    digits = max(0, math.ceil(math.log(most / MOST_DIGESTS, 16))) if most > MOST_DIGESTS else 0
    scales = scales_of(reference, current, columns)
    before, now = (_digests(table, columns, scales, digits) for table in (reference, current))
    found = np.isin(now[0], before[0])
    return Overlap(
        rows=int(now[1].sum()),
        shared=int(now[1][found].sum()),
        reference_rows=int(before[1].sum()),
        twins=int(before[1][before[1] > 1].sum()),
        sampled=16.0**-digits,
        false_match=len(before[0]) * len(now[0]) / 2.0 ** (DIGEST_BITS - 4 * digits),
    )


def comparable(reference: EvaluationTable, current: EvaluationTable, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that both tables have and whose values can be written as a text."""
    return tuple(
        name
        for name in columns
        if name in reference.table.columns
        and name in current.table.columns
        and not any(table.table[name].type().is_nested() for table in (reference, current))
    )


def scales_of(reference: EvaluationTable, current: EvaluationTable, columns: tuple[str, ...]) -> dict[str, float]:
    """Return for each numeric column the power of ten that numbers are multiplied with before they become whole."""
    scales = {}
    ranges = observed_ranges(reference, numeric(reference, columns))
    for name, (low, high) in ranges.items():
        kinds = [str(table.table[name].type()) for table in (reference, current)]
        digits = DIGITS_SINGLE if any("float32" in kind for kind in kinds) else DIGITS
        largest = max(abs(low), abs(high))
        scales[name] = 10.0 ** (digits - (math.ceil(math.log10(largest)) if largest > 0.0 else 0))
    return scales


def row_digest(rows: Any, columns: tuple[str, ...], scales: dict[str, float]) -> Any:
    """Return the MD5 of the text of a row, of more than a hundred columns by way of the digests of those before."""
    first, *others = batches(columns)
    digest = md5()(row_text(rows, first, scales))
    for names in others:
        digest = md5()(digest + "|" + row_text(rows, names, scales))
    return digest


def _digests(
    table: EvaluationTable, columns: tuple[str, ...], scales: dict[str, float], digits: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the different digests of a table's rows, and how many rows have each."""
    import numpy as np

    if len(columns) > COLUMNS_AT_ONCE and table.engine == "duckdb":
        return _chained(table, columns, scales, digits)
    rows = table.table.select(digest=row_digest(table.table, columns, scales).left(DIGEST_BITS // 4))
    if digits:
        rows = rows.filter(rows.digest.left(digits) == "0" * digits)
    found = columns_of(rows.group_by("digest").aggregate(n=rows.count()))
    values = found["digest"].to_pylist()
    keys = np.fromiter((int(value, 16) for value in values), dtype=np.uint64, count=len(values))
    return keys, np.asarray(found["n"], dtype=np.int64)


def _chained(
    table: EvaluationTable, columns: tuple[str, ...], scales: dict[str, float], digits: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the same of many columns, asked for a hundred at a time.

    DuckDB holds the value of every step of every column for 2,048 rows: of 5,000 columns more memory than it may have.
    It gives the rows of a table in one order whenever it is asked.
    """
    import numpy as np

    digests: list[bytes] = []
    for names in batches(columns):
        rows = narrowed(table, names)
        texts = columns_of(rows.select(text=row_text(rows, names, scales)))["text"]
        if digests and len(texts) != len(digests):
            raise DomainError("unreadable-table", "The table changed while it was read.")
        ahead = (digest + b"|" for digest in digests) if digests else itertools.repeat(b"")
        digests = [
            hashlib.md5(before + text.encode(), usedforsecurity=False).hexdigest().encode()
            for before, text in zip(ahead, _each(texts), strict=False)
        ]
    kept = [int(one[: DIGEST_BITS // 4], 16) for one in digests if one.startswith(b"0" * digits)]
    return np.unique(np.array(kept, dtype=np.uint64), return_counts=True)


def _each(texts: Any) -> Iterator[str]:
    for piece in range(0, len(texts), 65_536):
        yield from texts.slice(piece, 65_536).to_pylist()


def row_text(rows: Any, columns: tuple[str, ...], scales: dict[str, float]) -> Any:
    """Return the text of a row in some columns of an expression, the same on every engine."""
    # joined in halves: a chain of five thousand columns is deeper than Python and the engines can follow
    if len(columns) == 1:
        return value_text(rows[columns[0]], scales.get(columns[0]))
    middle = len(columns) // 2
    return row_text(rows, columns[:middle], scales) + "|" + row_text(rows, columns[middle:], scales)


def value_text(column: Any, scale: float | None) -> Any:
    """Return the text of a value, the same on every engine and for every way a number is stored."""
    import ibis

    kind = column.type()
    if kind.is_numeric() or kind.is_boolean():
        # what lies far beyond the reference's largest number equals none of the reference's rows; NaN is the largest of
        # all to every engine, so that it can be made whole before it is passed over
        moved = real(column) * number(1.0 if scale is None else scale)
        held = ibis.least(ibis.greatest(moved, number(-9e15)), number(9e15))
        text = (held + number(0.5)).floor().cast("int64").cast("string")
    elif kind.is_timestamp() or kind.is_date():
        # to the second and by way of a double: engines round an epoch differently, and DuckDB's is a double
        second = column.cast("timestamp").truncate("s").epoch_seconds()
        text = second.cast("float64").floor().cast("string")
    else:
        words = column.cast("string")
        text = words.length().cast("string") + ":" + words
    return missing(column).ifelse("-", text)


@functools.cache
def md5() -> Any:
    """Return the function by which DuckDB, PostgreSQL and Spark alike write the MD5 of a text in hexadecimal digits."""
    import ibis

    @ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
    def hashed(text):  # type: ignore[no-untyped-def]  # the engine has it; its types stand in the signature
        raise NotImplementedError

    return hashed
