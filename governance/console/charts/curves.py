"""How does one number go with another? Lines and points over two axes, told apart by dash and shape as well as colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.checks.measurement import Plot
from governance.console.charts import svg
from governance.console.charts.rows import Limit
from governance.console.wording import worded

WIDE, HIGH, LEGEND = 420, 260, 170
MOST_SERIES = 8
SHAPES = ("disc", "square", "diamond", "cross")


@dataclass(frozen=True)
class Point:
    """One point of a series with the ends of its band, where there is one."""

    x: float
    y: float
    low: float | None
    high: float | None


def lines(plot: Plot, limit: Limit | None) -> SafeString | None:
    """Draw each series as a line through its points in the order of the table."""
    return _over_axes(plot, limit, joined=True)


def points(plot: Plot, limit: Limit | None) -> SafeString | None:
    """Draw each row as a point."""
    return _over_axes(plot, limit, joined=False)


def _over_axes(plot: Plot, limit: Limit | None, *, joined: bool) -> SafeString | None:
    series = _series(plot)
    if not series:
        return None
    drawn = limit if plot.limited else None
    shown = dict(list(series.items())[:MOST_SERIES])
    frame, across, up = _frame(plot, [point for row in shown.values() for point in row], drawn)
    parts: list[SafeString] = [frame.y_axis(up, worded(plot.y)), frame.x_axis(across, worded(plot.x))]
    if plot.diagonal:
        low, high = max(frame.x_low, frame.y_low), min(frame.x_high, frame.y_high)
        parts.append(svg.line(frame.x(low), frame.y(low), frame.x(high), frame.y(high), "chance"))
    for at, (name, row) in enumerate(shown.items()):
        parts += _one(frame, row, at, joined=joined)
        if name:
            beside = 40 + 22 * at
            parts += _sample(frame.right + 20, beside - 4, at, joined)
            parts.append(svg.text(frame.right + 52, beside, name, within=18))
    if drawn is not None:
        y = frame.y(drawn.value)
        said = _("limit %(limit)s") % {"limit": svg.number(drawn.value)}
        parts += [
            svg.line(frame.left, y, frame.right, y, "limit"),
            svg.text(frame.right + 6, y + 4, said, kind="small limit-text"),
        ]
    if len(series) > MOST_SERIES:
        rest = _("%(drawn)s of %(all)s lines drawn") % {"drawn": MOST_SERIES, "all": len(series)}
        parts.append(svg.text(frame.right + 20, 40 + 22 * MOST_SERIES, rest, kind="small"))
    return svg.drawing(
        frame.right + LEGEND, frame.bottom + 40, *parts, title=worded(plot.title), description=_said(plot, shown)
    )


def _series(plot: Plot) -> dict[str, list[Point]]:
    """Return the finite points of the table by series, in its order."""
    found: dict[str, list[Point]] = {}
    cells = (plot.column(name) for name in (plot.series, plot.x, plot.y, plot.low, plot.high))
    for name, x, y, low, high in zip(*cells, strict=True):
        across, up = svg.finite(x), svg.finite(y)
        if across is not None and up is not None:
            key = "" if name is None else str(name)
            found.setdefault(key, []).append(Point(across, up, svg.finite(low), svg.finite(high)))
    return found


def _frame(plot: Plot, known: Sequence[Point], limit: Limit | None) -> tuple[svg.Frame, list[float], list[float]]:
    ends = [end for point in known for end in (point.y, point.low, point.high) if end is not None]
    ends += [limit.value] if limit is not None else []
    low, high = plot.scale or (min(ends), max(ends))
    up = svg.ticks_between(min(low, *ends), max(high, *ends))
    across = svg.ticks_between(min(point.x for point in known), max(point.x for point in known))
    frame = svg.Frame(64, 26, WIDE, HIGH, x_low=across[0], x_high=across[-1], y_low=up[0], y_high=up[-1])
    return frame, across, up


def _one(frame: svg.Frame, row: Sequence[Point], at: int, *, joined: bool) -> list[SafeString]:
    parts: list[SafeString] = []
    kind = f"s{at % 4}"
    banded = [point for point in row if point.low is not None and point.high is not None]
    if joined and len(banded) == len(row) > 1:
        there = [(frame.x(point.x), frame.y(point.high or 0.0)) for point in row]
        back = [(frame.x(point.x), frame.y(point.low or 0.0)) for point in reversed(row)]
        parts.append(svg.path([*there, *back], f"band {kind}"))
    elif banded:
        parts += [
            svg.line(frame.x(p.x), frame.y(p.low or 0.0), frame.x(p.x), frame.y(p.high or 0.0), f"interval {kind}")
            for p in banded
        ]
    places = [(frame.x(point.x), frame.y(point.y)) for point in row]
    if joined:
        parts.append(svg.path(places, f"curve {kind}"))
    if not joined or len(row) <= 30:
        parts += [svg.marker(SHAPES[at % 4], x, y, f"mark {kind}") for x, y in places]
    return parts


def _sample(x: float, y: float, at: int, joined: bool) -> list[SafeString]:
    mark = svg.marker(SHAPES[at % 4], x + 13, y, f"mark s{at % 4}")
    return [svg.line(x, y, x + 26, y, f"curve s{at % 4}"), mark] if joined else [mark]


def _said(plot: Plot, series: dict[str, list[Point]]) -> str:
    """Say in words where each series begins and ends; the numbers in between stand in the table."""
    parts = []
    for name, row in series.items():
        first, last = row[0], row[-1]
        parts.append(
            _("%(name)s%(n)s points, from (%(x1)s, %(y1)s) to (%(x2)s, %(y2)s)")
            % {
                "name": f"{name}: " if name else "",
                "n": len(row),
                "x1": svg.number(first.x),
                "y1": svg.number(first.y),
                "x2": svg.number(last.x),
                "y2": svg.number(last.y),
            }
        )
    return f"{worded(plot.x)} / {worded(plot.y)}. " + "; ".join(parts)
