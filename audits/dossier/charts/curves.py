"""How does one number go with another? Lines and points over two axes, told apart by dash and shape as well as colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audits.checks.measurement import Plot
from audits.dossier.charts.plot import (
    TINY,
    Area,
    line,
    marker,
    new_drawing,
    number,
    shown,
    ticks_between,
    write,
)
from audits.dossier.palette import LIMIT, MUTED, RULE, SERIES
from audits.dossier.pen import Drawing

DASHES: tuple[list[float] | None, ...] = (None, [5, 2], [1.5, 2], [6, 2, 1.5, 2])
MOST_SERIES = 8
HIGH = 196.0

Label = Callable[[object], str]
Point = tuple[float, float, float | None, float | None]


def lines(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw each series of ``chart["plot"]`` as a line through its points, with its band where there is one."""
    return _over_axes(chart, width, label, joined=True)


def points(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw each row of ``chart["plot"]`` as a point, with its interval where there is one."""
    return _over_axes(chart, width, label, joined=False)


def _over_axes(chart: Mapping[str, Any], width: float, label: Label, *, joined: bool) -> Drawing:
    plot = Plot.from_json(chart["plot"])
    series = _series(plot)
    limit = number(chart.get("limit"))
    wide = min(330.0, width * 0.66)
    drawing = new_drawing(width, HIGH + 50)
    known = [point for row in series.values() for point in row] or [(0.0, 0.0, None, None)]
    ends = [end for _x, y, low, high in known for end in (y, low, high) if end is not None]
    ends += [limit] if limit is not None else []
    ends += list(plot.scale or ())
    up = ticks_between(min(ends), max(ends))
    across = ticks_between(min(point[0] for point in known), max(point[0] for point in known))
    area = Area(drawing, 40, 28, wide, HIGH, across[0], across[-1], up[0], up[-1])
    area.y_axis(up, label(chart["words"].get(plot.y, "")))
    area.x_axis(across, label(chart["words"].get(plot.x, "")))
    if plot.diagonal:
        low, high = max(across[0], up[0]), min(across[-1], up[-1])
        area.curve([(low, low), (high, high)], RULE, weight=0.9, dash=[3, 3])
    left, top = area.left + wide + 18, area.bottom + HIGH - 6
    for at, (name, row) in enumerate(list(series.items())[:MOST_SERIES]):
        _one(area, row, at, joined=joined)
        if name:
            _legend(drawing, left, top - 14 * at, at, joined=joined)
            write(drawing, left + 28, top - 14 * at, label(name), within=width - left - 30)
    if len(series) > MOST_SERIES:
        write(drawing, left, top - 14 * MOST_SERIES, f"{MOST_SERIES} / {len(series)}", size=TINY, colour=MUTED)
    if limit is not None:
        at_y = area.y(limit)
        line(drawing, area.left, at_y, area.left + wide, at_y, colour=LIMIT, weight=1.1, dash=[4, 2])
        text = label(chart.get("limit_text", shown(limit)))
        write(drawing, area.left + wide, at_y + 3, text, size=TINY, anchor="end", colour=LIMIT, bold=True)
    return drawing


def _series(plot: Plot) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    cells = (plot.column(name) for name in (plot.series, plot.x, plot.y, plot.low, plot.high))
    for name, x, y, low, high in zip(*cells, strict=True):
        across, up = number(x), number(y)
        if across is not None and up is not None:
            found.setdefault("" if name is None else str(name), []).append((across, up, number(low), number(high)))
    return found


def _one(area: Area, row: list[Point], at: int, *, joined: bool) -> None:
    colour, dash = SERIES[at % len(SERIES)], DASHES[at % len(DASHES)]
    banded = [(x, low, high) for x, _y, low, high in row if low is not None and high is not None]
    if joined and len(banded) == len(row) > 1:
        around = [(x, high) for x, _low, high in banded] + [(x, low) for x, low, _high in reversed(banded)]
        flat = [place for x, y in around for place in (area.x(x), area.y(y))]
        area.drawing.polygon(flat, fill=colour, opacity=0.15)
    else:
        for x, low, high in banded:
            line(area.drawing, area.x(x), area.y(low), area.x(x), area.y(high), colour=colour, weight=0.9)
    if joined:
        area.curve([point[:2] for point in row], colour, weight=1.5, dash=dash)
    if not joined or len(row) <= 30:
        for x, y, _low, _high in row:
            marker(area.drawing, at, area.x(x), area.y(y), colour, size=2.4)


def _legend(drawing: Drawing, left: float, y: float, at: int, *, joined: bool) -> None:
    colour, dash = SERIES[at % len(SERIES)], DASHES[at % len(DASHES)]
    if joined:
        line(drawing, left, y + 2.4, left + 22, y + 2.4, colour=colour, weight=1.6, dash=dash)
    marker(drawing, at, left + 11, y + 2.4, colour, size=2.4)
