"""How does a table of any length stand on pages? Rows under a header that is repeated, each cell wrapped once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reportlab.lib.colors import Color

from audits.dossier.boxes import Box, TextBox, chunks_of, wrap
from audits.dossier.content import Column
from audits.dossier.fonts import BOLD, MONO, SANS, width_of
from audits.dossier.palette import BRAND, HAIR, INK, MUTED, RULE, WASH, tone_of
from audits.dossier.pen import Canvas, Writing, num, rgb
from audits.dossier.tags import ARTIFACT, END, Element, artifact

SIZE = 7.6
LEADING = 10.4
MONO_SIZE = 6.9
PAD = 3.6
SIDE = 5.0
NOTE_GAP = 2.0
FIRST_ROWS = 3
SAMPLED_ROWS = 300
LONGEST_KEPT = 24

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """The wrapped lines of each cell; ``digest`` sets the last cell in the fixed-width face."""

    cells: tuple[Lines, ...]
    digest: bool = False

    def count(self) -> int:
        """Return the number of lines of the longest cell."""
        return max(len(cell) for cell in self.cells)

    def height(self) -> float:
        """Return the height with padding."""
        return self.count() * LEADING + 2 * PAD


@dataclass(frozen=True)
class GridBox:
    """Rows from ``start`` to ``stop`` of a table; the rest of a split shares the same rows."""

    columns: tuple[Column, ...]
    widths: tuple[float, ...]
    rows: Sequence[Row]
    header: Row | None
    heights: Sequence[float]
    start: int = 0
    first: Row | None = None
    stop: int = -1
    before: float = 0.0
    after: float = 4.0
    keep: bool = False
    keys: bool = False
    notes: tuple[TextBox, ...] = ()

    def _end(self) -> int:
        return len(self.rows) if self.stop < 0 else self.stop

    def _top(self) -> float:
        return self.header.height() if self.header else 0.0

    def _foot(self) -> float:
        """Return the height of the notes, which stand under the last row only."""
        if not self.notes or self._end() < len(self.rows):
            return 0.0
        return NOTE_GAP + sum(note.height() for note in self.notes)

    def _row(self, index: int) -> Row:
        if index == self.start and self.first is not None:
            return self.first
        return self.rows[index]

    def height(self) -> float:
        """Return the height of header and rows, by cumulative sums."""
        end = self._end()
        total = self._top() + self.heights[end] - self.heights[self.start] + self._foot()
        if self.first is not None:
            total += self.first.height() - self.rows[self.start].height()
        return total

    def least(self) -> float:
        """Return the height of the header and three rows, or of the header and what little may begin a high row."""
        rows = range(self.start, min(self.start + FIRST_ROWS, self._end()))
        return self._top() + min(sum(self._row(index).height() for index in rows), 6 * LEADING + 6 * PAD)

    def split(self, room: float) -> tuple[Box, Box] | None:
        """Split between rows; a row higher than what is left of a page is split between lines if it begins the page."""
        index, used = self.start, self._top()
        while index < self._end() and used + self._row(index).height() <= room:
            used += self._row(index).height()
            index += 1
        if index == self._end():
            index -= 1  # all rows fit but not the notes: the last row goes on with them
            used -= self._row(index).height()
        if index > self.start:
            return replace(self, stop=index), replace(self, start=index, first=None, before=0.0)
        row = self._row(index)
        lines = min(int((room - used - 2 * PAD) / LEADING), row.count() - 1)
        if lines < min(FIRST_ROWS, row.count() - 1) or lines < 1:
            return None
        head = replace(row, cells=tuple(cell[:lines] for cell in row.cells))
        tail = replace(row, cells=tuple(cell[lines:] for cell in row.cells))
        part = replace(self, stop=index + 1, first=head, notes=())
        return part, replace(self, start=index, first=tail, before=0.0)

    def draw(self, canvas: Canvas, left: float, top: float) -> None:
        """Draw rules, header and rows."""
        wide = sum(self.widths)
        writing = Writing(canvas)
        y = top
        table = canvas.tags.table(self.rows)
        if self.header is not None:
            with artifact(canvas):
                canvas.setFillColor(WASH)
                canvas.rect(left, y - self._top(), wide, self._top(), stroke=0, fill=1)
            self._rule(canvas, left, y, wide, colour=BRAND, weight=1.0)
            self._write_row(writing, self.header, left, y, canvas.tags.element("TR", table), header=True)
            y -= self._top()
            self._rule(canvas, left, y, wide, colour=RULE, weight=0.7)
        else:
            self._rule(canvas, left, y, wide, colour=RULE, weight=0.7)
        for index in range(self.start, self._end()):
            row = self._row(index)
            self._write_row(writing, row, left, y, canvas.tags.element("TR", table), header=False)
            y -= row.height()
            last = index == self._end() - 1
            self._rule(canvas, left, y, wide, colour=RULE if last else HAIR, weight=0.7 if last else 0.5)
        writing.end()
        if self._foot():
            y -= NOTE_GAP
            for note in self.notes:
                note.draw(canvas, left, y)
                y -= note.height()

    @staticmethod
    def _rule(canvas: Canvas, left: float, y: float, wide: float, *, colour: Color, weight: float) -> None:
        across = f"{num(left)} {num(y)} m {num(left + wide)} {num(y)} l S"
        canvas.addLiteral(f"{ARTIFACT} {rgb(colour)} RG {num(weight)} w {across} {END}")

    def _write_row(
        self, writing: Writing, row: Row, left: float, top: float, line_of: Element, *, header: bool
    ) -> None:
        x = left
        for position, (column, cell) in enumerate(zip(self.columns, row.cells, strict=True)):
            font, size = face_of(column, header=header, key=self.keys and position == 0)
            if row.digest and position == len(row.cells) - 1:
                font, size = MONO, MONO_SIZE
            colour = INK
            if header or (self.keys and position == 0):
                colour = BRAND if header else MUTED
            elif column.kind == "status" and cell:
                colour = tone_of(cell[0])
            y = top - PAD - LEADING + (LEADING - SIZE) / 2 + SIZE * 0.2
            wide = self.widths[position]
            names = header or (self.keys and position == 0)
            scope = ("Column" if header else "Row") if names else ""
            writing.begin(line_of.child("TH" if names else "TD", scope=scope))
            for line in cell:
                start = x + SIDE
                if column.align != "left":
                    free = wide - 2 * SIDE - width_of(line, font, size)
                    start += free if column.align == "right" else free / 2
                writing.line(line, start, y, font=font, size=size, colour=colour)
                y -= LEADING
            writing.close()
            x += wide


def face_of(column: Column, *, header: bool = False, key: bool = False) -> tuple[str, float]:
    """Return font and size of a cell."""
    if header:
        return BOLD, SIZE - 0.4
    if key:
        return SANS, SIZE
    if column.kind == "digest":
        return MONO, MONO_SIZE
    return (BOLD, SIZE - 0.3) if column.kind == "status" else (SANS, SIZE)


def grid_box(
    columns: tuple[Column, ...],
    rows: Sequence[tuple[str, ...]],
    width: float,
    *,
    header: bool = True,
    keys: bool = False,
    digests: frozenset[int] = frozenset(),
    notes: tuple[TextBox, ...] = (),
    after: float = 4.0,
) -> GridBox:
    """Wrap every cell (drawable text) once and return the table as a box.

    ``keys`` sets the first column as labels; in the rows numbered in ``digests`` the last cell is a digest.
    """
    widths = widths_of(columns, rows, width)
    faces = [face_of(column, key=keys and position == 0) for position, column in enumerate(columns)]

    def row_of(cells: tuple[str, ...], *, head: bool = False, digest: bool = False) -> Row:
        wrapped = []
        for position, cell in enumerate(cells):
            font, size = face_of(columns[position], header=True) if head else faces[position]
            if digest and position == len(cells) - 1:
                font, size = MONO, MONO_SIZE
            wrapped.append(tuple(wrap(cell, font, size, widths[position] - 2 * SIDE)))
        return Row(tuple(wrapped), digest)

    built = [row_of(cells, digest=index in digests) for index, cells in enumerate(rows)]
    heights = [0.0]
    for row in built:
        heights.append(heights[-1] + row.height())
    top = row_of(tuple(column.title for column in columns), head=True) if header else None
    return GridBox(columns, widths, built, top, heights, after=after, keys=keys, notes=notes)


def widths_of(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]], width: float) -> tuple[float, ...]:
    """Share ``width`` by weight, but give each column room for its longest word, taken from those with room to spare.

    Words of more than 24 characters (digests) are broken anyway and ask for nothing; the first 300 rows are looked at.
    """
    whole = sum(column.weight for column in columns)
    wanted = [width * column.weight / whole for column in columns]
    least = []
    for position, column in enumerate(columns):
        font, size = face_of(column, header=True)
        needed = max((width_of(word, font, size) for word in words_of(column.title)), default=0.0)
        font, size = face_of(column)
        words = {word for row in rows[:SAMPLED_ROWS] for word in words_of(row[position])}
        needed = max([needed, *(width_of(word, font, size) for word in words)])
        least.append(needed + 2 * SIDE + 0.5)
    if sum(least) >= width:
        return tuple(width * one / sum(least) for one in least)
    short = sum(max(0.0, low - have) for low, have in zip(least, wanted, strict=True))
    spare = sum(max(0.0, have - low) for low, have in zip(least, wanted, strict=True))
    return tuple(
        low if have < low else have - (have - low) * (short / spare if spare else 0.0)
        for low, have in zip(least, wanted, strict=True)
    )


def words_of(text: str) -> list[str]:
    """Return the parts of a text that should stay whole on a line."""
    words = text[:400].replace("\n", " ").split(" ")
    return [part for word in words for part in chunks_of(word) if len(part) <= LONGEST_KEPT]
