"""What do all charts share? A plotting area with scales, ticks, and text that is cut visibly when it does not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import Color

from audits.dossier.fonts import BOLD, SANS, register_fonts, width_of
from audits.dossier.palette import HAIR, INK, MUTED, RULE
from audits.dossier.pen import Drawing

SMALL = 7.0
TINY = 6.2


def new_drawing(width: float, height: float) -> Drawing:
    """Return an empty drawing; the faces that text in it is written in are registered."""
    register_fonts()
    return Drawing(width, height)


def fit(text: str, font: str, size: float, width: float) -> str:
    """Return ``text``, or as much of it as fits into ``width`` points followed by an ellipsis."""
    used, end = 0.0, 0
    while end < len(text) and used <= width:
        used += width_of(text[end], font, size)
        end += 1
    if used <= width:
        return text
    room = width - width_of("…", font, size)
    while end and width_of(text[:end], font, size) > room:
        end -= 1
    return text[:end] + "…"


def write(
    drawing: Drawing,
    x: float,
    y: float,
    text: str,
    *,
    size: float = SMALL,
    anchor: str = "start",
    colour: Color = INK,
    bold: bool = False,
    within: float | None = None,
) -> None:
    """Write one line of drawable text, cut to ``within`` points if that is given."""
    font = BOLD if bold else SANS
    shown = fit(text, font, size, within) if within is not None else text
    if anchor != "start":
        x -= width_of(shown, font, size) * (1.0 if anchor == "end" else 0.5)
    drawing.text(x, y, shown, font=font, size=size, fill=colour)


def line(
    drawing: Drawing,
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    *,
    colour: Color,
    weight: float = 0.6,
    dash: Sequence[float] | None = None,
) -> None:
    """Draw a straight line."""
    drawing.polyline((x1, y1, x2, y2), stroke=colour, weight=weight, dash=dash)


def number(value: Any) -> float | None:
    """Return ``value`` as a finite float, or None when it is not one (a suppressed group has no value)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def shown(value: float | None, unit: str = "") -> str:
    """Return a value with three significant decimals and its unit; an en dash for none."""
    if value is None:
        return "–"
    text = f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{text} {unit}".strip()


def ticks_between(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round tick values that span ``low`` to ``high``."""
    if not high > low:
        high = low + 1.0
    raw = (high - low) / wanted
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(magnitude * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if raw <= magnitude * factor * 1.0001)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_text(value: float, ticks: list[float]) -> str:
    """Return a tick's label with just as many decimals as the step needs."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    decimals = next((places for places in range(7) if abs(round(step, places) - step) < step * 1e-6), 6)
    return f"{value + 0.0:.{decimals}f}" if step >= 1e-6 else f"{value:.1e}"


@dataclass(frozen=True)
class Area:
    """A rectangle of the drawing that stands for a range of values."""

    drawing: Drawing
    left: float
    bottom: float
    width: float
    height: float
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def x(self, value: float) -> float:
        """Return the position of a value on the horizontal axis, held inside the area."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return self.left + min(1.0, max(0.0, share)) * self.width

    def y(self, value: float) -> float:
        """Return the position of a value on the vertical axis, held inside the area."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom + min(1.0, max(0.0, share)) * self.height

    def x_axis(self, ticks: list[float], title: str = "", grid: bool = True) -> None:
        """Draw the horizontal axis with its ticks."""
        for tick in ticks:
            at = self.x(tick)
            if grid:
                line(self.drawing, at, self.bottom, at, self.bottom + self.height, colour=HAIR, weight=0.5)
            write(self.drawing, at, self.bottom - 9, tick_text(tick, ticks), size=TINY, anchor="middle", colour=MUTED)
        line(self.drawing, self.left, self.bottom, self.left + self.width, self.bottom, colour=RULE, weight=0.8)
        if title:
            middle = self.left + self.width / 2
            write(self.drawing, middle, self.bottom - 20, title, anchor="middle", colour=MUTED, within=self.width + 40)

    def y_axis(self, ticks: list[float], title: str = "") -> None:
        """Draw the vertical axis with its ticks; the title stands above it."""
        for tick in ticks:
            at = self.y(tick)
            line(self.drawing, self.left, at, self.left + self.width, at, colour=HAIR, weight=0.5)
            write(self.drawing, self.left - 4, at - 2.2, tick_text(tick, ticks), size=TINY, anchor="end", colour=MUTED)
        line(self.drawing, self.left, self.bottom, self.left, self.bottom + self.height, colour=RULE, weight=0.8)
        if title:
            write(self.drawing, self.left - 22, self.bottom + self.height + 7, title, colour=MUTED, within=self.width)

    def curve(
        self,
        points: list[tuple[float, float]],
        colour: Color,
        *,
        weight: float = 1.5,
        dash: Sequence[float] | None = None,
    ) -> None:
        """Draw a polyline through points given in values."""
        if len(points) < 2:
            return
        flat = [value for x, y in points for value in (self.x(x), self.y(y))]
        self.drawing.polyline(flat, stroke=colour, weight=weight, dash=dash)


def marker(drawing: Drawing, shape: int, x: float, y: float, colour: Color, *, size: float = 2.8) -> None:
    """Draw one of four marker shapes, so that a series is told apart without colour."""
    if shape % 4 == 0:
        drawing.circle(x, y, size, fill=colour)
    elif shape % 4 == 1:
        drawing.rect(x - size, y - size, 2 * size, 2 * size, fill=colour)
    elif shape % 4 == 2:
        points = [x, y + size * 1.3, x + size * 1.2, y - size * 0.8, x - size * 1.2, y - size * 0.8]
        drawing.polygon(points, fill=colour)
    else:
        points = [x, y + size * 1.3, x + size * 1.3, y, x, y - size * 1.3, x - size * 1.3, y]
        drawing.polygon(points, fill=colour)
