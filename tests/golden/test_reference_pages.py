"""Are the generated parts of the reference what the code says today? `make golden` writes them anew."""

from __future__ import annotations

import os

import pytest

from tests.golden.error_codes import COMPOSED, composed_expressions
from tests.golden.reference_pages import BLOCK, DOCS, GENERATED

WRITE = os.environ.get("CADASTRE_GOLDEN") == "write"


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_what_the_code_says(name: str) -> None:
    pages = [page for page in DOCS.rglob("*.md") if f"<!-- generated: {name} -->" in page.read_text(encoding="utf-8")]
    assert len(pages) == 1, f"{name} stands on {len(pages)} pages"
    text = pages[0].read_text(encoding="utf-8")
    (found,) = [match for match in BLOCK.finditer(text) if match["name"] == name]
    wanted = "\n" + GENERATED[name]().rstrip("\n") + "\n\n"
    if WRITE:
        pages[0].write_text(text[: found.start("text")] + wanted + text[found.end("text") :], encoding="utf-8")
        return
    assert found["text"] == wanted, f"{pages[0].relative_to(DOCS)} is out of date: run `make golden` and look at it"


def test_every_mark_on_a_page_is_of_a_known_part() -> None:
    marked = {
        match["name"] for page in DOCS.rglob("*.md") for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    }
    assert marked == set(GENERATED)


def test_codes_that_are_put_together_are_listed() -> None:
    assert set(composed_expressions()) == set(COMPOSED)
