"""What can stand on a page? Text, grids and drawings that know their height and can be split; no markup is parsed.

A box is measured once, split where a page ends, and drawn. Splitting never copies what is left, so a table of ten
thousand rows costs ten thousand row heights and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from reportlab.lib.colors import Color

from audits.dossier.fonts import SANS, width_of
from audits.dossier.palette import HAIR, INK
from audits.dossier.pen import Canvas, Drawing, Writing
from audits.dossier.tags import artifact
from audits.dossier.text import pieces_of


@dataclass(frozen=True)
class Style:
    """How a run of lines is set."""

    font: str = SANS
    size: float = 8.8
    leading: float = 13.2
    colour: Color = INK
    before: float = 0.0
    after: float = 6.0
    indent: float = 0.0
    fill: Color | None = None
    bar: Color | None = None
    align: str = "left"
    tag: str = "P"


class Box(Protocol):
    """Anything that can be placed on a page."""

    @property
    def before(self) -> float:
        """The space above, dropped at the top of a page."""
        ...

    @property
    def after(self) -> float:
        """The space below."""
        ...

    @property
    def keep(self) -> bool:
        """Whether the next box must stand on the same page."""
        ...

    def height(self) -> float:
        """Return the height in points."""
        ...

    def least(self) -> float:
        """Return the height of the smallest part that may stand at the foot of a page."""
        ...

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Return the part that fits into ``room`` and the rest, or None when nothing fits."""
        ...

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw with the upper left corner at ``left``, ``top``."""
        ...


def wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """Break drawable text into lines no wider than ``width``; a word that is too long is broken where the line ends."""
    lines: list[str] = []
    space = width_of(" ", font, size)
    for paragraph in text.split("\n"):
        line: list[str] = []
        used = 0.0
        for word in paragraph.split(" "):
            pieces = pieces_of(word)
            for index, piece in enumerate(pieces):
                gap = space if line and index == 0 else 0.0
                wide = width_of(piece, font, size)
                if used + gap + wide <= width:
                    line.append((" " if gap else "") + piece)
                    used += gap + wide
                    continue
                if line and (index == 0 or wide <= width):
                    lines.append("".join(line))
                    line, used = [], 0.0
                for part in _parts(piece, font, size, width - used, width):
                    if used + width_of(part, font, size) > width and line:
                        lines.append("".join(line))
                        line, used = [], 0.0
                    line.append(part)
                    used += width_of(part, font, size)
        lines.append("".join(line))
    return lines


CHUNKS = re.compile(r"[^_/.:@=-]+[_/.:@=-]*|[_/.:@=-]+")
SHORT_WORD = 12


def chunks_of(word: str) -> list[str]:
    """Return the parts between which a long name may be broken: after a separator; short words and numbers are whole."""
    if len(word) <= SHORT_WORD or not any(character.isalpha() for character in word):
        return [word]
    return CHUNKS.findall(word)


def _parts(piece: str, font: str, size: float, first: float, width: float) -> list[str]:
    """Break a piece of a word into parts of at most ``first`` and then ``width`` points, one character at least.

    A break comes after a separator of a name where there is one, else between any two characters.
    """
    if width_of(piece, font, size) <= width:
        return [piece]
    parts, part, used, room = [], "", 0.0, first
    for chunk in chunks_of(piece):
        whole = width_of(chunk, font, size)
        if part and used + whole > room and whole <= width:
            parts.append(part)
            part, used, room = "", 0.0, width
        for character in chunk if used + whole > room else (chunk,):
            wide = width_of(character, font, size)
            if part and used + wide > room:
                parts.append(part)
                part, used, room = "", 0.0, width
            part += character
            used += wide
    return [*parts, part] if part else parts


@dataclass(frozen=True)
class TextBox:
    """Lines of text, with an optional wash behind and bar beside them."""

    lines: tuple[str, ...]
    style: Style
    width: float
    keep: bool = False
    pad: float = 0.0
    mark: Callable[[Canvas, float], None] | None = None

    @property
    def before(self) -> float:
        """The space above."""
        return self.style.before

    @property
    def after(self) -> float:
        """The space below."""
        return self.style.after

    def height(self) -> float:
        """Return the height of all lines with the padding."""
        return len(self.lines) * self.style.leading + 2 * self.pad

    def least(self) -> float:
        """Return the height of two lines."""
        return min(len(self.lines), 2) * self.style.leading + 2 * self.pad

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between lines, leaving no single line behind or ahead where that can be helped."""
        fit = int((room - 2 * self.pad) / self.style.leading)
        if len(self.lines) - fit == 1 and fit > 2:
            fit -= 1
        if fit < 2 or fit >= len(self.lines):
            return None
        rest = replace(self, lines=self.lines[fit:], mark=None, style=replace(self.style, before=0.0))
        return replace(self, lines=self.lines[:fit]), rest

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw the wash, the bar and the lines."""
        style = self.style
        if self.mark:
            self.mark(canvas, top)
        for colour, wide in ((style.fill, self.width), (style.bar, 3)):
            if colour is not None:
                with artifact(canvas):
                    canvas.setFillColor(colour)
                    canvas.rect(left, top - self.height(), wide, self.height(), stroke=0, fill=1)
        writing = Writing(canvas)
        writing.begin(canvas.tags.element(style.tag))
        y = top - self.pad - style.leading + (style.leading - style.size) / 2 + style.size * 0.2
        for line in self.lines:
            x = left + style.indent
            if style.align == "right":
                x = left + self.width - width_of(line, style.font, style.size)
            writing.line(line, x, y, font=style.font, size=style.size, colour=style.colour)
            y -= style.leading
        writing.close()
        writing.end()


def text_box(text: str, style: Style, width: float, *, keep: bool = False, pad: float = 0.0, **more: Any) -> TextBox:
    """Wrap drawable ``text`` to ``width`` and return it as a box."""
    inner = width - style.indent - (8.0 if style.fill is not None else 0.0)
    return TextBox(tuple(wrap(text, style.font, style.size, inner)), style, width, keep=keep, pad=pad, **more)


@dataclass(frozen=True)
class DrawingBox:
    """A chart; never split."""

    drawing: Drawing
    before: float = 2.0
    after: float = 6.0
    keep: bool = True

    def height(self) -> float:
        """Return the height of the drawing."""
        return float(self.drawing.height)

    def least(self) -> float:
        """Return the whole height."""
        return self.height()

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Refuse: half a chart says nothing."""
        return None

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw the chart."""
        self.drawing.put(canvas, left, top - self.height())


@dataclass(frozen=True)
class Rule:
    """A horizontal line over the whole width."""

    width: float
    colour: Color = HAIR
    weight: float = 0.7
    before: float = 0.0
    after: float = 8.0
    keep: bool = True

    def height(self) -> float:
        """Return the thickness of the line."""
        return self.weight

    def least(self) -> float:
        """Return the thickness of the line."""
        return self.weight

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Refuse: a line is not split."""
        return None

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw the line."""
        with artifact(canvas):
            canvas.setStrokeColor(self.colour)
            canvas.setLineWidth(self.weight)
            canvas.line(left, top, left + self.width, top)


Placed = tuple[Box, float]


def paginate(boxes: Sequence[Box | None], room: float) -> list[list[Placed]]:
    """Place boxes on pages of ``room`` points; None begins a new page.

    Returns, for each page, its boxes with the distance of their upper edge from the top of the text area. A box that
    keeps with the next is moved to the next page together with it.
    """
    pages: list[list[Placed]] = [[]]
    used = 0.0
    queue: list[Box | None] = list(reversed(boxes))
    while queue:
        box = queue.pop()
        if box is None:
            if pages[-1]:
                pages.append([])
            used = 0.0
            continue
        start = used + (box.before if pages[-1] else 0.0)
        if pages[-1] and start + _needed(box, queue) > room:
            pages.append([])
            start = 0.0
        height = box.height()
        if start + height <= room:
            pages[-1].append((box, start))
            used = start + height + box.after
            continue
        parts = box.split(room - start)
        if parts is None and pages[-1]:
            pages.append([])
            queue.append(box)
            used = 0.0
            continue
        if parts is None:
            raise ValueError("A box is higher than a page and cannot be split.")
        pages[-1].append((parts[0], start))
        queue.append(parts[1])
        pages.append([])
        used = 0.0
    return pages if pages[-1] else pages[:-1]


def _needed(box: Box, queue: Sequence[Box | None]) -> float:
    """Return the height that ``box`` needs now: its own start, and that of what it must stand with."""
    total, index, current = 0.0, len(queue) - 1, box
    while current.keep and index >= 0:
        following = queue[index]
        if following is None:
            break
        total += current.height() + max(current.after, 0.0) + following.before
        current, index = following, index - 1
    return total + current.least()
