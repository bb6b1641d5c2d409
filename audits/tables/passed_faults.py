"""What is wrong with the values of a Parquet file? Counted while it is read in passing, with the cells of its groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.tables.cells import MAX_GROUP_CELLS, PASSED
from audits.tables.contract import EvaluationTable
from audits.tables.filling import doubles
from audits.tables.passing import CellCounter, Counter, column_of, read_in_passing, whole_numbers

if TYPE_CHECKING:
    import pyarrow as pa

SUM_TOLERANCE = 1e-3
MOST_CLASSES = 10_000


class FaultCounter:
    """Rows whose value is missing or outside what its role allows, and what the outcomes hold as a whole."""

    def __init__(self, table: EvaluationTable, rules: list[tuple[str, str]]) -> None:
        self.rules, self.task, self.target = rules, table.task, table.roles.target
        self.scores = tuple(column for _, column in table.roles.class_scores) if table.task == "multiclass" else ()
        self.columns = tuple(dict.fromkeys([*(name for name, _ in rules), *self.scores]))
        self.found = {f"{part}{at}": 0 for at in range(len(rules)) for part in ("missing", "outside")}
        self.classes: set[Any] = set()
        if self.target is not None and self.task == "binary":
            self.found |= {"positives": 0, "negatives": 0}
        if self.scores:
            self.found["not_one"] = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch."""
        for at, (name, kind) in enumerate(self.rules):
            missing, outside = wrong(column_of(batch, name), kind)
            self.found[f"missing{at}"] += missing
            self.found[f"outside{at}"] += outside
        if self.target is not None and self.task == "binary":
            self._outcomes(column_of(batch, self.target))
        if self.target is not None and self.task == "multiclass" and len(self.classes) <= MOST_CLASSES:
            self.classes.update(
                value for value in column_of(batch, self.target).unique().to_pylist() if value is not None
            )
        if self.scores:
            import numpy as np

            total = sum(doubles(column_of(batch, name)) for name in self.scores)
            self.found["not_one"] += int(np.count_nonzero(np.abs(total - 1.0) > SUM_TOLERANCE))

    def _outcomes(self, column: pa.Array) -> None:
        import numpy as np

        values = whole_numbers(column)
        if values is not None and len(values) and values.min() >= 0 and values.max() <= 1:
            positives = int(np.count_nonzero(values))
            self.found["positives"] += positives
            self.found["negatives"] += len(values) - positives
            return
        values = doubles(column) if values is None else values
        positives = int(np.count_nonzero(values == 1))
        self.found["positives"] += positives
        self.found["negatives"] += int(np.count_nonzero(values == 0))

    def counted(self) -> dict[str, int]:
        """Return the counts under the names an engine returns them."""
        if self.target is not None and self.task == "multiclass":
            return self.found | {"classes": len(self.classes)}
        return self.found


def wrong(column: pa.Array, kind: str) -> tuple[int, int]:
    """Return how many values are missing and how many are outside what a kind allows."""
    import numpy as np
    import pyarrow as pa

    if kind == "class":
        nan = pa.types.is_floating(column.type) and int(np.count_nonzero(np.isnan(doubles(column)))) - column.null_count
        return column.null_count + int(nan), 0
    whole = whole_numbers(column)
    if whole is not None and kind in ("0-or-1", "unit", "finite"):
        if kind == "finite" or (len(whole) and whole.min() >= 0 and whole.max() <= 1):
            return 0, 0
        return 0, int(np.count_nonzero((whole < 0) | (whole > 1)))
    values = doubles(column)
    missing = int(np.count_nonzero(np.isnan(values)))
    if kind == "0-or-1":
        outside = (values != 0.0) & (values != 1.0) & ~np.isnan(values)
    elif kind == "unit":
        outside = (values < 0.0) | (values > 1.0)
    else:
        outside = (values <= 0.0) | (values > 1e12) if kind == "positive" else np.abs(values) > 1e300
    return missing, int(np.count_nonzero(outside))


def counted_in_passing(table: EvaluationTable, rules: list[tuple[str, str]]) -> dict[str, int]:
    """Return the counts of all faults; the cells of the table's groups are counted on the way and remembered."""
    if table.scan is None:
        raise ValueError("only a file is read in passing")
    faults = FaultCounter(table, rules)
    counters: list[Counter] = [faults]
    cells = None
    if table.task == "binary" and table.roles.sensitive and table.selects:
        cells = CellCounter(table, table.roles.sensitive, limit=MAX_GROUP_CELLS)
        counters.append(cells)
    if faults.columns:
        read_in_passing(table.scan, counters)
        if cells is not None and not cells.overflown:
            table.answers[PASSED] = cells.rows()
    return faults.counted()
