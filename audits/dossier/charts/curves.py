"""How do scores separate, and do they mean what they say? The ROC curve and the reliability diagram."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reportlab.graphics.shapes import Drawing, Rect

from audits.dossier.charts.plot import SMALL, TINY, Area, line, marker, new_drawing, number, shown, write
from audits.dossier.palette import BLUE, MUTED, RULE, SERIES, SKY

UNIT_TICKS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
DASHES: tuple[list[float] | None, ...] = (None, [5, 2], [1.5, 2], [6, 2, 1.5, 2])
MOST_POINTS = 400


def pairs_of(points: Sequence[Any]) -> list[tuple[float, float]]:
    """Return the finite pairs of ``points``, thinned evenly to at most 400 with both ends kept."""
    found = []
    for point in points:
        x, y = number(point[0]), number(point[1])
        if x is not None and y is not None:
            found.append((x, y))
    if len(found) <= MOST_POINTS:
        return found
    last = len(found) - 1
    return [found[round(index * last / (MOST_POINTS - 1))] for index in range(MOST_POINTS)]


def roc(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw receiver operating characteristic curves.

    ``curves``: list of ``{name, points: [[false positive rate, true positive rate], ...], auc, low, high, n}``;
    ``x_title``, ``y_title``.
    """
    side = min(208.0, width * 0.5)
    drawing = new_drawing(width, side + 46)
    area = Area(drawing, 34, 28, side, side)
    area.y_axis(UNIT_TICKS, label(chart.get("y_title", "True positive rate")))
    area.x_axis(UNIT_TICKS, label(chart.get("x_title", "False positive rate")))
    area.curve([(0.0, 0.0), (1.0, 1.0)], RULE, strokeWidth=0.9, strokeDashArray=[3, 3])
    left, top = area.left + side + 26, area.bottom + side - 6
    for index, curve in enumerate(chart.get("curves", ())):
        colour, dash = SERIES[index % len(SERIES)], DASHES[index % len(DASHES)]
        style = {"strokeDashArray": dash} if dash else {}
        area.curve(pairs_of(curve.get("points", ())), colour, strokeWidth=1.8, **style)
        y = top - index * 44
        line(drawing, left, y + 2.4, left + 22, y + 2.4, colour=colour, strokeWidth=1.8, **style)
        write(drawing, left + 28, y, label(curve.get("name", "")), bold=True, within=width - left - 30)
        auc, low, high = (number(curve.get(key)) for key in ("auc", "low", "high"))
        write(drawing, left + 28, y - 11, f"AUC {shown(auc)}", within=width - left - 30)
        if low is not None and high is not None:
            write(drawing, left + 28, y - 21, f"[{shown(low)}, {shown(high)}]", colour=MUTED)
        if curve.get("n") is not None:
            write(drawing, left + 28, y - 31, f"n = {int(curve['n']):,}", size=SMALL, colour=MUTED)
    rest = top - 44 * len(chart.get("curves", ())) - 4
    line(drawing, left, rest + 2.4, left + 22, rest + 2.4, colour=RULE, strokeWidth=0.9, strokeDashArray=[3, 3])
    write(drawing, left + 28, rest, label(chart.get("chance", "no separation (AUC 0.5)")), colour=MUTED)
    return drawing


def reliability(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw a reliability diagram: observed rate against mean score per bin, bin counts beneath.

    ``bins``: list of ``{score, rate, low, high, n}`` with rates in 0 to 1; ``numbers``: lines of text beside the plot.
    """
    side = min(208.0, width * 0.5)
    under = 34.0
    drawing = new_drawing(width, side + under + 50)
    area = Area(drawing, 34, 30 + under, side, side)
    area.y_axis(UNIT_TICKS, label(chart.get("y_title", "Observed rate")))
    area.x_axis(UNIT_TICKS)
    area.curve([(0.0, 0.0), (1.0, 1.0)], RULE, strokeWidth=0.9, strokeDashArray=[3, 3])
    bins = [one for one in chart.get("bins", ()) if number(one.get("score")) is not None]
    most = max((int(one.get("n") or 0) for one in bins), default=0)
    path = []
    for one in bins:
        score, rate = float(one["score"]), number(one.get("rate"))
        x = area.x(score)
        if most:
            tall = (int(one.get("n") or 0) / most) * (under - 12)
            drawing.add(Rect(x - 3, 22, 6, tall, fillColor=SKY, strokeColor=None))
        if rate is None:
            continue
        low, high = number(one.get("low")), number(one.get("high"))
        if low is not None and high is not None:
            line(drawing, x, area.y(low), x, area.y(high), colour=BLUE, strokeWidth=0.9)
            for end in (low, high):
                line(drawing, x - 2, area.y(end), x + 2, area.y(end), colour=BLUE, strokeWidth=0.9)
        path.append((score, rate))
    area.curve(path, BLUE, strokeWidth=1.2)
    for score, rate in path:
        marker(drawing, 0, area.x(score), area.y(rate), BLUE)
    line(drawing, area.left, 22, area.left + side, 22, colour=RULE, strokeWidth=0.8)
    write(drawing, area.left - 4, 24, f"{most:,}", size=TINY, anchor="end", colour=MUTED)
    title = label(chart.get("x_title", "Mean score in the bin; bars: number of cases"))
    write(drawing, area.left + side / 2, 8, title, anchor="middle", colour=MUTED, within=side + 60)
    left = area.left + side + 26
    for index, text in enumerate(chart.get("numbers", ())):
        write(
            drawing,
            left,
            area.bottom + side - 6 - index * 13,
            label(text),
            bold=index == 0,
            within=width - left - 2,
        )
    return drawing
