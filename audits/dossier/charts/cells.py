"""How are numbers spread over bins or over two kinds of names? Columns side by side, and a shaded grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reportlab.lib.colors import Color

from audits.checks.measurement import Plot
from audits.dossier.charts.plot import TINY, Area, line, new_drawing, number, shown, ticks_between, write
from audits.dossier.palette import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, RULE, SKY
from audits.dossier.pen import Drawing

Label = Callable[[object], str]

MOST_BINS = 24
MOST_CELLS = 12
COLUMNS: tuple[Color, ...] = (SKY, BLUE, ORANGE, GREEN)
HIGH = 130.0
DARK = 0.6


def shares(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw, for each bin of ``chart["plot"]``, one column per series; bins are numbered as in the table."""
    plot = Plot.from_json(chart["plot"])
    names = plot.values[: len(COLUMNS)]
    columns = [[number(cell) for cell in plot.column(name)[:MOST_BINS]] for name in names]
    bins = len(plot.rows[:MOST_BINS])
    drawing = new_drawing(width, HIGH + 58)
    known = [cell for column in columns for cell in column if cell is not None] or [1.0]
    ticks = ticks_between(min(0.0, *known), max(0.0, *known) or 1.0, 4)
    area = Area(drawing, 40, 26, width - 48, HIGH, y_low=ticks[0], y_high=ticks[-1])
    area.y_axis(ticks)
    step = area.width / max(1, bins)
    thick = min(14.0, step * 0.8 / len(names))
    for at in range(bins):
        left = area.left + step * (at + 0.5) - thick * len(names) / 2
        for place, column in enumerate(columns):
            if (value := column[at]) is not None:
                low, high = sorted((area.y(0.0), area.y(value)))
                drawing.rect(left + place * thick, low, thick - 0.6, max(high - low, 0.2), fill=COLUMNS[place])
        write(drawing, area.left + step * (at + 0.5), 15, str(at + 1), size=TINY, anchor="middle", colour=MUTED)
    line(drawing, area.left, area.y(0.0), area.left + area.width, area.y(0.0), colour=RULE, weight=0.8)
    for place, name in enumerate(names):
        x = area.left + place * 120
        drawing.rect(x, HIGH + 42, 8, 8, fill=COLUMNS[place])
        write(drawing, x + 12, HIGH + 43, label(chart["words"].get(name, name)), within=104)
    return drawing


def grid(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw a cell for each pair of names of ``chart["plot"]``, darker for a larger absolute number."""
    plot = Plot.from_json(chart["plot"])
    cells = {
        (str(row), str(column)): number(value)
        for row, column, value in zip(*(plot.column(n) for n in (plot.label, plot.series, plot.value)), strict=True)
    }
    down, across = (list(dict.fromkeys(key[side] for key in cells))[:MOST_CELLS] for side in (0, 1))
    most = max((abs(value) for value in cells.values() if value is not None), default=0.0)
    left, tall = 130.0, 20.0
    wide = min(54.0, (width - left) / max(1, len(across)))
    drawing = new_drawing(width, tall * len(down) + 36)
    top = tall * len(down)
    for place, name in enumerate(across):
        middle = left + wide * (place + 0.5)
        write(drawing, middle, top + 6, label(name), size=TINY, anchor="middle", within=wide - 2)
    write(drawing, left, top + 20, label(chart["words"].get(plot.series, "")), colour=MUTED)
    write(drawing, left - 8, top + 20, label(chart["words"].get(plot.label, "")), anchor="end", colour=MUTED)
    for at, name in enumerate(down):
        y = top - tall * (at + 1)
        write(drawing, left - 8, y + 7, label(name), anchor="end", within=left - 12)
        for place, other in enumerate(across):
            value = cells.get((name, other))
            share = abs(value) / most if value is not None and most else 0.0
            drawing.rect(left + wide * place, y, wide - 1, tall - 1, fill=_mixed(share), stroke=RULE, weight=0.4)
            ink = PAPER if share > DARK else INK
            write(drawing, left + wide * (place + 0.5), y + 7, shown(value), size=TINY, anchor="middle", colour=ink)
    return drawing


def _mixed(share: float) -> Color:
    """Return blue on paper, as much of it as ``share`` says; opaque, so that every printer shows it alike."""
    parts = (part + (full - part) * share for part, full in zip(PAPER.rgb(), BLUE.rgb(), strict=True))
    return Color(*(round(part, 4) for part in parts))
