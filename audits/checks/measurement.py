"""What does a check return? One number with its uncertainty, its groups, and plots that stand beside their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

GroupStatus = Literal["measured", "suppressed", "too-small"]
PlotKind = Literal["line", "points", "bars", "intervals", "shares", "grid", "table"]
ColumnKind = Literal["text", "number", "count", "share"]

MEASURED_ONCE = "measured-once"

MAX_PLOT_ROWS = 400
MAX_PLOTS = 12


def gettext_noop(text: str) -> str:
    """Mark words of a plot for translation where they are shown, without Django: checks are loaded without it."""
    return text


@dataclass(frozen=True)
class PlotColumn:
    """One column of a plot's table: its heading, and whether it holds text, numbers, counts or shares (0 to 1)."""

    name: str
    kind: ColumnKind = "number"


@dataclass(frozen=True)
class Plot:
    """A table, and which of its columns are drawn: a drawing can never stand without the numbers it shows.

    ``kind`` names the drawing, and the fields below name columns by their heading:

    - "line" and "points": ``x`` and ``y`` (numbers), ``low`` and ``high`` (a band), ``series`` (text: one line each);
    - "bars": ``label`` and ``value``, ``low`` and ``high`` (error bars);
    - "intervals": the same, as a dot on its interval, one row each (a forest plot);
    - "shares": ``label`` (a bin) and ``values`` (one column of bars for each of these columns);
    - "grid": ``label`` (row), ``series`` (column) and ``value`` (shade);
    - "table": nothing is drawn.

    ``diagonal`` draws y = x; ``limited`` draws the requirement's limit on the axis of the value; ``scale`` fixes that
    axis. Title, headings and note are English words marked with ``gettext_noop`` where they are written; whoever shows
    the plot translates them. Cells are text, finite numbers or None. At most 400 rows.
    """

    kind: PlotKind
    title: str
    columns: tuple[PlotColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    label: str = ""
    value: str = ""
    low: str = ""
    high: str = ""
    x: str = ""
    y: str = ""
    series: str = ""
    values: tuple[str, ...] = ()
    diagonal: bool = False
    limited: bool = False
    scale: tuple[float, float] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "rows", tuple(tuple(plain(list(row))) for row in self.rows))
        object.__setattr__(self, "values", tuple(self.values))
        names = [column.name for column in self.columns]
        drawn = [name for name in (*(getattr(self, role) for role in DRAWN_ROLES), *self.values) if name]
        if not self.title or len(set(names)) != len(names) or set(drawn) - set(names):
            raise ValueError("a plot has a title, and draws columns of its own table")
        if not all(getattr(self, role) for role in NEEDED_ROLES[self.kind]) or bool(self.low) != bool(self.high):
            raise ValueError(f"a plot of kind {self.kind} draws {', '.join(NEEDED_ROLES[self.kind]) or 'nothing'}")
        if len(self.rows) > MAX_PLOT_ROWS or any(len(row) != len(names) for row in self.rows):
            raise ValueError(f"a plot has at most {MAX_PLOT_ROWS} rows, each with one cell a column")

    def as_json(self) -> dict[str, Any]:
        """Return the plot as JSON; ``from_json`` gives it back equal."""
        fields = {name: getattr(self, name) for name in PLOT_FIELDS}
        return fields | {
            "columns": [[column.name, column.kind] for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "values": list(self.values),
            "scale": list(self.scale) if self.scale else None,
        }

    def column(self, name: str) -> tuple[Any, ...]:
        """Return the cells of the column called ``name``, one a row; None for each where there is no such column."""
        names = [column.name for column in self.columns]
        return tuple(row[names.index(name)] if name in names else None for row in self.rows)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plot:
        """Read what ``as_json`` wrote; raises ValueError, TypeError or KeyError when it is not that."""
        columns = tuple(PlotColumn(name, kind) for name, kind in data["columns"])
        rows = tuple(tuple(row) for row in data["rows"])
        scale = None if data["scale"] is None else (float(data["scale"][0]), float(data["scale"][1]))
        given = {"columns": columns, "rows": rows, "scale": scale, "values": tuple(data["values"])}
        return cls(**(dict(data) | given))


DRAWN_ROLES = ("label", "value", "low", "high", "x", "y", "series")
PLOT_FIELDS = ("kind", "title", *DRAWN_ROLES, "diagonal", "limited", "note")
NEEDED_ROLES: Mapping[str, tuple[str, ...]] = {
    "line": ("x", "y"),
    "points": ("x", "y"),
    "bars": ("label", "value"),
    "intervals": ("label", "value"),
    "shares": ("label", "values"),
    "grid": ("label", "series", "value"),
    "table": (),
}


LOW, HIGH = gettext_noop("Low"), gettext_noop("High")
COUNTED = (PlotColumn(gettext_noop("n"), "count"),)
"""The column beside an interval that says how many rows it is over."""


def intervals_plot(
    title: str,
    label: str,
    value: str,
    rows: Iterable[Sequence[Any]],
    *,
    kind: ColumnKind = "number",
    more: Sequence[PlotColumn] = (),
    **drawn: Any,
) -> Plot:
    """Return a plot of intervals, one row each for a class, group, feature, version or table.

    ``label`` and ``value`` are headings, ``rows`` hold label, value, both ends, and a cell for each column of ``more``;
    ``kind`` says what value and ends are, ``drawn`` is what else ``Plot`` takes.
    """
    columns = (PlotColumn(label, "text"), *(PlotColumn(name, kind) for name in (value, LOW, HIGH)), *more)
    cells = tuple(map(tuple, rows))
    return Plot("intervals", title, columns, cells, label=label, value=value, low=LOW, high=HIGH, **drawn)


@dataclass(frozen=True)
class GroupRow:
    """What was measured of one group of people.

    ``n`` is None for a suppressed group (fewer than three people). ``values`` holds named rates and ``low``, ``high``
    the interval of the first of them; both are empty unless ``status`` is "measured". ``note`` says why.
    """

    attribute: str
    group: str
    n: int | None
    values: Mapping[str, float | None]
    low: float | None
    high: float | None
    status: GroupStatus
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", plain(self.values))
        if self.status != "measured" and (self.values or self.low is not None or self.high is not None):
            raise ValueError("a group that is not measured shows no rate")
        if self.status == "suppressed" and self.n is not None:
            raise ValueError("a suppressed group does not show how many people it has")


@dataclass(frozen=True)
class Measurement:
    """One number with its unit, interval, sample size, groups and notes; nothing in it judges.

    ``value`` is None where the data give no answer, and ``reason`` then says why. ``n`` counts the rows the value is
    over. ``method`` names the interval; MEASURED_ONCE says that the value is of one file or one run and no estimate
    from rows. ``detail`` is a JSON object with series for tables and plots. NaN and
    infinities never occur: they are refused in the value and its interval and become None in ``detail``. ``plots`` is
    what
    a person is shown; ``detail`` is for whoever reads the evidence by program.
    """

    value: float | None
    unit: str
    low: float | None
    high: float | None
    confidence: float
    n: int
    method: str
    groups: tuple[GroupRow, ...] = ()
    notes: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    plots: tuple[Plot, ...] = ()

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"a measurement's {name} is a finite number or None")
            object.__setattr__(self, name, None if number is None else float(number) + 0.0)
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has two ends or none")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("the lower end of an interval is not above the upper end")
        if (self.value is None) != bool(self.reason):
            raise ValueError("a measurement has either a value or a reason why it has none")
        object.__setattr__(self, "detail", plain(self.detail))
        object.__setattr__(self, "groups", tuple(self.groups))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "plots", tuple(self.plots))
        if len(self.plots) > MAX_PLOTS:
            raise ValueError(f"a measurement has at most {MAX_PLOTS} plots")

    def as_json(self) -> dict[str, Any]:
        """Return the measurement as JSON (no NaN); ``from_json`` gives it back equal."""
        groups = [
            {name: getattr(row, name) for name in GROUP_FIELDS} | {"values": dict(row.values)} for row in self.groups
        ]
        fields = {name: getattr(self, name) for name in MEASUREMENT_FIELDS}
        plots = [plot.as_json() for plot in self.plots]
        return fields | {"groups": groups, "notes": list(self.notes), "detail": dict(self.detail), "plots": plots}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """Read what ``as_json`` wrote; raises ValueError or TypeError when it is not that."""
        rows = tuple(GroupRow(**row) for row in data["groups"])
        plots = tuple(Plot.from_json(plot) for plot in data.get("plots", ()))
        return cls(**(dict(data) | {"groups": rows, "notes": tuple(data["notes"]), "plots": plots}))


GROUP_FIELDS = ("attribute", "group", "n", "low", "high", "status", "note")
MEASUREMENT_FIELDS = ("value", "unit", "low", "high", "confidence", "n", "method", "reason")


PLAIN_TYPES = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """Return ``value`` as JSON: numpy scalars and arrays unwrapped, tuples as lists, NaN and infinities as None."""
    if type(value) in PLAIN_TYPES:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str | int):
        return value
    # an abstract class is looked up slowly, and nearly all that come here are dictionaries
    if isinstance(value, (dict, Mapping)):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(cast("Any", value).tolist())
    raise TypeError(f"{type(value).__name__} cannot stand in a measurement")
