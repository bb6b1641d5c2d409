"""How does the content become pages? Each block as boxes in one sober style, with cover, contents and numbering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from audits.dossier.boxes import Box, DrawingBox, Rule, Style, paginate, text_box
from audits.dossier.charts import draw
from audits.dossier.content import (
    Column,
    Document,
    Figure,
    KeyValues,
    Notice,
    Paragraph,
    Section,
    Subheading,
    Table,
    Verdict,
)
from audits.dossier.contents_page import ContentsBox
from audits.dossier.fonts import BOLD, MONO, register_fonts
from audits.dossier.grid import grid_box
from audits.dossier.palette import BRAND, CAUTION, INK, MUTED, RULE, TONES, WASH
from audits.dossier.pen import Canvas
from audits.dossier.text import PlainText

PAGE_WIDTH, PAGE_HEIGHT = 595.28, 841.89
LEFT, RIGHT, TOP, BOTTOM = 56.0, 56.0, 78.0, 62.0
WIDTH = PAGE_WIDTH - LEFT - RIGHT
ROOM = PAGE_HEIGHT - TOP - BOTTOM
COVER_ROOM = ROOM
OWN_PAGE = frozenset({1, 2})
MOST_ROWS = 20_000
HIGHEST_NOTES = 120.0

BODY = Style()
ROLES = {
    "body": BODY,
    "lead": Style(size=10.4, leading=16.0, after=9),
    "small": Style(size=7.4, leading=10.6, colour=MUTED, after=6),
    "quote": Style(size=8.8, leading=13.2, indent=12, bar=RULE, after=8),
}
HEADING = Style(tag="H2", font=BOLD, size=15, leading=21, colour=BRAND, before=22, after=3)
SUBHEADING = Style(tag="H3", font=BOLD, size=9.8, leading=14, colour=INK, before=9, after=3)
CAPTION = Style(tag="Caption", font=BOLD, size=7.8, leading=11, colour=BRAND, before=6, after=3)
NOTE = Style(size=6.8, leading=9.6, colour=MUTED, after=2)
EYEBROW = Style(font=BOLD, size=8, leading=12, colour=MUTED, before=72, after=10)
TITLE = Style(tag="H1", font=BOLD, size=25, leading=31, colour=BRAND, after=4)
SUBTITLE = Style(size=12.5, leading=18, colour=MUTED, after=16)


@dataclass
class Bookmark:
    """A place in the file: its key, the title in the outline and its level."""

    key: str
    title: str
    level: int


@dataclass
class Layout:
    """The boxes of a document in order, and the marks needed to number and to link them."""

    document: Document
    plain: PlainText
    boxes: list[Box | None] = field(default_factory=list)
    bookmarks: list[Bookmark] = field(default_factory=list)
    contents: ContentsBox | None = None
    figures: int = 0
    tables: int = 0

    def pages(self) -> list[list[tuple[Box, float]]]:
        """Lay the whole document out and return its pages."""
        cover = [section for section in self.document.sections if section.number == 0]
        others = [section for section in self.document.sections if section.number != 0]
        self.boxes.extend(self._cover(cover))
        if others:
            self.boxes.append(None)
            self.contents = ContentsBox.of(self.document, others, self.plain, WIDTH)
            self.boxes.extend([*self.contents.heading(), self.contents, None])
        for before, section in zip([None, *others], others, strict=False):
            if section.number in OWN_PAGE:
                self.boxes.append(None)
            if before is None or before.number != section.number:  # two sections may share a number, not a table's
                self.figures = self.tables = 0
            self._section(section)
        return paginate(self.boxes, ROOM)

    def _line(self, text: object) -> str:
        return self.plain(text, one_line=True)

    def _cover(self, sections: list[Section]) -> Iterator[Box]:
        document = self.document
        names = [self._line(section.title) for section in sections]
        yield text_box("Cadastre" + "".join(f"  ·  {name}" for name in names), EYEBROW, WIDTH)
        yield text_box(self._line(document.title), TITLE, WIDTH)
        yield text_box(self._line(document.subtitle), SUBTITLE, WIDTH)
        yield Rule(WIDTH, BRAND, 1.2, after=16, keep=False)
        for section in sections:
            for block in section.blocks:
                yield from self._block(block, section)
        label = self._line(document.frame.content_digest)
        yield text_box(label, replace(NOTE, before=16, after=1), WIDTH, keep=True)
        yield text_box(f"sha256:{document.digest()}", replace(NOTE, font=MONO, colour=INK), WIDTH)

    def _section(self, section: Section) -> None:
        title = self._line(section.title)
        key = f"section-{section.slug}"
        style = HEADING if not section.is_empty else replace(HEADING, size=11.5, leading=16, colour=MUTED, before=14)
        self._heading(f"{section.number}   {title}", style, Bookmark(key, f"{section.number} {title}", 0))
        if not section.is_empty:
            self.boxes.append(Rule(WIDTH, RULE, 0.8, after=9))
        for index, block in enumerate(section.blocks):
            if isinstance(block, Subheading):
                text = self._line(block.text)
                self._heading(text, SUBHEADING, Bookmark(f"{key}-{index}", text, 1))
                continue
            following = section.blocks[index + 1] if index + 1 < len(section.blocks) else None
            if isinstance(block, Paragraph) and block.role == "small" and isinstance(following, Figure | Table):
                # what introduces a figure or a table stands on its page, with the heading above it
                self.boxes.append(text_box(self.plain(block.text), ROLES[block.role], WIDTH, keep=True))
                continue
            self.boxes.extend(self._block(block, section))

    def _heading(self, text: str, style: Style, bookmark: Bookmark) -> None:
        self.bookmarks.append(bookmark)

        def mark(canvas: Canvas, top: float) -> None:
            canvas.bookmarkHorizontalAbsolute(bookmark.key, top + 6)
            canvas.addOutlineEntry(bookmark.title[:200], bookmark.key, level=bookmark.level, closed=1)
            if self.contents is not None:
                self.contents.found(bookmark.key, canvas.getPageNumber())

        self.boxes.append(text_box(text, style, WIDTH, keep=True, mark=mark))

    def _block(self, block: object, section: Section) -> Iterator[Box]:
        match block:
            case Paragraph():
                yield text_box(self.plain(block.text), ROLES[block.role], WIDTH)
            case KeyValues():
                yield from self._key_values(block)
            case Table():
                yield from self._table(block, section)
            case Figure():
                self.figures += 1
                name = f"{self.document.frame.figure} {section.number}.{self.figures}"
                yield text_box(f"{name}  {self._line(block.caption)}", CAPTION, WIDTH, keep=True)
                drawing = draw(block.chart, WIDTH, self._line)
                drawing.alt = self._line(block.caption) + self._line(self.document.frame.numbers_follow)
                yield DrawingBox(drawing)
                yield from self._table(block.table, section)
            case Notice():
                yield from self._notice(block)
            case Verdict():
                yield from self._verdict(block)
            case _:
                raise TypeError(f"There is no layout for {type(block).__name__}.")

    def _key_values(self, block: KeyValues) -> Iterator[Box]:
        if block.caption:
            yield text_box(self._line(block.caption), CAPTION, WIDTH, keep=True)
        rows = [(self._line(item.key), self.plain(item.value)) for item in block.items]
        digests = frozenset(index for index, item in enumerate(block.items) if item.kind == "digest")
        columns = (Column("", weight=1), Column("", weight=2.7))
        yield grid_box(columns, rows, WIDTH, header=False, keys=True, digests=digests, after=10)

    def _table(self, block: Table, section: Section) -> Iterator[Box]:
        frame = self.document.frame
        self.tables += 1
        caption = f"{frame.table} {section.number}.{self.tables}  {self._line(block.caption)}"
        yield text_box(caption, CAPTION, WIDTH, keep=True)
        kept = block.rows[:MOST_ROWS]
        rows = [tuple(self.plain(cell) for cell in row) for row in kept]
        columns = tuple(replace(column, title=self._line(column.title)) for column in block.columns)
        notes = [self.plain(block.note)] if block.note else []
        if len(block.rows) > len(kept):
            left_out = len(block.rows) - len(kept)
            notes.append(f"[cut here: {left_out:,} of {len(block.rows):,} rows are not printed]")
        if block.evidence:
            notes.append(f"{frame.evidence}: " + self._line(", ".join(block.evidence)))
        boxes = tuple(text_box(note, NOTE, WIDTH) for note in notes)
        short = sum(box.height() for box in boxes) <= HIGHEST_NOTES
        yield grid_box(columns, rows, WIDTH, notes=boxes if short else (), after=9)
        yield from () if short else boxes

    def _notice(self, block: Notice) -> Iterator[Box]:
        bar = {"missing": MUTED, "warning": CAUTION, "remark": BRAND}[block.kind]
        style = Style(size=8.4, leading=12.4, indent=12, fill=WASH, bar=bar, after=8)
        text = self.plain(block.text)
        if block.required_by:
            text = f"{text} {self.document.frame.required_by} {self.plain(block.required_by)}."
        yield text_box(text, style, WIDTH, pad=4)

    def _verdict(self, block: Verdict) -> Iterator[Box]:
        tone = TONES[block.tone]
        base = Style(indent=16, fill=WASH, bar=tone, after=0)
        answer = replace(base, font=BOLD, size=21, leading=28, colour=tone)
        yield text_box(self._line(block.answer), answer, WIDTH, pad=8, keep=True)
        statement = replace(base, size=9.4, leading=14.2, after=10)
        yield text_box(self.plain(block.statement), statement, WIDTH, pad=5)
        if block.items:
            yield from self._key_values(KeyValues(block.items))
        for index, reason in enumerate(block.reasons, start=1):
            yield text_box(f"{index}.  {self.plain(reason)}", replace(BODY, indent=10, after=3), WIDTH)


def lay_out(document: Document) -> Layout:
    """Return the layout of ``document``; `Layout.pages` places it."""
    return Layout(document, PlainText(register_fonts()))
