"""How are numbers spread over bins or over two kinds of names? Columns side by side, and a shaded grid."""

from __future__ import annotations

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.checks.measurement import Plot
from governance.console.charts import svg
from governance.console.charts.rows import WIDTH, Limit
from governance.console.wording import worded

MOST_BINS = 24
MOST_CELLS = 14
SIDE = 54


def shares(plot: Plot, _limit: Limit | None) -> SafeString | None:
    """Draw, for each bin, one column per series, side by side."""
    names = plot.values[:4]
    labels = plot.column(plot.label)[:MOST_BINS]
    columns = [[svg.finite(cell) for cell in plot.column(name)[:MOST_BINS]] for name in names]
    known = [cell for column in columns for cell in column if cell is not None]
    if not known:
        return None
    ticks = svg.ticks_between(min(0.0, *known), max(0.0, *known) or 1.0, 4)
    frame = svg.Frame(64, 40, WIDTH - 84, 190, y_low=ticks[0], y_high=ticks[-1])
    parts: list[SafeString] = [frame.y_axis(ticks, "")]
    step = frame.width / len(labels)
    width = min(18.0, step * 0.8 / len(names))
    for at in range(len(labels)):
        left = frame.left + step * (at + 0.5) - width * len(names) / 2
        for place, column in enumerate(columns):
            if (value := column[at]) is not None:
                top, bottom = sorted((frame.y(value), frame.y(0.0)))
                shape = {"x": left + width * place, "y": top, "width": width - 1, "height": bottom - top}
                parts.append(svg.tag("rect", **shape, class_=f"bar c{place}"))
        parts.append(svg.text(frame.left + step * (at + 0.5), frame.bottom + 15, at + 1, kind="small", anchor="middle"))
    parts.append(svg.line(frame.left, frame.y(0.0), frame.right, frame.y(0.0), "axis"))
    for place, name in enumerate(names):
        x = frame.left + place * 160
        parts += [
            svg.tag("rect", x=x, y=8, width=12, height=12, class_=f"bar c{place}"),
            svg.text(x + 18, 18, worded(name), kind="small", within=20),
        ]
    under = _("bin (numbered as in the table)")
    parts.append(svg.text(frame.left + frame.width / 2, frame.bottom + 32, under, kind="small", anchor="middle"))
    said = ", ".join(
        f"{label}: {' / '.join(svg.number(column[at]) for column in columns)}" for at, label in enumerate(labels)
    )
    return svg.drawing(WIDTH, frame.bottom + 42, *parts, title=worded(plot.title), description=said)


def grid(plot: Plot, _limit: Limit | None) -> SafeString | None:
    """Draw a cell for each pair of names, darker for a larger absolute number, with the number in it."""
    cells = {
        (str(row), str(column)): svg.finite(value)
        for row, column, value in zip(*(plot.column(n) for n in (plot.label, plot.series, plot.value)), strict=True)
    }
    down, across = (list(dict.fromkeys(key[side] for key in cells))[:MOST_CELLS] for side in (0, 1))
    most = max((abs(value) for value in cells.values() if value is not None), default=0.0)
    if not most:
        return None
    left, top = 180, 48
    parts: list[SafeString] = []
    for column, name in enumerate(across):
        place = left + SIDE * (column + 0.5)
        parts.append(svg.text(place, top - 8, name, kind="small", anchor="middle", within=8))
    for row, name in enumerate(down):
        parts.append(svg.text(left - 10, top + 34 * row + 21, name, anchor="end", within=24))
        for column, other in enumerate(across):
            value = cells.get((name, other))
            x, y = left + SIDE * column, top + 34 * row
            shade = 0 if value is None else round(5 * abs(value) / most)
            parts.append(svg.tag("rect", x=x, y=y, width=SIDE - 2, height=32, class_=f"cell g{shade}"))
            middle = x + SIDE / 2 - 1
            parts.append(svg.text(middle, y + 20, svg.number(value), kind=f"small on{shade}", anchor="middle"))
    parts.append(svg.text(left, 16, worded(plot.series), kind="small"))
    parts.append(svg.text(left - 10, 16, worded(plot.label), kind="small", anchor="end"))
    said = ", ".join(f"{row} / {column}: {svg.number(value)}" for (row, column), value in list(cells.items())[:60])
    size = left + SIDE * len(across) + 10, top + 34 * len(down) + 10
    return svg.drawing(max(size[0], 360), size[1], *parts, title=worded(plot.title), description=said)
