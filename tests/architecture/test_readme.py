"""Does the README tell the truth? Every file it links is there, and every command it names exists."""

from __future__ import annotations

import re

import pytest

from tests.architecture.documents import commands_in, links_in, unknown_commands
from tests.architecture.sources import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISES = README.partition("## What it promises")[2].partition("\n## ")[0]


@pytest.mark.parametrize("target", sorted(set(links_in(README))))
def test_what_is_linked_is_there(target: str) -> None:
    assert (ROOT / target.partition("#")[0]).exists(), f"README.md links {target}, which does not exist"


def test_every_command_exists() -> None:
    assert {"make demo", "make serve", "make test", "cadastre gate", "cadastre verify"} <= commands_in(README)
    assert unknown_commands(README) == set()


def test_every_promise_has_a_test_file_that_tests_something() -> None:
    lines = [line for line in PROMISES.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(lines) >= 15
    for line in lines:
        files = [target for target in links_in(line) if re.search(r"/test_\w+\.py$", target)]
        assert files, f"a promise without a test: {line}"
        for file in files:
            assert "def test_" in (ROOT / file).read_text(encoding="utf-8"), file


def test_the_pictures_say_what_they_show() -> None:
    pictures = dict(re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README))
    assert set(pictures.values()) == {str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "images").iterdir()}
    assert len(pictures) == 5
    assert all(len(text) > 30 for text in pictures)
    assert all((ROOT / path).stat().st_size < 300_000 for path in pictures.values())
