"""Is the documentation true of the code? Links, files, tests, commands, options, settings and words are held to it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.documents import (
    FILE,
    TEST,
    client_commands,
    links_in,
    pages,
    spans_in,
    text_of,
    unknown_commands,
)
from tests.architecture.sources import ROOT, committed, texts, tree

PAGES = pages()
DOCS = [page for page in PAGES if page.parts[0] == "docs"]
PLANNED = {"cadastre import"}
"""Commands that a page names as planned."""
BOASTS = re.compile(
    r"\b(seamless|powerful|robustly|cutting[- ]edge|state[- ]of[- ]the[- ]art|effortless|enterprise[- ]grade|"
    r"world[- ]class|blazing|revolutionary|best[- ]in[- ]class)\b",
    re.IGNORECASE,
)


def slug_of(heading: str) -> str:
    """Return the anchor that a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page."""
    return {slug_of(line.lstrip("#")) for line in text_of(page).splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", [page for page in PAGES if page != Path("README.md")], ids=str)  # it has its own test
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links_in(text_of(page)):
        name, _, anchor = target.partition("#")
        found = (ROOT / page.parent / name).resolve() if name else (ROOT / page)
        assert found.exists(), f"{page} links {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors_of(found.relative_to(ROOT)), f"{page} links {target}, a heading that is not there"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_and_every_test_that_is_named_exists(page: Path) -> None:
    for span in spans_in(text_of(page)):
        if named := TEST.match(span):
            file, function = named.groups()
            assert (ROOT / file).is_file(), f"{page} names {file}"
            assert f"def {function}(" in text_of(Path(file)), f"{page} names {span}"
        elif FILE.match(span):
            assert (ROOT / span).exists(), f"{page} names {span}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_that_is_named_exists(page: Path) -> None:
    assert unknown_commands(text_of(page)) - PLANNED == set()


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [Path("docs/index.md")]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in links_in(text_of(page)):
            found = (ROOT / page.parent / target.partition("#")[0]).resolve()
            if found.suffix == ".md" and found.is_relative_to(ROOT / "docs"):
                waiting.append(found.relative_to(ROOT))
    # The page of figures is written by the bench's own builder and may not be there yet.
    assert set(DOCS) - seen - {Path("docs/benchmarks.md")} == set()


def test_the_settings_page_names_every_variable_that_is_read_and_no_other() -> None:
    read = set()
    for node in ast.walk(tree(Path("governance/settings.py"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                read.add(first.value)
    rows = re.findall(r"^\| `([A-Z_]+)` \|", text_of(Path("docs/reference/settings.md")), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == read


def test_every_variable_named_anywhere_in_the_documentation_is_read_somewhere() -> None:
    code = "".join(text for path, text in texts().items() if path.suffix == ".py" or path.name in {"Makefile", "run"})
    for page in PAGES:
        for name in re.findall(r"\bCADASTRE_[A-Z_]+[A-Z]\b", text_of(page)):
            assert name.removesuffix("_FILE") in code, f"{page} names {name}"


def test_the_page_of_command_lines_names_every_command_and_option_of_the_client() -> None:
    page = text_of(Path("docs/reference/cli.md"))
    general = {"--url", "--token-file", "--timeout", "--allow-http"}
    for command, options in client_commands().items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `cadastre {command}`")]
        named = set(re.findall(r"--[a-z-]+", row))
        assert named == options - general, command
        assert general <= options or command == "verify"
    assert general <= set(re.findall(r"--[a-z-]+", page))


def test_every_management_command_of_ours_stands_on_the_page_of_command_lines() -> None:
    page = text_of(Path("docs/reference/cli.md"))
    ours = {path.stem for path in committed() if path.parts[-2:-1] == ("commands",) and path.stem != "__init__"}
    assert {name for name in ours if f"| `manage.py {name}`" not in page} == set()
    for name in ours:
        (source,) = [text for path, text in texts().items() if path.parts[-2:] == ("commands", f"{name}.py")]
        declared = set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', source))
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `manage.py {name}`")]
        assert declared == set(re.findall(r"--[a-z-]+", row)), name


def test_every_scope_and_role_stands_on_the_page_of_roles() -> None:
    from governance.actions.credentials import SCOPES
    from registry.models import Role

    page = text_of(Path("docs/reference/roles.md"))
    assert {scope for scope in SCOPES if f"`{scope}`" not in page} == set()
    assert {role for role in Role.values if f"| `{role}` |" not in page} == set()
    assert {word for word in spans_in(page) if ":" in word} - SCOPES == set()


def test_every_stage_has_its_sentence() -> None:
    from registry.lifecycle import Stage

    page = text_of(Path("docs/reference/lifecycle.md"))
    told = {name.lower().replace(" ", "_") for name in re.findall(r"\*\*([A-Za-z ]+)\*\*", page)}
    assert {stage.value for stage in Stage} - told == set()


def test_every_threat_has_one_line_and_every_held_one_names_what_holds_it() -> None:
    page = text_of(Path("docs/threat-model.md"))
    rows = re.findall(r"^\| A(\d+) \| [^|]+ \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 73))
    assert {state for _, state, _ in rows} == {"held", "part", "open", "none"}
    unproven = [number for number, state, how in rows if state == "held" and "`tests/" not in how]
    assert unproven == ["23"], "a threat that is held names its test"


def test_nothing_is_praised() -> None:
    found = {str(page): match.group() for page in PAGES if (match := BOASTS.search(text_of(page)))}
    assert found == {}


def test_the_listing_of_a_policy_in_the_how_to_is_a_policy() -> None:
    from audits.checks.contract import CHECKS
    from governance.gate.rules import parse_policy

    page = text_of(Path("docs/how-to/publish-a-policy.md"))
    (listing,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    rules = parse_policy(listing, known_checks=[entry.slug for entry in CHECKS])
    assert rules.approvals.quorum == 2


def test_the_listing_of_a_manifest_in_the_how_to_is_a_manifest() -> None:
    from registry.sources.folder import read_manifest

    page = text_of(Path("docs/how-to/import-from-a-source.md"))
    (listing,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert read_manifest(listing.replace('"..."', f'"{"0" * 64}"').encode())["version"] == "1.0"
