"""Which drawings and which tables belong to a measurement? A drawing never stands without the numbers it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from audits.checks.measurement import Plot
from governance.console.charts import cells, curves, rows, svg
from governance.console.charts.rows import Limit
from governance.console.wording import worded
from registry.digests import canonical_json

Draw = Callable[[Plot, Limit | None], SafeString | None]
DRAWINGS: Mapping[str, Draw] = {
    "line": curves.lines,
    "points": curves.points,
    "bars": rows.bars,
    "intervals": rows.intervals,
    "shares": cells.shares,
    "grid": cells.grid,
    "table": lambda plot, limit: None,
}


@dataclass(frozen=True)
class Table:
    """The numbers of a drawing; cells are plain text. ``numeric`` says which columns are right-aligned."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """The drawing of a plot with the table beside it; ``same`` is equal for two figures that show the same."""

    title: str
    drawings: tuple[SafeString, ...]
    table: Table
    same: str


def figures_of(measurement: Mapping[str, Any] | None, requirement: Mapping[str, Any]) -> list[Figure]:
    """Return what can be drawn of a measurement (the JSON of ``audits.checks.contract.Measurement``)."""
    plots = [Plot.from_json(given) for given in (measurement or {}).get("plots") or ()]
    return [_figure(plot, rows.limit_of(requirement)) for plot in plots]


def _figure(plot: Plot, limit: Limit | None) -> Figure:
    drawing = DRAWINGS[plot.kind](plot, limit)
    title = worded(plot.title)
    table = Table(
        title,
        tuple(worded(column.name) for column in plot.columns),
        tuple(
            tuple(cell_text(cell, column.kind) for cell, column in zip(row, plot.columns, strict=True))
            for row in plot.rows
        ),
        frozenset(at for at, column in enumerate(plot.columns) if column.kind != "text"),
        worded(plot.note),
    )
    return Figure(title, () if drawing is None else (drawing,), table, same_as(plot, limit))


def same_as(plot: Plot, limit: Limit | None) -> str:
    """Return a text that two plots share when a reader would see the same twice: several checks draw one curve."""
    shown = limit if plot.limited else None
    return canonical_json({"plot": plot.as_json(), "limit": [shown.value, shown.op] if shown else None}).decode("ascii")


def cell_text(cell: object, kind: str) -> str:
    """Return a cell as it is read: shares in per cent, counts whole, numbers with four digits, a dash for none."""
    if cell is None:
        return "–"
    if kind == "text":
        return str(cell)
    if kind == "share" and (value := svg.finite(cell)) is not None:
        return f"{value * 100:.1f} %"
    if kind == "count" and (value := svg.finite(cell)) is not None and value.is_integer():
        return f"{int(value):,}"
    return svg.number(cell, 4)
