"""What does the file carry beside its pages? The facts it prints, and on each page where to ask whether it was issued."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import replace

import pytest
from pypdf import PdfReader

from audits.actions.dossiers import build_dossier, request_dossier
from audits.actions.evidence import read_evidence
from audits.dossier.attachment import FACTS_NAME
from audits.dossier.build import compose
from audits.dossier.content import KeyValues, Table
from audits.dossier.printed_digits import PRINTED_DIGITS
from audits.dossier.render import render
from registry.digests import sha256_hex
from tests import builders
from tests.audits.dossier_samples import document

ADDRESS = "https://register.example.org/verify/"


def test_the_facts_are_embedded_as_data_of_the_document_byte_for_byte(tmp_path):
    facts = json.dumps({"a": 1, "text": "ä" * 5_000}).encode()
    (tmp_path / "one.pdf").write_bytes(render(document(), facts))
    reader = PdfReader(tmp_path / "one.pdf")
    assert reader.attachments == {FACTS_NAME: [facts]}
    (associated,) = reader.trailer["/Root"]["/AF"]
    assert associated.get_object()["/AFRelationship"] == "/Data"
    subprocess.run(["pdfdetach", "-save", "1", "-o", tmp_path / "facts.json", tmp_path / "one.pdf"], check=True)
    assert (tmp_path / "facts.json").read_bytes() == facts


def test_other_facts_are_another_file_and_the_same_are_the_same():
    assert render(document(), b"{}") == render(document(), b"{}") != render(document(), b"[]")


def test_each_page_prints_the_digits_and_the_address_and_carries_the_code_once():
    whole = replace(document(), verification=ADDRESS)
    pdf = render(whole, b"{}")
    reader = PdfReader(io.BytesIO(pdf))
    printed = whole.digest()[:PRINTED_DIGITS]
    for page in reader.pages:
        assert f"{ADDRESS}{printed}" in page.extract_text().replace("\n", "")
    forms = {
        form.indirect_reference.idnum
        for page in reader.pages
        for form in (entry.get_object() for entry in page["/Resources"]["/XObject"].values())
    }
    assert len(forms) == 1
    assert b"/URI" not in pdf


def test_the_code_is_read_by_a_machine_as_the_printed_address(tmp_path):
    """The modules on paper, sampled from a picture of the page, are those of the code of the address."""
    from PIL import Image
    from reportlab.graphics.barcode.qrencoder import QR8bitByte, QRCode, QRErrorCorrectLevel

    from audits.dossier.layout import LEFT, PAGE_HEIGHT, WIDTH
    from audits.dossier.render import SEAL_BOTTOM
    from audits.dossier.seal import QUIET, SEAL_SIZE

    whole = replace(document(), verification=ADDRESS)
    (tmp_path / "one.pdf").write_bytes(render(whole))
    subprocess.run(
        ["pdftoppm", "-r", "600", "-f", "1", "-l", "1", "-png", tmp_path / "one.pdf", tmp_path / "page"], check=True
    )
    (picture,) = tmp_path.glob("page*.png")
    image = Image.open(picture).convert("L")
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(QR8bitByte(ADDRESS + whole.digest()[:PRINTED_DIGITS]))
    code.make()
    side = SEAL_SIZE / (len(code.modules) + 2 * QUIET)
    assert side * 25.4 / 72 >= 0.33, "a module is at least a third of a millimetre wide"
    seen = [
        [
            image.getpixel(
                (
                    round((LEFT + WIDTH - SEAL_SIZE + (column + QUIET + 0.5) * side) * 600 / 72),
                    round((PAGE_HEIGHT - SEAL_BOTTOM - SEAL_SIZE + (line + QUIET + 0.5) * side) * 600 / 72),
                )
            )
            < 128
            for column in range(len(code.modules))
        ]
        for line in range(len(code.modules))
    ]
    assert seen == [list(map(bool, row)) for row in code.modules]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_an_issued_dossier_prints_is_what_the_embedded_facts_say(cast, language):
    version = builders.an_open_promotion(cast).version
    issued = build_dossier(str(request_dossier(version, actor=cast.otto, language=language)[0].pk))
    assert (issued.state, issued.failure) == ("issued", None)
    pdf = read_evidence(issued.pdf_sha256)
    reader = PdfReader(io.BytesIO(pdf))
    (facts,) = reader.attachments[FACTS_NAME]
    assert sha256_hex(facts) == issued.facts_sha256
    assert reader.trailer["/Root"]["/Lang"] == language
    whole = compose(json.loads(facts))
    assert whole.digest() == issued.content_digest
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    missing = [
        word
        for section in whole.sections
        for block in section.blocks
        for word in _words(block)
        if "".join(word.split()) not in text
    ]
    assert missing == []


def _words(block: object) -> list[str]:
    """Return the cells of tables and pairs that are short enough not to be broken over columns and pages."""
    if isinstance(block, KeyValues):
        return [str(item.value) for item in block.items if len(str(item.value)) < 20]
    if isinstance(block, Table):
        return [str(cell) for row in block.rows for cell in row if 0 < len(str(cell)) < 12]
    return []
