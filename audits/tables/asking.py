"""How is an engine asked, so that all engines give the same answer?"""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

MISSING = "(missing)"
SUMMED_AT_ONCE = 250
"""PostgreSQL answers a question with at most 1,664 columns, and a column is summed up by four."""


HIDDEN = (
    (r"fetch_arrow_table\(\) is deprecated", DeprecationWarning),  # Ibis calls DuckDB's former name of to_arrow_table
    (r"PySpark does not yet fully support pandas", FutureWarning),  # Spark's answers are read as Arrow, not by pandas
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what libraries below us say of one another."""
    with warnings.catch_warnings():
        for message, category in HIDDEN:
            warnings.filterwarnings("ignore", message=message, category=category)
        yield


def rows_of(expression: Any) -> list[dict[str, Any]]:
    """Run an expression and return its rows; DomainError ``unreadable-table`` when the engine cannot."""
    columns = {name: column.to_pylist() for name, column in columns_of(expression).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def arrays_of(expression: Any) -> dict[str, Any]:
    """Run an expression and return its columns as arrays of doubles, missing values as NaN; errors as ``rows_of``."""
    import numpy as np

    return {
        name: np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        for name, column in columns_of(expression).items()
    }


def columns_of(expression: Any) -> dict[str, Any]:
    """Run an expression and return its columns as Arrow arrays; DomainError ``unreadable-table`` when the engine cannot."""
    backend = expression.get_backend()
    refusals = _refusals(backend)
    try:
        with quiet():
            found = _on_spark(backend, expression) if backend.name == "pyspark" else expression.to_pyarrow()
    except refusals as error:
        # the engine's own text may quote a cell of the table, which is personal data: it stays in the cause
        raise DomainError("unreadable-table", "The engine could not read the table to its end.") from error
    return {name: found.column(name).combine_chunks() for name in found.column_names}


def _refusals(backend: Any) -> tuple[type[Exception], ...]:
    """Return what the driver of an engine raises; the driver of an engine that is not asked is not loaded."""
    if backend.name == "postgres":
        import psycopg

        return (psycopg.Error,)
    import duckdb

    return (duckdb.Error,)


def _on_spark(backend: Any, expression: Any) -> Any:
    """Ask Spark and read its answer as Arrow: by way of pandas NaN and missing would become one."""
    from pyspark.errors import PySparkException

    try:
        return backend._session.sql(backend.compile(expression)).toArrow()
    except PySparkException as error:
        raise DomainError("unreadable-table", "The engine could not read the table to its end.") from error


def narrowed(table: EvaluationTable, names: Iterable[str | None]) -> Any:
    """Return an expression of some columns, to be filtered, grouped or aggregated; None names no column.

    Ibis looks at every column of a table whenever it writes a question: a tenth of a second of 5,000 columns. A table as
    it lies in the engine is therefore taken for one that has these columns alone. What is selected from it as it stands
    would be all columns again, so it must be aggregated.
    """
    import ibis.expr.operations as ops

    wanted = list(dict.fromkeys(name for name in names if name is not None))
    held = table.table.op()
    if not isinstance(held, ops.DatabaseTable):
        return table.table.select(*wanted)
    return held.copy(schema=type(held.schema)({name: held.schema[name] for name in wanted})).to_expr()


def number(value: float) -> Any:
    """Return a literal that every engine parses to the nearest double, as Python does."""
    import ibis

    return ibis.literal(repr(float(value))).cast("float64")


def summary(expression: Any, columns: tuple[str, ...], *, per_column: bool) -> dict[str, Any]:
    """Return the row count and, per column, type, number of values, distinct values and text of minimum and maximum."""
    found = rows_of(expression.aggregate(rows=expression.count()))[0] if not (per_column and columns) else {}
    named = list(enumerate(columns if per_column else ()))
    for begin in range(0, len(named), SUMMED_AT_ONCE):
        asked = {"rows": expression.count()}
        for at, name in named[begin : begin + SUMMED_AT_ONCE]:
            column = expression[name]
            asked |= {f"count{at}": column.count(), f"distinct{at}": column.nunique()}
            if not column.type().is_boolean():
                asked |= {f"low{at}": column.min().cast("string"), f"high{at}": column.max().cast("string")}
        found |= rows_of(expression.aggregate(**asked))[0]
    facts: dict[str, Any] = {"rows": int(found["rows"])}
    if per_column:
        parts = ("count", "distinct", "low", "high")
        facts["columns"] = {
            name: {"type": str(expression[name].type())} | {part: found.get(f"{part}{at}") for part in parts}
            for at, name in enumerate(columns)
        }
    return facts


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
    if not column.type().is_boolean():
        return column.cast("float64")
    import ibis

    # no cast: DuckDB would hand it down to its reader of CSV, which then takes "true" for a bad number
    return ibis.cases((column, number(1.0)), (~column, number(0.0)))


def weight_sums(table: EvaluationTable) -> dict[str, Any]:
    """Return the three sums every cell carries: rows, weights and squared weights."""
    count = table.table.count()
    if table.roles.weight is None:
        return {"n": count, "weight": count.cast("float64"), "square": count.cast("float64")}
    weight = real(table.table[table.roles.weight])
    return {"n": count, "weight": weight.sum(), "square": (weight * weight).sum()}
