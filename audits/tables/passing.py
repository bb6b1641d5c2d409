"""What can be told of a table in one reading in passing: what is wrong with its values, and the cells of its groups?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from audits.tables.contract import EvaluationTable
from audits.tables.filling import doubles
from audits.tables.scan import BATCH_ROWS, Scan

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Codes = NDArray[Any]
    Floats = NDArray[np.float64]

DENSE = 1_000_000
ROWS_IN_PASSING = 262144
"""More rows at a time cost less for each, and a few numbers of so many rows are a few megabytes."""
PAIRED = 2**20
"""So many codes of one byte are kept and then counted two by two, which takes half as long as one by one."""
LABELS = (0, 1, None)


class Counter(Protocol):
    """What is worked out while batches pass."""

    columns: tuple[str, ...]

    def take(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch."""


def read_in_passing(scan: Scan, counters: Sequence[Counter]) -> None:
    """Read the columns that the counters need, once, and show each batch to each of them."""
    columns = tuple(dict.fromkeys(name for counter in counters for name in counter.columns))
    rows = max(BATCH_ROWS, ROWS_IN_PASSING // max(1, len(columns) // 8))
    for batch in scan.batches(columns, rows=rows):
        for counter in counters:
            counter.take(batch)


def column_of(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column of a batch by name."""
    return batch.column(batch.schema.get_field_index(name))


class CellCounter:
    """Rows, weights and squared weights by group, decision and outcome; ``rows`` are those an engine would return."""

    def __init__(self, table: EvaluationTable, attributes: tuple[str, ...], *, limit: int) -> None:
        roles = table.roles
        self.attributes, self.limit, self.overflown = attributes, limit, False
        self.by_score = roles.score is not None and table.threshold is not None
        self.threshold = table.threshold
        self.decision = roles.score if self.by_score else roles.prediction
        self.target, self.weight = roles.target, roles.weight
        named = (*attributes, self.decision, self.target, self.weight)
        self.columns = tuple(dict.fromkeys(name for name in named if name is not None))
        self._values: list[list[Any]] = [[] for _ in attributes]
        self._codes: list[dict[Any, int]] = [{} for _ in attributes]
        self._seen: list[tuple[Any, Codes] | None] = [None for _ in attributes]
        self._sizes: tuple[int, ...] = ()
        self._dense: list[Floats] = []
        self._waiting: Codes | None = None
        self._wait = 0
        self._cells: dict[tuple[int, ...], list[float]] = {}

    def take(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch."""
        import numpy as np

        if self.overflown:
            return
        parts = [self._group(at, column_of(batch, name)) for at, name in enumerate(self.attributes)]
        sizes = [len(values) for values in self._values]
        if self.decision is not None:
            parts.append(self._selected(column_of(batch, self.decision)))
            sizes.append(2)
        if self.target is not None:
            parts.append(outcomes(column_of(batch, self.target)))
            sizes.append(len(LABELS))
        if tuple(sizes) != self._sizes:
            self._flush()
            self._sizes = tuple(sizes)
        size = int(np.prod([float(one) for one in sizes])) if sizes else 1
        code = joint(parts, sizes, size)
        weight = None if self.weight is None else doubles(column_of(batch, self.weight))
        if size <= DENSE:
            self._count(code, weight, size)
            return
        keys, code = np.unique(code, return_inverse=True)
        self._count(code, weight, len(keys))
        self._flush(keys)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per cell: group0, group1, ..., selected, label where there are outcomes, n, weight, square."""
        self._flush()
        found = []
        for key, (n, weight, square) in self._cells.items():
            row: dict[str, Any] = {f"group{at}": self._values[at][key[at]] for at in range(len(self.attributes))}
            place = len(self.attributes)
            if self.decision is not None:
                row["selected"], place = bool(key[place]), place + 1
            if self.target is not None:
                row["label"] = LABELS[key[place]]
            found.append(row | {"n": int(n), "weight": weight, "square": square})
        return found

    def _group(self, at: int, column: pa.Array) -> Codes:
        """Return the code of each row's value; codes stay the same from batch to batch."""
        import numpy as np
        import pyarrow as pa

        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        last = self._seen[at]
        needed = len(column.dictionary) + bool(column.null_count)
        if last is None or len(last[1]) < needed or not last[0].equals(column.dictionary):
            known, values = self._codes[at], self._values[at]
            place = []
            for value in [*column.dictionary.to_pylist(), *([None] if column.null_count else [])]:
                if value not in known:
                    known[value] = len(values)
                    values.append(value)
                place.append(known[value])
            last = column.dictionary, np.array(place, dtype=np.uint8 if len(values) < 256 else np.int64)
            self._seen[at] = last
        indices = column.indices.fill_null(len(column.dictionary)) if column.null_count else column.indices
        places: Codes = indices.to_numpy(zero_copy_only=False)
        # in most files every dictionary lists the values in one order, and nothing is to be looked up
        same = np.array_equal(last[1], np.arange(len(last[1])))
        return places.astype(last[1].dtype) if same else np.take(last[1], places)

    def _selected(self, column: pa.Array) -> Codes:
        import numpy as np

        if self.by_score:
            chosen: Codes = doubles(column) >= float(self.threshold or 0.0)
        else:
            whole = whole_numbers(column)
            chosen = (doubles(column) if whole is None else whole) == 1
        flags: Codes = chosen.view(np.uint8)
        return flags

    def _count(self, code: Codes, weight: Floats | None, size: int) -> None:
        import numpy as np

        if not self._dense or len(self._dense[0]) != size:
            self._dense = [np.zeros(size) for _ in range(1 if weight is None else 3)]
        if weight is None and code.dtype == np.uint8:
            self._later(code)
            return
        self._dense[0] += np.bincount(code, minlength=size)
        if weight is not None:
            self._dense[1] += np.bincount(code, weights=weight, minlength=size)
            self._dense[2] += np.bincount(code, weights=weight * weight, minlength=size)

    def _later(self, code: Codes) -> None:
        """Keep codes of one byte until there are enough to be counted."""
        import numpy as np

        if self._waiting is None:
            self._waiting = np.empty(PAIRED, dtype=np.uint8)
        done = 0
        while done < len(code):
            part = code[done : done + PAIRED - self._wait]
            self._waiting[self._wait : self._wait + len(part)] = part
            self._wait += len(part)
            done += len(part)
            if self._wait == PAIRED:
                self._count_waiting()

    def _count_waiting(self) -> None:
        """Count the codes that wait, two at a time where they are many: a pair of bytes is one number."""
        import numpy as np

        if self._waiting is None or not self._wait:
            return
        codes, self._wait = self._waiting[: self._wait], 0
        size = len(self._dense[0])
        if len(codes) < PAIRED:
            self._dense[0] += np.bincount(codes, minlength=size)
            return
        pairs = np.bincount(codes.view(np.uint16), minlength=2**16).reshape(2**8, 2**8)
        self._dense[0] += (pairs.sum(axis=0) + pairs.sum(axis=1))[:size]

    def _flush(self, keys: Codes | None = None) -> None:
        """Move what was counted to the cells by key, because the groups known have changed."""
        import numpy as np

        if not self._dense:
            return
        self._count_waiting()
        counted, self._dense = self._dense, []
        at = np.flatnonzero(counted[0])
        places = np.unravel_index(at if keys is None else keys[at], self._sizes) if self._sizes else ()
        for cell, *key in zip(at.tolist(), *(place.tolist() for place in places), strict=True):
            total = self._cells.setdefault(tuple(key), [0.0, 0.0, 0.0])
            for part in range(3):
                total[part] += float(counted[part if len(counted) > 1 else 0][cell])
        self.overflown = self.overflown or len(self._cells) > self.limit


def joint(parts: list[Codes], sizes: list[int], size: int) -> Codes:
    """Return one code a row from several, in the narrowest whole numbers that hold it."""
    import numpy as np

    kind = np.uint8 if size <= 2**8 else np.uint16 if size <= 2**16 else np.int64
    code: Codes = parts[0].astype(kind)
    for part, one in zip(parts[1:], sizes[1:], strict=True):
        np.multiply(code, kind(one), out=code)
        np.add(code, part.astype(kind, copy=False), out=code)
    return code


def outcomes(column: pa.Array) -> Codes:
    """Return the code of each outcome: 0 and 1 as themselves, 2 for a missing one."""
    import numpy as np

    whole = whole_numbers(column)
    if whole is not None:
        return whole.astype(np.uint8, copy=False)
    values = doubles(column)
    return np.where(np.isnan(values), 2, values == 1.0).astype(np.uint8)


def whole_numbers(column: pa.Array) -> Codes | None:
    """Return whole numbers without missing ones as they are, and truth values as 0 and 1; None for anything else."""
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        return None
    if pa.types.is_boolean(column.type):
        flags: Codes = column.to_numpy(zero_copy_only=False).view(np.uint8)
        return flags
    if pa.types.is_integer(column.type):
        numbers: Codes = column.to_numpy()
        return numbers
    return None
