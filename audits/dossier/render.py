"""What are the bytes of a dossier? Pure: the same content gives the same bytes, dated with its as-of instant."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reportlab import rl_config
from reportlab.lib.utils import TimeStamp
from reportlab.pdfbase.pdfdoc import PDFDate
from reportlab.pdfgen.canvas import Canvas

from audits.dossier.attachment import FACTS_NAME, VERSION_WITH_ASSOCIATED_FILES, attach
from audits.dossier.charts.plot import fit
from audits.dossier.content import Document
from audits.dossier.fonts import BOLD, SANS, width_of
from audits.dossier.layout import LEFT, PAGE_HEIGHT, PAGE_WIDTH, TOP, WIDTH, lay_out
from audits.dossier.palette import BRAND, HAIR, MUTED, RULE, WATERMARK
from audits.dossier.printed_digits import PRINTED_DIGITS
from audits.dossier.seal import SEAL_SIZE, draw_seal, place_seal
from audits.dossier.tags import PAGINATION, Tags, artifact
from audits.dossier.text import PlainText

rl_config.useA85 = 0  # streams as bytes: the text form of them is a quarter longer and costs more than compressing does

PRODUCER = "Cadastre"
SMALL = 6.8
SEAL_BOTTOM = 5.0


def render(document: Document, facts: bytes | None = None) -> bytes:
    """Return the PDF of ``document``, with ``facts``, the JSON that it was composed from, embedded as a file.

    A function of its content alone: the date in the file is ``document.as_of``, no clock, no environment and no random
    number has a part in it. It holds no script, no action and no link that leaves the file, and every font is embedded.
    Raises ValueError when ``as_of`` is not an ISO 8601 instant with a zone.
    """
    layout = lay_out(document)
    pages = layout.pages()
    digest = document.digest()
    stream = io.BytesIO()
    canvas = _canvas(stream, document, digest, layout.plain)
    if facts is not None:
        modified = PDFDate(ts=canvas._doc._timeStamp)
        attach(canvas, facts, name=FACTS_NAME, description="The facts that this document prints", modified=modified)
    words = _words(document, layout.plain, digest)
    address = f"{document.verification}{digest[:PRINTED_DIGITS]}" if document.verification else ""
    seal = draw_seal(canvas, address) if address else None
    contents = layout.contents
    if contents is not None:
        contents.pages.update(_pages_of_sections(pages, layout.bookmarks))
    for index, page in enumerate(pages, start=1):
        with artifact(canvas, PAGINATION):
            _frame(canvas, words, index, len(pages))
            if seal is not None:
                place_seal(canvas, seal, LEFT + WIDTH - SEAL_SIZE, SEAL_BOTTOM)
        for box, offset in page:
            box.draw(canvas, LEFT, PAGE_HEIGHT - TOP - offset)
        canvas.showPage()
        canvas.tags.end_page(canvas)
    canvas.tags.finish(canvas)
    canvas.save()
    return stream.getvalue()


def _pages_of_sections(pages: list[Any], bookmarks: list[Any]) -> dict[str, int]:
    """Return the page of each bookmark: headings are the boxes with a mark, in the order of the bookmarks."""
    marked = (
        number for number, page in enumerate(pages, start=1) for box, _offset in page if getattr(box, "mark", None)
    )
    return {bookmark.key: number for bookmark, number in zip(bookmarks, marked, strict=True)}


def _canvas(stream: io.BytesIO, document: Document, digest: str, plain: PlainText) -> Canvas:
    canvas = Canvas(
        stream,
        pagesize=(PAGE_WIDTH, PAGE_HEIGHT),
        pageCompression=1,
        invariant=1,
        pdfVersion=VERSION_WITH_ASSOCIATED_FILES,
        initialFontName=SANS,
        initialFontSize=8,
        lang=document.language,
    )
    # reportlab's invariant mode stamps 2000-01-01; an audit document needs its true date (private name: tested).
    canvas.tags = Tags()
    canvas._doc._timeStamp = _stamp(document.as_of)
    signature = hashlib.md5(usedforsecurity=False)
    signature.update(digest.encode("ascii"))
    canvas._doc.signature = signature
    canvas._doc.info.producer = PRODUCER
    canvas.setTitle(plain(document.title, one_line=True))
    canvas.setAuthor(PRODUCER)
    canvas.setSubject(plain(document.subtitle, one_line=True))
    canvas.setCreator(PRODUCER)
    canvas.setKeywords(f"sha256:{digest}")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    canvas.showOutline()
    return canvas


def _stamp(as_of: str) -> TimeStamp:
    """Return reportlab's time stamp for the instant, in UTC."""
    instant = datetime.fromisoformat(as_of)
    if instant.tzinfo is None:
        raise ValueError("The as-of instant of a dossier has a time zone.")
    instant = instant.astimezone(UTC)
    stamp = TimeStamp(invariant=1)
    stamp.t = instant.timestamp()
    stamp.lt = instant.timetuple()
    stamp.YMDhms = tuple(stamp.lt)[:6]
    stamp.dhh = stamp.dmm = 0
    stamp.tzname = "UTC"
    return stamp


@dataclass(frozen=True)
class _Words:
    """What stands on every page, cut once for the whole document."""

    left: str
    right: str
    footer: str
    marking: str
    page_of: str


def _words(document: Document, plain: PlainText, digest: str) -> _Words:
    frame = document.frame
    right = f"{frame.short_digest} {digest[:PRINTED_DIGITS]}"
    if document.checkpoint_size is not None:
        right += f"  ·  {frame.checkpoint} {document.checkpoint_size:,}"
    footer = frame.footer
    if document.verification:
        footer += f"  ·  {document.verification}{digest[:PRINTED_DIGITS]}"
    left_room = WIDTH - width_of(right, SANS, SMALL) - 16
    return _Words(
        left=fit(plain(frame.left, one_line=True), BOLD, SMALL, left_room),
        right=right,
        footer=fit(plain(footer, one_line=True), SANS, SMALL, WIDTH - 110 - SEAL_SIZE),
        marking=plain(document.marking[:40], one_line=True),
        page_of=fit(plain(frame.page_of, one_line=True), SANS, SMALL, 100),
    )


def _frame(canvas: Canvas, words: _Words, page: int, pages: int) -> None:
    """Draw what stands on every page: the marking, the head line (not on the cover) and the foot line."""
    right, head = LEFT + WIDTH, PAGE_HEIGHT - 46
    if words.marking:
        _marking(canvas, words.marking)
    if page == 1:
        canvas.setFillColor(BRAND)
        canvas.rect(0, PAGE_HEIGHT - 14, PAGE_WIDTH, 14, stroke=0, fill=1)
    else:
        canvas.setFont(BOLD, SMALL)
        canvas.setFillColor(BRAND)
        canvas.drawString(LEFT, head, words.left)
        canvas.setFont(SANS, SMALL)
        canvas.setFillColor(MUTED)
        canvas.drawRightString(right, head, words.right)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.6)
        canvas.line(LEFT, head - 7, right, head - 7)
    canvas.setStrokeColor(HAIR)
    canvas.setLineWidth(0.6)
    canvas.line(LEFT, 44, right, 44)
    canvas.setFont(SANS, SMALL)
    canvas.setFillColor(MUTED)
    canvas.drawString(LEFT, 32, words.footer)
    number = words.page_of.replace("{page}", f"{page:,}").replace("{pages}", f"{pages:,}")
    canvas.drawRightString(right - SEAL_SIZE - 6, 32, number)


def _marking(canvas: Canvas, text: str) -> None:
    """Draw the marking, light and large, across the page and behind everything else."""
    size = min(96.0, 560.0 / max(width_of(text, BOLD, 1.0), 1.0))
    canvas.saveState()
    canvas.translate(PAGE_WIDTH / 2, PAGE_HEIGHT / 2)
    canvas.rotate(52)
    canvas.setFont(BOLD, size)
    canvas.setFillColor(WATERMARK)
    canvas.drawCentredString(0, -size / 3, text)
    canvas.restoreState()
