"""Can a screen reader read the file? Everything on a page is tagged content or artifact, and the tree leads to all of it."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections import Counter
from itertools import pairwise

import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream

from audits.dossier.content import Column, Paragraph, Section, Table
from audits.dossier.render import render
from tests.audits.dossier_samples import document

SHOWS = {b"Tj", b"TJ", b"'", b'"', b"S", b"s", b"f", b"F", b"f*", b"B", b"b", b"Do"}


def tree_of(reader: PdfReader) -> list[tuple[int, str, object]]:
    """Return depth, kind and element of the whole structure tree, in reading order."""
    found: list[tuple[int, str, object]] = []

    def walk(element, depth):
        found.append((depth, str(element["/S"]), element))
        for kid in (one.get_object() for one in element.get("/K", [])):
            if hasattr(kid, "get") and kid.get("/Type") == "/StructElem":
                walk(kid, depth + 1)

    (top,) = reader.trailer["/Root"]["/StructTreeRoot"]["/K"]
    walk(top.get_object(), 0)
    return found


@pytest.fixture(scope="module")
def reader() -> PdfReader:
    """Return a rendered document with every kind of block and chart."""
    return PdfReader(io.BytesIO(render(document())))


def test_the_file_says_that_it_is_tagged(reader):
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or bool(root["/MarkInfo"]["/Marked"])
    assert all(page["/Tabs"] == "/S" for page in reader.pages)


def test_every_mark_on_a_page_is_content_of_the_tree_or_artifact_and_never_both(reader):
    parents = reader.trailer["/Root"]["/StructTreeRoot"]["/ParentTree"]["/Nums"]
    by_page = dict(zip(parents[::2], parents[1::2], strict=True))
    for page in reader.pages:
        elements = by_page[page["/StructParents"]]
        seen, open_marks = [], []
        for operands, operator in ContentStream(page["/Contents"], reader).operations:
            if operator in (b"BDC", b"BMC"):
                open_marks.append(operands[0])
                if operator == b"BDC" and "/MCID" in operands[1]:
                    number = operands[1]["/MCID"]
                    seen.append(number)
                    assert elements[number].get_object()["/S"] == operands[0]
            elif operator == b"EMC":
                open_marks.pop()
            elif operator in SHOWS:
                assert len(open_marks) == 1, (operator, operands, open_marks)
        assert open_marks == []
        assert seen == list(range(len(elements)))


def test_headings_follow_each_other_without_a_level_left_out(reader):
    levels = [int(kind[2]) for _depth, kind, _element in tree_of(reader) if kind in {"/H1", "/H2", "/H3"}]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_each_figure_has_words_in_its_place(reader):
    figures = [element for _depth, kind, element in tree_of(reader) if kind == "/Figure"]
    assert figures
    assert all("table that follows" in element["/Alt"] for element in figures)


def test_a_table_over_many_pages_is_one_table_with_heads_and_cells():
    columns = (Column("Name"), Column("Value", "right"))
    rows = tuple((f"row {index}", str(index)) for index in range(150))
    whole = document(sections=(Section("long", 4, "Long", (Paragraph("Before."), Table(columns, rows, "Rows"))),))
    reader = PdfReader(io.BytesIO(render(whole)))
    assert len(reader.pages) > 3
    tree = tree_of(reader)
    (table,) = [element for _depth, kind, element in tree if kind == "/Table" and len(element["/K"]) > 100]
    kinds = Counter(str(cell.get_object()["/S"]) for row in table["/K"] for cell in row.get_object()["/K"])
    assert kinds["/TD"] == 300
    assert kinds["/TH"] % 2 == 0
    scopes = {
        cell.get_object()["/A"]["/Scope"]
        for row in table["/K"]
        for cell in row.get_object()["/K"]
        if cell.get_object()["/S"] == "/TH"
    }
    assert scopes == {"/Column"}


def test_another_reader_reads_the_text_in_order(tmp_path):
    """poppler's own reader of the tree finds no fault and the words in their order."""
    assert shutil.which("pdfinfo"), "poppler-utils is needed"
    (tmp_path / "one.pdf").write_bytes(render(document()))
    run = subprocess.run(["pdfinfo", "-struct-text", tmp_path / "one.pdf"], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    text = run.stdout
    assert text.startswith("Document\n")
    assert text.index("Contents") < text.index("TOCI") < text.index("H2 (block)") < text.index("\n  Figure")


def test_the_tags_of_ten_thousand_rows_grow_with_the_rows():
    def size(count: int) -> int:
        rows = tuple((f"row {index:06d}", "1") for index in range(count))
        blocks = (Table((Column("Name"), Column("Value")), rows, "Rows"),)
        return len(render(document(sections=(Section("long", 4, "Long", blocks),))))

    small, large = size(1_000), size(10_000)
    assert large <= 11 * small
