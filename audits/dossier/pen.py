"""How does a mark become an operator of a page? Few, short ones: a dossier holds tens of thousands of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from reportlab.lib.colors import Color
from reportlab.pdfbase import pdfmetrics

from audits.dossier.tags import END, Element

Canvas = Any  # reportlab ships no types; a pdfgen Canvas, whose attribute ``tags`` is our structure tree

ROUND = 0.5522847498  # how far the handles of four Bezier curves stand off, in radii, so that they draw a circle
ESCAPED = {code: f"\\{code:03o}" for code in (*range(32), *range(127, 256))} | {
    ord(sign): f"\\{sign}" for sign in "\\()"
}


def num(value: float) -> str:
    """Return a length in points to a thousandth, as short as it can be written."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@lru_cache(maxsize=4_096)
def rgb(colour: Color) -> str:
    """Return the three parts of a colour."""
    return " ".join(num(part) for part in colour.rgb())


class Writing:
    """Lines of text for one place of a page: face and colour are named when they change, not for each line."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._operators: list[str] = []
        self._face = ""
        self._ink = ""

    def begin(self, element: Element) -> None:
        """Begin the content of an element of the structure tree; what follows belongs to it until ``close``."""
        self._operators.append(self._canvas.tags.begin(element))

    def close(self) -> None:
        """End the content of an element."""
        self._operators.append(END)

    def line(self, text: str, x: float, y: float, *, font: str, size: float, colour: Color) -> None:
        """Write drawable text with its base line beginning at ``x``, ``y``."""
        operators, document = self._operators, self._canvas._doc
        ink = rgb(colour)
        if ink != self._ink:
            operators.append(f"{ink} rg")
            self._ink = ink
        operators.append(f"1 0 0 1 {num(x)} {num(y)} Tm")
        face = pdfmetrics.getFont(font)
        for subset, codes in face.splitString(text, document):
            named = f"{face.getSubsetInternalName(subset, document)} {num(size)} Tf"
            if named != self._face:
                operators.append(named)
                self._face = named
            operators.append(f"({codes.decode('latin-1').translate(ESCAPED)}) Tj")

    def end(self) -> None:
        """Put what was written on the page."""
        if self._operators:
            self._canvas.addLiteral("\n".join(("BT", *self._operators, "ET")))


class _Text(NamedTuple):
    text: str
    x: float
    y: float
    font: str
    size: float
    colour: Color


class _Faint(NamedTuple):
    opacity: float
    operators: str


class Drawing:
    """Marks in the order in which they are made, from a lower left corner that is set when they are put on a page."""

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self.alt = ""
        self._marks: list[str | _Text | _Faint] = []

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: Color | None = None,
        stroke: Color | None = None,
        weight: float = 1.0,
    ) -> None:
        """Draw a rectangle."""
        self._shape(f"{num(x)} {num(y)} {num(width)} {num(height)} re", fill, stroke, weight)

    def circle(
        self,
        x: float,
        y: float,
        radius: float,
        *,
        fill: Color | None = None,
        stroke: Color | None = None,
        weight: float = 1.0,
    ) -> None:
        """Draw a circle."""
        left, right, low, high = (num(end) for end in (x - radius, x + radius, y - radius, y + radius))
        near, far, under, over = (num(a + b * ROUND * radius) for a in (x, y) for b in (-1, 1))
        across, up = num(x), num(y)
        path = (
            f"{right} {up} m {right} {over} {far} {high} {across} {high} c {near} {high} {left} {over} {left} {up} c "
            f"{left} {under} {near} {low} {across} {low} c {far} {low} {right} {under} {right} {up} c h"
        )
        self._shape(path, fill, stroke, weight)

    def polygon(self, places: Sequence[float], *, fill: Color, opacity: float = 1.0) -> None:
        """Fill the area inside ``places`` (x, y, x, y, ...); ``opacity`` below 1 lets through what is under it."""
        path = f"{_path(places)} h"
        if opacity >= 1.0:
            self._shape(path, fill, None, 1.0)
        else:
            self._marks.append(_Faint(opacity, f"{rgb(fill)} rg {path} f"))

    def polyline(
        self, places: Sequence[float], *, stroke: Color, weight: float = 1.0, dash: Sequence[float] | None = None
    ) -> None:
        """Draw a line through ``places`` (x, y, x, y, ...)."""
        ink = f"{rgb(stroke)} RG {num(weight)} w {_path(places)} S"
        broken = " ".join(num(part) for part in dash or ())
        self._marks.append(f"[{broken}] 0 d {ink} [] 0 d" if dash else ink)

    def text(self, x: float, y: float, text: str, *, font: str, size: float, fill: Color) -> None:
        """Write one line of drawable text."""
        self._marks.append(_Text(text, x, y, font, size, fill))

    def put(self, canvas: Canvas, left: float, bottom: float) -> None:
        """Draw all marks on a page, as one figure that is read as ``alt``."""
        canvas.addLiteral(canvas.tags.begin(canvas.tags.element("Figure", alt=self.alt)))
        canvas.saveState()
        canvas.addLiteral(f"1 0 0 1 {num(left)} {num(bottom)} cm 1 j")
        writing: Writing | None = None
        for mark in self._marks:
            if isinstance(mark, _Text):
                writing = writing or Writing(canvas)
                writing.line(mark.text, mark.x, mark.y, font=mark.font, size=mark.size, colour=mark.colour)
                continue
            if writing is not None:
                writing.end()
                writing = None
            if isinstance(mark, str):
                canvas.addLiteral(mark)
            else:
                canvas.saveState()
                canvas.setFillAlpha(mark.opacity)
                canvas.addLiteral(mark.operators)
                canvas.restoreState()
        if writing is not None:
            writing.end()
        canvas.restoreState()
        canvas.addLiteral(END)

    def _shape(self, path: str, fill: Color | None, stroke: Color | None, weight: float) -> None:
        inks = [f"{rgb(fill)} rg"] if fill is not None else []
        inks += [f"{rgb(stroke)} RG {num(weight)} w"] if stroke is not None else []
        paint = ("B" if stroke is not None else "f") if fill is not None else "S"
        self._marks.append(f"{' '.join(inks)} {path} {paint}")


def _path(places: Sequence[float]) -> str:
    texts = [num(place) for place in places]
    first, *others = (f"{x} {y}" for x, y in zip(texts[::2], texts[1::2], strict=True))
    return " ".join((f"{first} m", *(f"{other} l" for other in others)))
