"""What does a page of documentation refer to? Links, commands, files and tests, read from its text."""

from __future__ import annotations

import argparse
import re
import sys
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOT

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMAND = re.compile(r"\b(make|manage\.py|cadastre) ([a-z][a-z_-]+)\b")
FILE = re.compile(r"^(?:registry|audits|governance|client|tests|docs|deploy|benchmarks|templates)/[\w./-]+$")
TEST = re.compile(r"^(tests/[\w/]+\.py)::(test_\w+)$")
OUTSIDE = ("http://", "https://", "mailto:", "#")


def pages() -> list[Path]:
    """Return every page of the documentation, relative to the root."""
    found = [page.relative_to(ROOT) for page in (ROOT / "docs").rglob("*.md")]
    return sorted([*found, Path("README.md"), Path("client/README.md"), Path("deploy/README.md")])


def text_of(page: Path) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def links_in(text: str) -> list[str]:
    """Return the targets of links and pictures that lie in the project."""
    return [target for target in LINK.findall(FENCE.sub("", text)) if not target.startswith(OUTSIDE)]


def spans_in(text: str) -> list[str]:
    """Return what stands between single back ticks."""
    return [span.strip() for span in SPAN.findall(FENCE.sub("", text))]


def commands_in(text: str) -> set[str]:
    """Return every command named in code: in fenced blocks of shell and between back ticks."""
    blocks = [match["text"] for match in FENCE.finditer(text) if match["kind"] in {"", "sh", "yaml"}]
    code = [re.sub(r"(^|\s)#.*", "", line) for block in blocks for line in block.splitlines()] + spans_in(text)
    return {f"{program} {word}" for line in code for program, word in COMMAND.findall(line.replace(".pyz", ""))}


def unknown_commands(text: str) -> set[str]:
    """Return the commands named in a page that do not exist."""
    return {command for command in commands_in(text) if command.split()[1] not in known()[command.split()[0]]}


@cache
def known() -> dict[str, set[str]]:
    """Return the make targets, the management commands and the commands of the client."""
    from django.core.management import get_commands

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {
        "make": set(re.findall(r"^([a-z][a-z-]+):.*##", makefile, re.MULTILINE)),
        "manage.py": set(get_commands()),
        "cadastre": set(client_commands()),
    }


@cache
def client_commands() -> dict[str, set[str]]:
    """Return every command of the client with its long options."""
    return {name: _options(parser) for name, parser in _subparsers().items()}


def _subparsers() -> dict[str, argparse.ArgumentParser]:
    sys.path.insert(0, str(ROOT / "client"))
    try:
        from cadastre.command import _parser
    finally:
        sys.path.remove(str(ROOT / "client"))
    (commands,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    found: dict[str, argparse.ArgumentParser] = dict(commands.choices)
    return found


def _options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")} - {
        "--help"
    }
