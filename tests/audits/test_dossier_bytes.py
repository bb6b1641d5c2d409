"""Is a dossier's PDF a function of its content, dated with its as-of instant, whole and inert?"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from audits.dossier.content import Column, Section, Table, document_from_json, to_json
from audits.dossier.grid import GridBox
from audits.dossier.layout import lay_out
from audits.dossier.render import render
from registry.digests import sha256_hex
from tests.audits.dossier_samples import document

ROOT = Path(__file__).resolve().parents[2]


def fonts_of(reader: PdfReader) -> dict[str, bool]:
    """Return every font of the file and whether its program is embedded."""
    found: dict[str, bool] = {}
    for page in reader.pages:
        for reference in page["/Resources"]["/Font"].values():
            font = reference.get_object()
            descriptor = font.get("/FontDescriptor")
            found[str(font["/BaseFont"])] = descriptor is not None and "/FontFile2" in descriptor.get_object()
    return found


def test_the_same_content_gives_the_same_bytes() -> None:
    assert render(document()) == render(document())


def test_other_content_gives_other_bytes_and_another_printed_digest() -> None:
    one, other = document("Alpha"), document("Beta")
    assert render(one) != render(other)
    assert one.digest() != other.digest()


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_the_bytes_do_not_depend_on_the_process_its_hash_seed_its_clock_or_its_environment(seed: str) -> None:
    program = (
        "import sys;from tests.audits.dossier_samples import document;from audits.dossier.render import render;"
        "from registry.digests import sha256_hex;sys.stdout.write(sha256_hex(render(document())))"
    )
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": seed}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == sha256_hex(render(document()))


def test_content_survives_a_round_trip_through_json() -> None:
    whole = document()
    again = document_from_json(to_json(whole))
    assert again == whole
    assert render(again) == render(whole)


def test_the_date_of_the_file_is_the_as_of_instant() -> None:
    information = PdfReader(io.BytesIO(render(document(as_of="2026-11-21T10:00:00+01:00")))).metadata
    assert information is not None
    assert information["/CreationDate"] == information["/ModDate"] == "D:20261121090000+00'00'"


def test_an_as_of_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        render(document(as_of="2026-11-21T10:00:00"))


def test_every_font_is_embedded_and_the_language_is_stated() -> None:
    reader = PdfReader(io.BytesIO(render(document(marking="DRAFT"))))
    fonts = fonts_of(reader)
    assert len(fonts) == 3
    assert all(fonts.values()), fonts
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_each_section_has_a_bookmark_at_its_page_and_the_contents_name_that_page() -> None:
    reader = PdfReader(io.BytesIO(render(document())))
    tops = [item for item in reader.outline if not isinstance(item, list)]
    assert [item.title for item in tops] == ["1 Verdict", "2 What is missing", "4 Consumer credit", "11 Figures"]
    pages = [reader.get_destination_page_number(item) + 1 for item in tops]
    for item, page in zip(tops, pages, strict=True):
        assert item.title.split(" ", 1)[1] in reader.pages[page - 1].extract_text()
    contents = reader.pages[1].extract_text().split("\n")
    assert [line for line in contents if line in {str(page) for page in pages}] != []


def test_every_page_names_the_model_the_digest_the_checkpoint_and_its_place() -> None:
    whole = document()
    reader = PdfReader(io.BytesIO(render(whole)))
    count = len(reader.pages)
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text()
        assert f"Page {number} of {count}" in text
        if number > 1:
            assert f"content {whole.digest()[:12]}" in text
            assert "checkpoint 1,204" in text
    assert f"sha256:{whole.digest()}" in reader.pages[0].extract_text()


def test_a_table_of_ten_thousand_rows_is_printed_whole_under_a_repeated_header() -> None:
    rows = tuple((f"row-{number}", f"{number}") for number in range(10_000))
    long = Table((Column("Name of the row"), Column("Number", "right")), rows)
    whole = document(sections=(Section("long", 27, "Index", (long,)),))
    parts = [box for page in lay_out(whole).pages() for box, _offset in page if isinstance(box, GridBox)]
    assert parts[0].start == 0
    assert [part.stop for part in parts[:-1]] == [part.start for part in parts[1:]]
    reader = PdfReader(io.BytesIO(render(whole)))
    assert len(reader.pages) == len(parts) + 2
    for part, page in [*zip(parts, reader.pages[2:], strict=True)][::47]:
        text = page.extract_text()
        stop = part.stop if part.stop > 0 else len(rows)
        assert "Name of the row" in text
        assert [word for word in text.split() if word.startswith("row-")] == [
            name for name, _number in rows[part.start : stop]
        ]
    assert "row-9999" in reader.pages[-1].extract_text()


def test_a_row_higher_than_a_page_goes_on_over_the_pages_and_loses_nothing() -> None:
    text = " ".join(f"word-{number}" for number in range(1_500))
    tall = Table((Column("Key"), Column("Text")), (("before", "x"), ("tall", text), ("after", "y")))
    reader = PdfReader(io.BytesIO(render(document(sections=(Section("tall", 4, "Tall", (tall,)),)))))
    printed = " ".join(page.extract_text() for page in reader.pages)
    assert [word for word in printed.split() if word.startswith("word-")] == text.split()
    assert printed.index("before") < printed.index("word-0") < printed.index("after")


def test_the_notes_of_a_table_stand_on_the_page_of_its_last_row() -> None:
    for count in range(40, 48):
        rows = tuple((f"row-{number}", "1") for number in range(count))
        noted = Table((Column("Name"), Column("Number", "right")), rows, "Caption", ("ev-1",), "The note of the table.")
        reader = PdfReader(io.BytesIO(render(document(sections=(Section("n", 4, "Noted", (noted,)),)))))
        page = next(page.extract_text() for page in reader.pages if "The note of the table." in page.extract_text())
        assert f"row-{count - 1}" in page
        assert "Evidence: ev-1" in page


def test_a_table_beyond_the_bound_says_how_much_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.dossier.layout.MOST_ROWS", 200)
    rows = (("same", "1"),) * 203
    long = Table((Column("Name"), Column("Number", "right")), rows)
    reader = PdfReader(io.BytesIO(render(document(sections=(Section("long", 27, "Index", (long,)),)))))
    assert "[cut here: 3 of 203 rows are not printed]" in reader.pages[-1].extract_text()


def test_a_chart_that_does_not_exist_is_an_error_and_not_an_empty_space() -> None:
    from audits.dossier.charts import draw

    with pytest.raises(ValueError, match="There is no chart 'pie'"):
        draw({"kind": "pie"}, 100, str)
