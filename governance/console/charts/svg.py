"""How is a drawing written down? SVG elements whose every attribute and text is escaped, without any style attribute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from governance.console.wording import visible

Number = int | float


def tag(name: str, *children: object, **attributes: object) -> SafeString:
    """Return one element; ``class_`` and ``stroke_width`` become ``class`` and ``stroke-width``, None is left out."""
    pairs = [
        (key.rstrip("_").replace("_", "-") if key not in {"viewBox", "textLength"} else key, _plain(value))
        for key, value in attributes.items()
        if value is not None
    ]
    return format_html(
        "<{}{}>{}</{}>",
        name,
        format_html_join("", ' {}="{}"', pairs),
        format_html_join("", "{}", ((child,) for child in children)),
        name,
    )


def drawing(width: Number, height: Number, *children: object, title: str, description: str) -> SafeString:
    """Return a whole drawing with its name and its description for those who do not see it."""
    return tag(
        "svg",
        tag("title", visible(title)),
        tag("desc", visible(description)),
        *children,
        class_="chart",
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        role="img",
        width=width,
        height=height,
    )


def text(
    x: Number, y: Number, content: object, *, kind: str = "", anchor: str = "start", within: int = 0
) -> SafeString:
    """Return one line of text, shortened with an ellipsis to ``within`` characters; the whole text stays as a tooltip."""
    whole = visible(str(content))
    shown = whole if not within or len(whole) <= within else whole[: within - 1] + "…"
    tip = (tag("title", whole),) if shown != whole else ()
    return tag("text", shown, *tip, x=x, y=y, text_anchor=anchor, class_=f"t {kind}".strip())


def line(x1: Number, y1: Number, x2: Number, y2: Number, kind: str) -> SafeString:
    """Return a straight line of the given kind."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(points: Iterable[tuple[float, float]], kind: str) -> SafeString:
    """Return a line through points."""
    steps = " ".join(f"{'M' if at == 0 else 'L'}{_plain(x)} {_plain(y)}" for at, (x, y) in enumerate(points))
    return tag("path", d=steps, class_=kind)


def marker(shape: str, x: Number, y: Number, kind: str) -> SafeString:
    """Return a mark that differs by shape as well as by colour: disc, ring, diamond, square or cross."""
    if shape == "square":
        return tag("rect", x=x - 4, y=y - 4, width=8, height=8, class_=kind)
    if shape == "diamond":
        return tag("path", d=f"M{_plain(x)} {_plain(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5z", class_=kind)
    if shape == "cross":
        return tag("path", d=f"M{_plain(x - 4)} {_plain(y - 4)}l8 8m0 -8l-8 8", class_=kind)
    return tag("circle", cx=x, cy=y, r=4, class_=f"{kind} hollow" if shape == "ring" else kind)


def whisker(frame: Frame, low: float, high: float, y: Number, kind: str) -> SafeString:
    """Return an interval as a horizontal line with ends."""
    left, right = frame.x(low), frame.x(high)
    ends = (line(at, y - 4, at, y + 4, kind) for at in (left, right))
    return tag("g", line(left, y, right, y, kind), *ends)


@dataclass(frozen=True)
class Frame:
    """The rectangle of a plot and the numbers at its edges."""

    left: float
    top: float
    width: float
    height: float
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    def x(self, value: float) -> float:
        """Return where ``value`` lies across, kept inside the frame."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1.0)
        return round(self.left + min(1.0, max(0.0, share)) * self.width, 2)

    def y(self, value: float) -> float:
        """Return where ``value`` lies upwards, kept inside the frame."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1.0)
        return round(self.top + self.height - min(1.0, max(0.0, share)) * self.height, 2)

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    def x_axis(self, ticks: Sequence[float], title: str = "") -> SafeString:
        """Return ticks with grid lines, numbers below, and the title of the axis."""
        parts = [line(self.x(at), self.top, self.x(at), self.bottom, "grid") for at in ticks]
        parts += [text(self.x(at), self.bottom + 14, number(at), kind="small", anchor="middle") for at in ticks]
        parts.append(line(self.left, self.bottom, self.right, self.bottom, "axis"))
        if title:
            parts.append(text(self.left + self.width / 2, self.bottom + 30, title, kind="small", anchor="middle"))
        return tag("g", *parts)

    def y_axis(self, ticks: Sequence[float], title: str = "") -> SafeString:
        """Return ticks with grid lines, numbers to the left, and the title above."""
        parts = [line(self.left, self.y(at), self.right, self.y(at), "grid") for at in ticks]
        parts += [text(self.left - 6, self.y(at) + 4, number(at), kind="small", anchor="end") for at in ticks]
        if title:
            parts.append(text(self.left - 30, self.top - 8, title, kind="small"))
        return tag("g", *parts)


def ticks_between(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers from at or below ``low`` to at or above ``high``."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        low, high = (low, low + 1.0) if math.isfinite(low) else (0.0, 1.0)
    raw = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * part for part in (1, 2, 2.5, 5, 10) if size * part >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def number(value: object, digits: int = 3) -> str:
    """Return a number in at most ``digits`` decimals, or in powers of ten where that would show nothing; else a dash."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return "–"
    if value and (abs(value) < 10.0**-digits or abs(value) >= 1e7):
        return f"{value:.1e}"
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"


def interval(low: object, high: object, digits: int = 3) -> str:
    """Return an interval in words, or a dash where an end is missing."""
    if finite(low) is None or finite(high) is None:
        return "–"
    return _("%(low)s to %(high)s") % {"low": number(low, digits), "high": number(high, digits)}


def finite(value: object) -> float | None:
    """Return a finite number as a float, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
