"""Which small sufficient statistics does a check ask an engine for, and how are they asked so that engines agree?"""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_DISTINCT_SCORES = 100_000
SCORE_BINS = 65_536
MAX_GROUP_CELLS = 4_000
MISSING = "(missing)"


@contextmanager
def quiet() -> Iterator[None]:
    """Hide one deprecation inside Ibis: it still calls DuckDB's former name of ``to_arrow_table``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"fetch_arrow_table\(\) is deprecated", category=DeprecationWarning)
        yield


def rows_of(expression: Any) -> list[dict[str, Any]]:
    """Run an expression and return its rows; DomainError ``unreadable-table`` when the engine cannot."""
    import duckdb
    import psycopg

    try:
        with quiet():
            rows: list[dict[str, Any]] = expression.to_pyarrow().to_pylist()
    except (duckdb.Error, psycopg.Error) as error:
        # the engine's own text may quote a cell of the table, which is personal data: it stays in the cause
        raise DomainError("unreadable-table", "The engine could not read the table to its end.") from error
    return rows


def number(value: float) -> Any:
    """Return a literal that every engine parses to the nearest double, as Python does."""
    import ibis

    return ibis.literal(repr(float(value))).cast("float64")


def summary(expression: Any, columns: tuple[str, ...], *, per_column: bool) -> dict[str, Any]:
    """Return the row count and, per column, type, number of values, distinct values and text of minimum and maximum."""
    asked = {"rows": expression.count()}
    for at, name in enumerate(columns if per_column else ()):
        column = expression[name]
        asked |= {f"count{at}": column.count(), f"distinct{at}": column.nunique()}
        if not column.type().is_boolean():
            asked |= {f"low{at}": column.min().cast("string"), f"high{at}": column.max().cast("string")}
    found = rows_of(expression.aggregate(**asked))[0]
    facts: dict[str, Any] = {"rows": int(found["rows"])}
    if per_column:
        parts = ("count", "distinct", "low", "high")
        facts["columns"] = {
            name: {"type": str(expression[name].type())} | {part: found.get(f"{part}{at}") for part in parts}
            for at, name in enumerate(columns)
        }
    return facts


@dataclass(frozen=True)
class ScoreCells:
    """How much of each outcome was seen at each distinct score, sorted by score.

    ``score`` has shape (n_cells,) and rises strictly; ``positive`` and ``negative``, same shape, are sums of weights
    (counts without a weight column). ``n_positive`` and ``n_negative`` count rows; the ``effective`` sizes are Kish's
    (sum w)^2 / sum w^2, equal to the counts without weights. ``binned`` tells that scores were grouped into 65,536
    equal bins, each represented by the middle of its smallest and largest score.
    """

    score: Floats
    positive: Floats
    negative: Floats
    n_positive: int
    n_negative: int
    effective_positive: float
    effective_negative: float
    binned: bool

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.n_positive + self.n_negative

    @property
    def effective(self) -> float:
        """Effective number of rows."""
        return self.effective_positive + self.effective_negative


def score_cells(table: EvaluationTable, *, max_distinct: int = MAX_DISTINCT_SCORES) -> ScoreCells:
    """Return weights of both outcomes by score: exact up to ``max_distinct`` distinct scores, in fine bins above."""
    import numpy as np

    score, label = real(table.table[table.roles.score]), real(table.table[table.roles.target])
    binned = int(rows_of(table.table.aggregate(n=score.nunique()))[0]["n"]) > max_distinct
    key = (score * SCORE_BINS).floor() if binned else score
    grouped = table.table.group_by([key.name("cell"), label.name("label")])
    rows = rows_of(grouped.aggregate(**_weights(table), low=score.min(), high=score.max()))
    if any(row["cell"] is None or math.isnan(row["cell"]) or row["label"] not in (0.0, 1.0) for row in rows):
        raise DomainError("score-not-a-number", "Labels must be 0 or 1 and scores numbers in every row.")
    keys = sorted({row["cell"] + 0.0 for row in rows})
    place = {cell: at for at, cell in enumerate(keys)}
    cells = np.zeros((2, len(keys)))
    low, high = np.full(len(keys), np.inf), np.full(len(keys), -np.inf)
    counts, weights, squares = [0, 0], [0.0, 0.0], [0.0, 0.0]
    for row in sorted(rows, key=lambda row: (row["cell"], row["label"])):
        at, outcome = place[row["cell"] + 0.0], int(row["label"])
        cells[outcome, at] += row["weight"]
        low[at], high[at] = min(low[at], row["low"]), max(high[at], row["high"])
        counts[outcome] += row["n"]
        weights[outcome] += row["weight"]
        squares[outcome] += row["square"]
    effective = [weights[k] ** 2 / squares[k] if squares[k] else 0.0 for k in (0, 1)]
    middle = (low + high) / 2.0
    return ScoreCells(middle, cells[1], cells[0], counts[1], counts[0], effective[1], effective[0], binned)


@dataclass(frozen=True)
class OutcomeCell:
    """Rows of one group with one outcome and one decision: count, sum of weights and of squared weights."""

    groups: tuple[str, ...]
    label: int | None
    selected: bool
    n: int
    weight: float
    square: float


def outcome_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> list[OutcomeCell]:
    """Return the confusion cells of every group formed by ``attributes``, in one scan, sorted by group.

    A missing attribute value forms the group "(missing)". Raises DomainError ``unknown-column`` for an attribute that
    is not there and ``too-many-groups`` when the attributes look like identifiers.
    """
    absent = [name for name in attributes if name not in table.table.columns]
    if absent:
        raise DomainError("unknown-column", f"The table has no column {absent[0][:80]!r}.", columns=absent)
    if not table.selects:
        raise DomainError("missing-column-role", "Selection needs a score with a threshold, or a decision column.")
    keys = [table.table[name].name(f"group{at}") for at, name in enumerate(attributes)]
    keys.append(selected(table).name("selected"))
    if table.roles.target is not None:
        keys.append(real(table.table[table.roles.target]).name("label"))
    rows = rows_of(table.table.group_by(keys).aggregate(**_weights(table)).limit(MAX_GROUP_CELLS + 1))
    if len(rows) > MAX_GROUP_CELLS:
        names = ", ".join(attributes)
        raise DomainError("too-many-groups", f"{names}: more than {MAX_GROUP_CELLS} cells; is a column an identifier?")
    merged: dict[tuple[tuple[str, ...], int | None, bool], list[float]] = {}
    for row in sorted(rows, key=lambda row: (row["n"], row["weight"], row["square"])):
        groups = tuple(group_label(row[f"group{at}"]) for at in range(len(attributes)))
        label = None if row.get("label") is None else int(row["label"])
        total = merged.setdefault((groups, label, bool(row["selected"])), [0, 0.0, 0.0])
        for at, part in enumerate(("n", "weight", "square")):
            total[at] += row[part]
    order = sorted(merged.items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2]))
    return [OutcomeCell(*key, n=int(total[0]), weight=total[1], square=total[2]) for key, total in order]


def selected(table: EvaluationTable) -> Any:
    """Return the expression that is true for selected rows; a score equal to the threshold is selected."""
    if table.roles.score is not None and table.threshold is not None:
        return real(table.table[table.roles.score]) >= number(table.threshold)
    return real(table.table[table.roles.prediction]) == 1.0


def group_label(value: Any) -> str:
    """Return the text that names a group on every engine (a boolean is "true", 1.0 is "1", NULL is "(missing)")."""
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    text = str(value)
    return text if text else "(empty)"


def real(column: Any) -> Any:
    """Return a numeric or boolean column as doubles."""
    return column.cast("int32").cast("float64") if column.type().is_boolean() else column.cast("float64")


def _weights(table: EvaluationTable) -> dict[str, Any]:
    """Return the three sums every cell carries: rows, weights and squared weights."""
    count = table.table.count()
    if table.roles.weight is None:
        return {"n": count, "weight": count.cast("float64"), "square": count.cast("float64")}
    weight = real(table.table[table.roles.weight])
    return {"n": count, "weight": weight.sum(), "square": (weight * weight).sum()}
