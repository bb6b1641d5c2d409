"""How do named rows compare? Dots on their intervals, bars, and one number on its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.checks.measurement import Plot
from governance.console.charts import svg
from governance.console.wording import worded

ROW = 24
LABELS = 230
NUMBERS = 170
WIDTH = 780
MOST_ROWS = 40


@dataclass(frozen=True)
class Limit:
    """The limit of the requirement and which side of it is good: "<=" or "<" below, ">=" or ">" above."""

    value: float
    op: str

    def is_missed_by(self, number: float) -> bool:
        """Tell whether a number lies on the bad side of the limit."""
        return number < self.value if self.op.startswith(">") else number > self.value


def limit_of(requirement: Mapping[str, Any]) -> Limit | None:
    """Return the limit of a requirement, None where it holds none."""
    value = svg.finite(requirement.get("limit"))
    return None if value is None else Limit(value, str(requirement.get("op", "<=")))


def intervals(plot: Plot, limit: Limit | None) -> SafeString | None:
    """Draw one dot on its interval per row; a row without a value says so instead of vanishing."""
    return _rows(plot, limit, as_bars=False)


def bars(plot: Plot, limit: Limit | None) -> SafeString | None:
    """Draw one bar per row from zero, with its interval where there is one."""
    return _rows(plot, limit, as_bars=True)


def _rows(plot: Plot, limit: Limit | None, *, as_bars: bool) -> SafeString | None:
    given = list(
        zip(*(plot.column(name) for name in (plot.label, plot.value, plot.low, plot.high)), strict=True),
    )
    kept = [(label, svg.finite(value), svg.finite(low), svg.finite(high)) for label, value, low, high in given]
    if not any(value is not None for _label, value, _low, _high in kept):
        return None
    shown = kept[:MOST_ROWS]
    drawn = limit if plot.limited else None
    frame, ticks = _frame(plot, shown, drawn, from_zero=as_bars)
    parts: list[SafeString] = [frame.x_axis(ticks, worded(plot.value))]
    for at, (label, value, low, high) in enumerate(shown):
        y = frame.top + ROW * (at + 0.5)
        parts.append(svg.text(frame.left - 12, y + 4, "" if label is None else label, anchor="end", within=32))
        if value is None:
            parts.append(svg.text(frame.left + 8, y + 4, _("not measured"), kind="small caution"))
            continue
        beyond = drawn is not None and drawn.is_missed_by(value)
        parts += _bar(frame, value, y, beyond) if as_bars else []
        if low is not None and high is not None:
            kind = "interval ink" if as_bars else "interval bad" if beyond else "interval"
            parts.append(svg.whisker(frame, low, high, y, kind))
        if not as_bars:
            kind = "mark bad" if beyond else "mark"
            parts.append(svg.marker("diamond" if beyond else "disc", frame.x(value), y, kind))
        between = f" [{svg.number(low)}, {svg.number(high)}]" if low is not None and high is not None else ""
        parts.append(svg.text(frame.right + 12, y + 4, f"{svg.number(value)}{between}", kind="small"))
    if drawn is not None:
        parts += _limit_line(frame, drawn)
    below = frame.bottom + 42
    if len(kept) > MOST_ROWS:
        rest = _("%(drawn)s of %(all)s rows drawn; all are in the table") % {"drawn": MOST_ROWS, "all": len(kept)}
        parts.append(svg.text(frame.left, below + 6, rest, kind="small"))
        below += 16
    said = ", ".join(f"{label}: {svg.number(value)}" for label, value, _low, _high in shown)
    return svg.drawing(WIDTH, below, *parts, title=worded(plot.title), description=said)


def _bar(frame: svg.Frame, value: float, y: float, beyond: bool) -> list[SafeString]:
    left, right = sorted((frame.x(0.0), frame.x(value)))
    kind = "bar bad" if beyond else "bar"
    return [svg.tag("rect", x=left, y=y - 7, width=max(0.5, right - left), height=14, class_=kind)]


def _frame(
    plot: Plot,
    rows: Sequence[tuple[Any, float | None, float | None, float | None]],
    limit: Limit | None,
    *,
    from_zero: bool,
) -> tuple[svg.Frame, list[float]]:
    ends = [end for _label, *numbers in rows for end in numbers if end is not None]
    ends += [limit.value] if limit is not None else []
    ends += [0.0] if from_zero else []
    ends += list(plot.scale or ())
    low, high = min(ends), max(ends)
    ticks = svg.ticks_between(low, high)
    top = 34 if limit is not None else 12
    width = WIDTH - LABELS - NUMBERS
    return svg.Frame(LABELS, top, width, ROW * len(rows), x_low=ticks[0], x_high=ticks[-1]), ticks


def _limit_line(frame: svg.Frame, limit: Limit) -> list[SafeString]:
    at = frame.x(limit.value)
    said = _("limit %(limit)s") % {"limit": svg.number(limit.value)}
    return [
        svg.line(at, frame.top - 6, at, frame.bottom, "limit"),
        svg.text(at, frame.top - 12, said, kind="small limit-text", anchor="middle"),
    ]


def gauge(measurement: Mapping[str, Any], requirement: Mapping[str, Any], status: str) -> SafeString | None:
    """Draw one number with its interval and the limit on a short line, the side that is asked for drawn thick."""
    value, low, high, limit = (
        *(svg.finite(measurement.get(key)) for key in ("value", "low", "high")),
        svg.finite(requirement.get("limit")),
    )
    if value is None or limit is None:
        return None
    known = [end for end in (value, low, high, limit) if end is not None]
    room = (max(known) - min(known)) * 0.15 or abs(limit) * 0.2 or 0.1
    frame = svg.Frame(4, 4, 132, 20, x_low=min(known) - room, x_high=max(known) + room)
    y, at = frame.top + 10, frame.x(limit)
    upwards = str(requirement.get("op", "")).startswith(">")
    kind = {"met": "good", "not_met": "bad", "error": "bad"}.get(status, "caution")
    parts = [
        svg.line(frame.left, y, frame.right, y, "rail"),
        svg.line(at, y, frame.right if upwards else frame.left, y, "rail wanted"),
        svg.line(at, frame.top, at, frame.bottom, "limit solid"),
    ]
    if low is not None and high is not None:
        parts.append(svg.whisker(frame, low, high, y, f"interval {kind}"))
    shape = {"met": "disc", "not_met": "diamond", "insufficient": "ring"}.get(status, "cross")
    parts.append(svg.marker(shape, frame.x(value), y, f"mark {kind}"))
    said = _("value %(value)s, limit %(limit)s") % {"value": svg.number(value), "limit": svg.number(limit)}
    return svg.drawing(140, 28, *parts, title=said, description=said)
