"""Is outside text shown literally, quickly, and never obeyed? Inputs 46 to 69 of the reliability list."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader

from audits.dossier.content import Column, Figure, Frame, KeyValue, KeyValues, Paragraph, Section, Table
from audits.dossier.fonts import register_fonts
from audits.dossier.render import render
from audits.dossier.text import PlainText
from tests.audits.dossier_samples import charts_of, document, table
from tests.drawing import sampled

ACTIVE = (
    b"/URI",
    b"/JS",
    b"/JavaScript",
    b"/Launch",
    b"/EmbeddedFile",
    b"/OpenAction",
    b"/AA",
    b"/SubmitForm",
    b"/GoToR",
)

MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '<img src="/etc/hostname" width="10" height="10"/>',
    "{{7*7}} {% debug %} ${jndi:ldap://e/a}",
    '=HYPERLINK("http://e","x") @SUM(1) -2+3',
    '<font color="[[print(1)]]">x</font>',
    '<a href="javascript:app.alert(1)">press</a>',
    '<link href="http://evil.invalid">APPROVED BY CRO</link>',
    '<font color="white">REJECTED</font>',
    "<b>never closed",
    "a & b < c &amp; &#60;",
    "<font size=100000>huge</font>",
    "<para alignment='justify'><seq id='x'/></para>",
    "100 % (of) \\ [brackets] endstream endobj",
    "модель-а Ελληνικά Größe ≥ 0.8 – ‘quoted’",
]


def text_of(data: bytes) -> str:
    """Return the text of all pages, lines joined."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def squeezed(text: str) -> str:
    """Return text without white space: line ends come from the layout."""
    return re.sub(r"\s+", "", text)


def assert_inert(data: bytes) -> None:
    """Fail if the file holds an action, a script, an attachment, an image or a link that leaves it."""
    reader = PdfReader(io.BytesIO(data))
    for number in range(1, len(reader.xref[0]) + 1):
        found = reader.get_object(number)
        if found is None:
            continue
        shown = repr(found).encode("utf-8", "replace")
        if hasattr(found, "keys"):
            names = {str(name) for name in found}
            assert not names & {word.decode() for word in ACTIVE}, shown[:200]
            assert found.get("/Subtype") != "/Image"
            assert "/S" not in names or found.get("/S") not in {"/URI", "/JavaScript", "/Launch", "/GoToR"}


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_printed_as_it_was_written_everywhere(text: str) -> None:
    data = render(document(text))
    assert squeezed(text_of(data)).count(squeezed(text)) >= 12
    assert_inert(data)
    assert PdfReader(io.BytesIO(data)).metadata.title == text


@pytest.mark.parametrize("text", [*MARKUP, "safe\u202egnp.exe\x00", "x" * 40_000, "name\r\n2026-01-01 approved"])
@pytest.mark.parametrize("number", range(len(charts_of("x"))))
def test_text_inside_every_kind_of_chart_is_drawn_and_never_obeyed(number: int, text: str) -> None:
    figure = Figure("Figure", charts_of(text)[number], table())
    data = render(document("short", sections=(Section("f", 4, "Figures", (figure,)),)))
    assert_inert(data)
    assert len(data) < 400_000
    if text in MARKUP:
        # a label is cut to its room: its beginning is drawn as it was written
        assert squeezed(text)[:5] in squeezed(text_of(data))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x1b[2J\x07\x08", "a[U+0000]b[U+001B][2J[U+0007][U+0008]"),
        ("a\x85b", "a[U+0085]b"),
        ("safe\u202egnp.exe", "safe[U+202E]gnp.exe"),
        ("zero\u200dwidth\u2028line", "zero[U+200D]width[U+2028]line"),
        ("half \ud800 pair", "half[U+D800]pair"),
        ("smile 😀", "smile[U+1F600]"),
        ("漢字", "[U+6F22][U+5B57]"),
        ("مرحبا", "[U+0645][U+0631][U+062D][U+0628][U+0627]"),
        ("שלום", "[U+05E9][U+05DC][U+05D5][U+05DD]"),
        ("cafe\u0301 café", "cafe[U+0301]café"),
        ("private \ue000 soft\u00adhyphen", "private[U+E000]soft[U+00AD]hyphen"),
    ],
)
def test_what_a_reader_could_not_see_is_shown_as_its_code_point(text: str, shown: str) -> None:
    data = render(document(text))
    assert squeezed(text_of(data)).count(squeezed(shown)) >= 12
    assert_inert(data)


def test_every_character_is_drawn_by_a_glyph_or_shown_as_its_code_point() -> None:
    glyphs = register_fonts()
    plain = PlainText(glyphs)
    for start in range(0, 0x30000, 0x1000):
        shown = plain("".join(chr(code) for code in range(start, start + 0x1000)))
        assert all(ord(character) in glyphs for character in shown if character != "\n")


def test_a_false_log_line_in_a_name_stays_in_the_line_of_the_name() -> None:
    data = render(document("name\r\n2026-01-01 INFO approved"))
    assert "name ↵ 2026-01-01 INFO approved" in text_of(data)


def test_text_beyond_twenty_thousand_characters_is_cut_with_a_note_that_counts() -> None:
    words = "plain words of ordinary text, " * 14_000
    data = render(document(sections=(Section("long", 4, "Long", (Paragraph(words),)),)))
    text = squeezed(text_of(data))
    assert squeezed(f"[cut here: {len(words) - 20_000:,} of {len(words):,} characters are not printed]") in text
    assert text.count("ordinarytext") == 20_000 // 30


UNBROKEN = [
    (f"{times} of {piece}", piece * times)
    for piece, times in (("x", 40_000), ("x", 1_000_000), ("<b>", 24_000), ("[", 40_000), ("😀", 40_000), (" ", 40_000))
]


@pytest.mark.parametrize("text", sampled(UNBROKEN, one_in=3))
def test_text_without_a_place_to_break_fits_the_page_in_paragraphs_and_in_cells(text: str) -> None:
    table = Table((Column("A"), Column("B", weight=9)), ((text, text),))
    blocks = (Paragraph(text), KeyValues((KeyValue("Key", text), KeyValue("Digest", text, "digest"))), table)
    data = render(document(sections=(Section("long", 4, "Long", blocks),)))
    assert_inert(data)
    assert "arenotprinted]" in squeezed(text_of(data))


def test_text_of_nothing_but_line_ends_is_cut_after_a_thousand_lines() -> None:
    plain = PlainText(register_fonts())
    shown = plain("line\n" * 6_000)
    assert shown.count("\n") == 1_000
    assert "[cut here: 24,996 of 30,000 characters are not printed]" in shown


@pytest.mark.parametrize("text", ["W" * 30_000, "WWWW " * 6_000])
def test_endless_names_titles_and_captions_go_on_over_the_pages(text: str) -> None:
    named = Table((Column("A"),), (("x",),), text, note=text)
    data = render(document("short", title=text, frame=Frame(left=text), sections=(Section("s", 4, text, (named,)),)))
    assert_inert(data)
    assert "10,000 of 30,000 characters are not printed" in re.sub(r"\s+", " ", text_of(data))


def test_no_word_of_a_broken_text_is_lost_and_none_runs_over_the_margin() -> None:
    text = "".join(f"{number:05d}" for number in range(3_000))
    whole = document(sections=(Section("long", 4, "Long", (Paragraph(text),)),))
    reader = PdfReader(io.BytesIO(render(whole)))
    lines = [
        line for page in reader.pages for line in page.extract_text().split("\n") if re.fullmatch(r"\d{20,}", line)
    ]
    assert "".join(lines) == text
    assert max(len(line) for line in lines) < 130


def test_a_document_of_nothing_but_endless_texts_is_cut_by_its_budget() -> None:
    plain = PlainText(register_fonts(), budget=50_000)
    printed = [plain("word " * 4_000) for _ in range(4)]
    assert [len(text) for text in printed[:3]] == [20_000] * 3
    assert printed[3] == "word " * 16 + " [cut here: 19,920 of 20,000 characters are not printed]"


def test_five_thousand_tags_and_their_nesting_are_only_text() -> None:
    text = "<b>" * 3_000 + "x" + "</b>" * 2_000
    printed = text_of(render(document(sections=(Section("n", 4, "N", (Paragraph(text),)),))))
    assert "".join(line for line in printed.split("\n") if re.fullmatch("[<b>/x]{3,}", line)) == text
