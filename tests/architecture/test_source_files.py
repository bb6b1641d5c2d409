"""Is every file small, named for a question it answers, and free of what does not belong into a repository?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import committed, imports_of, names_package, python_files, texts, tree

LONGEST_FILE = 400
# One file, because an auditor reads and runs it alone, on a machine that has nothing but Python; and the client's copy of it.
VERIFIER = {"audits/dossier/verify.py", "client/cadastre/bundle.py"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager", "managers", "extras"}
FORBIDDEN_FOLDERS = FORBIDDEN_NAMES | {"base"}
GENERATED = {"requirements.lock", "requirements-dev.lock"}
LEFT_OPEN = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
HOME_FOLDERS = ("home", "root", "Users", "work", "farm", "opt", "mnt", "workspace", "builds")
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/\-~}])/(" + "|".join(HOME_FOLDERS) + r")/\w")
REGISTRY_HOST = re.compile(
    r"pypi\.(org|io)|pythonhosted\.org|registry\.npmjs|npmjs\.(org|com)|conda\.anaconda|--?(extra-)?index-url|--find-links|"
    r"ghcr\.io|quay\.io|docker\.io"
)
SWEEPING_IGNORE = re.compile(r"#\s*noqa(?!:\s*[A-Z]+\d)|#\s*type:\s*ignore(?!\[)")
IGNORE_WITHOUT_REASON = re.compile(r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w,\- ]+\])\s*$")


def test_no_file_is_longer_than_400_lines() -> None:
    written = {path: text for path, text in texts().items() if path.suffix in {".py", ".html", ".css", ".js", ".sh"}}
    longer = {str(path): n for path, text in written.items() if (n := text.count("\n")) > LONGEST_FILE}
    assert longer.keys() - VERIFIER == set()


def test_no_file_or_folder_has_a_name_that_accepts_anything() -> None:
    ours = [path for path in committed() if path.parts[0] != "docs"]
    named = [
        str(path)
        for path in ours
        if path.stem.lower() in FORBIDDEN_NAMES or FORBIDDEN_FOLDERS & {part.lower() for part in path.parts[:-1]}
    ]
    assert named == []


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_a_python_file_says_in_one_line_what_question_it_answers(path: Path) -> None:
    if path.name == "__init__.py" and not texts()[path].strip():
        return
    docstring = ast.get_docstring(tree(path))
    assert docstring, "the file has no docstring"
    first, _, rest = docstring.partition("\n")
    assert first.strip()
    assert not rest or rest.startswith("\n"), "the first line of the docstring is not a line of its own"


def test_nothing_is_left_open() -> None:
    ours = {path: text for path, text in texts().items() if path.name not in GENERATED}
    assert [str(path) for path, text in ours.items() if LEFT_OPEN.search(text)] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    found = {str(path): match.group() for path, text in texts().items() if (match := ABSOLUTE_PATH.search(text))}
    assert found == {}


def test_no_file_names_a_package_registry() -> None:
    ours = {path: text for path, text in texts().items() if path != Path(*Path(__file__).parts[-3:])}
    named = {str(path): match.group() for path, text in ours.items() if (match := REGISTRY_HOST.search(text))}
    # The recipe that makes the lock files says that no index address is to be written.
    assert {where: what for where, what in named.items() if where != "Makefile"} == {}
    recipe = texts()[Path("Makefile")].replace("--no-emit-index-url", "")
    assert not REGISTRY_HOST.search(recipe)


def test_every_ignored_rule_is_named_and_has_a_reason() -> None:
    here = Path(*Path(__file__).parts[-3:])
    lines = [
        (f"{path}:{number}", line)
        for path in python_files()
        if path != here
        for number, line in enumerate(texts()[path].splitlines(), 1)
    ]
    assert [where for where, line in lines if SWEEPING_IGNORE.search(line)] == []
    assert [where for where, line in lines if IGNORE_WITHOUT_REASON.search(line)] == []


def test_no_error_is_swallowed_and_nothing_is_evaluated_or_marked_safe() -> None:
    offences = []
    for path in python_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body):
                offences.append(f"{path}:{node.lineno} except: pass")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                offences.append(f"{path}:{node.lineno} {node.func.id}")
            if isinstance(node, ast.Name) and node.id == "mark_safe":
                offences.append(f"{path}:{node.lineno} mark_safe")
    assert offences == []


def test_no_domain_work_hangs_on_signals() -> None:
    """Only the wiring may listen: triggers and roles are put back after each migration."""
    signals = ("django.dispatch", "django.db.models.signals")
    listening = [
        str(path)
        for path in python_files()
        if path.parts[0] in {"registry", "audits", "governance"} and path.name != "apps.py"
        if any(names_package(name, signal) for name in imports_of(tree(path)) for signal in signals)
    ]
    assert listening == []


def test_unpickling_happens_nowhere_outside_the_sandbox() -> None:
    dangerous = ("pickle", "joblib", "dill", "cloudpickle", "skops.io", "marshal", "shelve")
    product = [path for path in python_files() if path.parts[0] in {"registry", "audits", "governance", "client"}]
    outside = [path for path in product if path.parts[:2] != ("audits", "sandbox") and "demo" not in path.parts]
    found = {
        str(path): name
        for path in outside
        for name in imports_of(tree(path))
        if any(names_package(name, package) for package in dangerous)
    }
    assert found == {}
