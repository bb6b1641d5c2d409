"""How do named rows compare? Dots with intervals by group against a limit, and bars with errors against a limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reportlab.graphics.shapes import Circle, Drawing, Rect

from audits.dossier.charts.plot import TINY, Area, line, marker, new_drawing, number, shown, ticks_between, write
from audits.dossier.palette import BLUE, CAUTION, INK, LIMIT, MUTED, ORANGE, PAPER, STATUS_SIGNS, TONES

MOST_ROWS = 32
ROW = 15.0
LABELS = 150.0
NUMBERS = 132.0


def _limit(area: Area, limit: float, text: str) -> None:
    at, top = area.x(limit), area.bottom + area.height
    line(area.drawing, at, area.bottom, at, top + 3, colour=LIMIT, strokeWidth=1.1, strokeDashArray=[4, 2])
    write(area.drawing, at, top + 6, text, size=TINY, anchor="middle", colour=LIMIT, bold=True)


def _left_out(drawing: Drawing, rows: int) -> None:
    if rows > MOST_ROWS:
        text = f"{MOST_ROWS} of {rows:,} rows drawn; all are in the table"
        write(drawing, 2, 2, text, size=TINY, colour=MUTED)


def groups(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw one dot with its interval per group, and the limit as a broken line.

    ``rows``: list of ``{label, attribute, value, low, high, n, status, note}``; a row without a value is printed with
    its note (a suppressed group stays visible). ``limit``, ``limit_text``, ``low`` and ``high`` (axis), ``x_title``.
    """
    rows = list(chart.get("rows", ()))
    kept = rows[:MOST_ROWS]
    heads = sum(1 for i, row in enumerate(kept) if row.get("attribute") and _new_attribute(kept, i))
    height = ROW * (len(kept) + heads)
    drawing = new_drawing(width, height + 54)
    values = [number(row.get(key)) for row in kept for key in ("value", "low", "high")]
    limit = number(chart.get("limit"))
    values += [limit, number(chart.get("low")), number(chart.get("high"))]
    known = [value for value in values if value is not None]
    ticks = ticks_between(min(known, default=0.0), max(known, default=1.0))
    area = Area(drawing, LABELS, 28, width - LABELS - NUMBERS, height, x_low=ticks[0], x_high=ticks[-1])
    area.x_axis(ticks, label(chart.get("x_title", "")))
    counts = chart.get("counts", True)
    heading = "value [interval]" + ("         n" if counts else "")
    write(drawing, width, 28 + height + 6, heading, size=TINY, anchor="end", colour=MUTED)
    y = 28 + height - ROW / 2
    for index, row in enumerate(kept):
        if row.get("attribute") and _new_attribute(kept, index):
            write(drawing, 0, y - 2.4, label(row["attribute"]), bold=True, within=LABELS - 8)
            y -= ROW
        _group_row(area, row, y, label, right=width, counts=counts)
        y -= ROW
    if limit is not None:
        _limit(area, limit, label(chart.get("limit_text", f"limit {shown(limit)}")))
    _left_out(drawing, len(rows))
    return drawing


def _new_attribute(rows: list[Mapping[str, Any]], index: int) -> bool:
    return index == 0 or rows[index - 1].get("attribute") != rows[index].get("attribute")


def _group_row(
    area: Area, row: Mapping[str, Any], y: float, label: Callable[[object], str], *, right: float, counts: bool
) -> None:
    drawing = area.drawing
    indent = 8 if row.get("attribute") else 0
    write(drawing, indent, y - 2.4, label(row.get("label", "")), within=LABELS - 8 - indent)
    value, low, high = (number(row.get(key)) for key in ("value", "low", "high"))
    status = str(row.get("status", ""))
    sign, tone = STATUS_SIGNS.get(status, ("", ""))
    colour = TONES.get(tone, BLUE)
    count = f"{row['n']:,}" if isinstance(row.get("n"), int) else "–"
    if value is None:
        note = label(row.get("note") or "not printed")
        write(drawing, area.left + 4, y - 2.4, note, size=TINY, colour=CAUTION, within=area.width - 8)
        if counts:
            write(drawing, right, y - 2.4, count, size=TINY, anchor="end", colour=MUTED)
        return
    if low is not None and high is not None:
        line(drawing, area.x(low), y, area.x(high), y, colour=colour, strokeWidth=1.4)
        for edge in (low, high):
            line(drawing, area.x(edge), y - 2.4, area.x(edge), y + 2.4, colour=colour, strokeWidth=1.0)
    if status == "insufficient":
        drawing.add(Circle(area.x(value), y, 2.9, fillColor=PAPER, strokeColor=colour, strokeWidth=1.2))
    else:
        marker(drawing, 3 if status == "not_met" else 0, area.x(value), y, colour)
    between = f" [{shown(low)}, {shown(high)}]" if low is not None and high is not None else ""
    end = right - 34 if counts else right
    write(drawing, end, y - 2.4, f"{sign} {shown(value)}{between}".strip(), size=TINY, anchor="end", colour=INK)
    if counts:
        write(drawing, right, y - 2.4, count, size=TINY, anchor="end", colour=MUTED)


def bars(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw one bar per row, with an error whisker and an optional limit.

    ``rows``: list of ``{label, value, error, status}`` (``error`` is a standard error, drawn as plus and minus one);
    ``limit``, ``limit_text``, ``x_title``, ``error_text``.
    """
    rows = list(chart.get("rows", ()))
    kept = rows[:MOST_ROWS]
    height = ROW * len(kept)
    drawing = new_drawing(width, height + 54)
    limit = number(chart.get("limit"))
    ends = [0.0] + ([limit * 1.08] if limit is not None else [])
    for row in kept:
        value, spread = number(row.get("value")), number(row.get("error")) or 0.0
        if value is not None:
            ends += [value - spread, value + spread]
    ticks = ticks_between(min(ends), max(ends) if max(ends) > min(ends) else 1.0)
    area = Area(drawing, LABELS, 28, width - LABELS - NUMBERS + 40, height, x_low=ticks[0], x_high=ticks[-1])
    area.x_axis(ticks, label(chart.get("x_title", "")))
    y = 28 + height - ROW / 2
    for row in kept:
        write(drawing, 0, y - 2.4, label(row.get("label", "")), within=LABELS - 8)
        value, error = number(row.get("value")), number(row.get("error"))
        if value is None:
            write(drawing, area.left + 4, y - 2.4, label(row.get("note") or "not measured"), size=TINY, colour=CAUTION)
            y -= ROW
            continue
        colour = ORANGE if limit is not None and value > limit else BLUE
        start, end = sorted((area.x(0.0), area.x(value)))
        drawing.add(Rect(start, y - 4, max(end - start, 0.4), 8, fillColor=colour, strokeColor=None))
        if error:
            low, high = area.x(value - error), area.x(value + error)
            line(drawing, low, y, high, y, colour=INK, strokeWidth=0.9)
            for edge in (low, high):
                line(drawing, edge, y - 2, edge, y + 2, colour=INK, strokeWidth=0.9)
        text = shown(value) if error is None else f"{shown(value)} ± {shown(error)}"
        sign = STATUS_SIGNS.get(str(row.get("status", "")), ("", ""))[0]
        write(drawing, width, y - 2.4, f"{sign} {text}".strip(), size=TINY, anchor="end")
        y -= ROW
    if limit is not None:
        _limit(area, limit, label(chart.get("limit_text", f"limit {shown(limit)}")))
    if chart.get("error_text"):
        write(drawing, width, 28 + height + 6, label(chart["error_text"]), size=TINY, anchor="end", colour=MUTED)
    _left_out(drawing, len(rows))
    return drawing
