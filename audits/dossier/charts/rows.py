"""How do named rows compare? Dots on their intervals and bars from zero, against a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audits.checks.measurement import Plot
from audits.dossier.charts.plot import TINY, Area, line, marker, new_drawing, number, shown, ticks_between, write
from audits.dossier.palette import BLUE, CAUTION, INK, LIMIT, MUTED, ORANGE
from audits.dossier.pen import Drawing

MOST_ROWS = 32
ROW = 15.0
LABELS = 150.0
NUMBERS = 118.0

Label = Callable[[object], str]
Told = Callable[[float | None], str]
Row = tuple[Any, float | None, float | None, float | None]


def intervals(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw one dot on its interval per row of ``chart["plot"]``, and ``limit`` as a broken line."""
    return _rows(chart, width, label, as_bars=False)


def bars(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw one bar from zero per row of ``chart["plot"]``, with its interval, and ``limit`` as a broken line."""
    return _rows(chart, width, label, as_bars=True)


def missed(value: float, limit: float | None, op: object) -> bool:
    """Tell whether a value lies on the bad side of the limit."""
    if limit is None:
        return False
    return value < limit if str(op).startswith(">") else value > limit


def _rows(chart: Mapping[str, Any], width: float, label: Label, *, as_bars: bool) -> Drawing:
    plot = Plot.from_json(chart["plot"])
    given = zip(*(plot.column(name) for name in (plot.label, plot.value, plot.low, plot.high)), strict=True)
    rows: list[Row] = [(name, number(value), number(low), number(high)) for name, value, low, high in given]
    kept, limit = rows[:MOST_ROWS], number(chart.get("limit"))
    height = ROW * len(kept)
    drawing = new_drawing(width, height + 54)
    ends = [end for _name, *numbers in kept for end in numbers if end is not None]
    ends += [limit] if limit is not None else []
    ends += [0.0] if as_bars or not ends else []
    ends += list(plot.scale or ())
    ticks = ticks_between(min(ends), max(ends) if max(ends) > min(ends) else min(ends) + 1.0)
    area = Area(drawing, LABELS, 28, width - LABELS - NUMBERS, height, x_low=ticks[0], x_high=ticks[-1])
    area.x_axis(ticks, label(chart["words"].get(plot.value, "")))
    y = 28 + height - ROW / 2
    told = counted if any(one.name == plot.value and one.kind == "count" for one in plot.columns) else shown
    for row in kept:
        off = _off(row, limit, chart.get("op"))
        _row(area, row, y, label, right=width, as_bars=as_bars, off=off, told=told)
        y -= ROW
    if limit is not None:
        _limit(area, limit, label(chart.get("limit_text", shown(limit))))
    if len(rows) > MOST_ROWS:
        write(drawing, 2, 2, f"{MOST_ROWS} / {len(rows):,}", size=TINY, colour=MUTED)
    return drawing


def counted(value: float | None) -> str:
    """Return a count as it is printed: whole, where it is."""
    return f"{int(value):,}" if value is not None and value.is_integer() else shown(value)


def _off(row: Row, limit: float | None, op: object) -> bool:
    return row[1] is not None and missed(row[1], limit, op)


def _row(area: Area, row: Row, y: float, label: Label, *, right: float, as_bars: bool, off: bool, told: Told) -> None:
    drawing = area.drawing
    name, value, low, high = row
    write(drawing, 0, y - 2.4, label("" if name is None else name), within=LABELS - 8)
    if value is None:
        write(drawing, area.left + 4, y - 2.4, "–", size=TINY, colour=CAUTION)
        return
    colour = ORANGE if off else BLUE
    if as_bars:
        start, end = sorted((area.x(0.0), area.x(value)))
        drawing.rect(start, y - 4, max(end - start, 0.4), 8, fill=colour)
    if low is not None and high is not None:
        ink = INK if as_bars else colour
        line(drawing, area.x(low), y, area.x(high), y, colour=ink, weight=1.2)
        for edge in (low, high):
            line(drawing, area.x(edge), y - 2.4, area.x(edge), y + 2.4, colour=ink, weight=1.0)
    if not as_bars:
        marker(drawing, 3 if off else 0, area.x(value), y, colour)
    between = f" [{told(low)}, {told(high)}]" if low is not None and high is not None else ""
    write(drawing, right, y - 2.4, f"{told(value)}{between}", size=TINY, anchor="end", colour=INK)


def _limit(area: Area, limit: float, text: str) -> None:
    at, top = area.x(limit), area.bottom + area.height
    line(area.drawing, at, area.bottom, at, top + 3, colour=LIMIT, weight=1.1, dash=[4, 2])
    write(area.drawing, at, top + 6, text, size=TINY, anchor="middle", colour=LIMIT, bold=True)
