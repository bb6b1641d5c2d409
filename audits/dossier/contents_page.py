"""What is where? The table of contents: its size is known before the pages are, its numbers are written after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from audits.dossier.boxes import Box, Rule, Style, text_box
from audits.dossier.charts.plot import fit
from audits.dossier.content import Document, Section
from audits.dossier.fonts import BOLD, SANS, width_of
from audits.dossier.palette import BRAND, INK, MUTED, RULE
from audits.dossier.pen import Canvas
from audits.dossier.tags import END, artifact
from audits.dossier.text import PlainText

LINE = 18.6
SIZE = 8.8
NUMBER = 28.0


@dataclass(frozen=True)
class Entry:
    """One line of the contents."""

    key: str
    number: int
    title: str
    empty: bool


@dataclass
class ContentsBox:
    """The lines of the contents, each linked to its section inside the file."""

    entries: Sequence[Entry]
    width: float
    title: str
    nothing: str
    pages: dict[str, int] = field(default_factory=dict)
    before: float = 0.0
    after: float = 0.0
    keep: bool = False

    @classmethod
    def of(cls, document: Document, sections: Sequence[Section], plain: PlainText, width: float) -> ContentsBox:
        """Return the contents of ``sections``."""
        entries = [
            Entry(f"section-{one.slug}", one.number, plain(one.title, one_line=True), one.is_empty) for one in sections
        ]
        return cls(entries, width, document.frame.contents, document.frame.nothing)

    def heading(self) -> Iterator[Box]:
        """Yield the heading above the contents."""
        yield text_box(self.title, Style(font=BOLD, size=15, leading=21, colour=BRAND, after=3), self.width, keep=True)
        yield Rule(self.width, RULE, 0.8, after=10)

    def found(self, key: str, page: int) -> None:
        """Note on which page a section begins."""
        self.pages[key] = page

    def height(self) -> float:
        """Return the height of all lines."""
        return LINE * len(self.entries)

    def least(self) -> float:
        """Return the height of one line."""
        return LINE

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between lines; both parts share the page numbers."""
        fit_lines = int(room / LINE)
        if fit_lines < 1 or fit_lines >= len(self.entries):
            return None
        return replace(self, entries=self.entries[:fit_lines]), replace(self, entries=self.entries[fit_lines:])

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw number, title, a dotted leader and the page, and make the line a link inside the file."""
        contents = canvas.tags.element("TOC")
        for index, entry in enumerate(self.entries):
            base = top - index * LINE - 12
            colour = MUTED if entry.empty else INK
            page = str(self.pages.get(entry.key, ""))
            title = fit(entry.title, SANS, SIZE, self.width - NUMBER - 60)
            canvas.addLiteral(canvas.tags.begin(canvas.tags.element("TOCI", contents)))
            canvas.setFillColor(MUTED)
            canvas.setFont(SANS, SIZE)
            canvas.drawString(left, base, str(entry.number))
            canvas.setFillColor(colour)
            canvas.drawString(left + NUMBER, base, title)
            canvas.drawRightString(left + self.width, base, page)
            start = left + NUMBER + width_of(title, SANS, SIZE) + 6
            if entry.empty:
                canvas.setFillColor(MUTED)
                canvas.setFont(SANS, 6.8)
                canvas.drawString(start, base, self.nothing)
                start += width_of(self.nothing, SANS, 6.8) + 6
            canvas.addLiteral(END)
            with artifact(canvas):
                canvas.setStrokeColor(RULE)
                canvas.setLineWidth(0.7)
                canvas.setDash([0.7, 2.6])
                canvas.line(start, base + 1.4, left + self.width - width_of(page, SANS, SIZE) - 6, base + 1.4)
                canvas.setDash([])
            canvas.linkRect("", entry.key, (left, base - 4, left + self.width, base + 11), relative=0, Border="[0 0 0]")
