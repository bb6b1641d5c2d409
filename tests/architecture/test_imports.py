"""Who may import whom? The contracts of pyproject.toml, and the rules that name parts of Django."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sources import ROOMS, ROOT, imports_of, module_name, names_package, python_files, tree

HTTP = ("django.http", "django.views", "django.shortcuts", "rest_framework", "drf_spectacular")
MAY_SPEAK_HTTP = (
    "governance.api*",
    "governance.console*",
    "governance.urls",
    "governance.settings",
    "governance.processes*",
    "*.admin",
    "*.admin.*",
)
PURE = (
    "registry.digests",
    "registry.errors",
    "registry.catalogue",
    "registry.lifecycle",
    "registry.ledger.tree",
    "registry.ledger.checkpoint",
    "audits.statistics.*",
    "audits.checks.*",
    "audits.explanations.*",
    "audits.dossier.charts",
    "audits.dossier.layout",
    "audits.dossier.render",
    "governance.gate.decide",
    "governance.gate.controls.*",
)
NOT_IN_PURE = (
    *("django.db", "django.apps", "django.conf", "django.contrib", "django.core.files", "django.core.cache", "celery"),
    *HTTP,
)
WRITES = {"save", "create", "bulk_create", "get_or_create", "update_or_create", "bulk_update"}
THIN = (
    "governance.api.v1.*",
    "governance.console.pages.*",
    "*.admin",
    "*.admin.*",
    "*.tasks",
    "*.management.commands.*",
)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the three rooms with its file."""
    return {module_name(path): path for path in python_files() if path.parts[0] in ROOMS}


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return True when one of the patterns fits the dotted name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@cache
def imported(name: str) -> frozenset[str]:
    """Return what a module imports, in its functions too."""
    return frozenset(imports_of(tree(modules()[name])))


def reach(name: str) -> dict[str, str]:
    """Return every name that ``name`` imports directly or through our own modules, with the module that imports it."""
    seen: dict[str, str] = {}
    waiting = [name]
    visited = set()
    while waiting:
        current = waiting.pop()
        if current in visited:
            continue
        visited.add(current)
        for target in imported(current):
            seen.setdefault(target, current)
            if target in modules():
                waiting.append(target)
    return seen


def test_the_contracts_of_the_project_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [program, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_http_is_spoken_only_by_the_api_the_console_and_the_admin_modules() -> None:
    offences = {
        f"{name} imports {target}"
        for name in modules()
        if not matches(name, MAY_SPEAK_HTTP)
        for target in imported(name)
        if any(names_package(target, package) for package in HTTP)
    }
    assert offences == set()


@pytest.mark.parametrize("pattern", PURE)
def test_a_pure_module_reaches_no_database_no_queue_and_no_http(pattern: str) -> None:
    pure = [name for name in modules() if fnmatchcase(name, pattern)]
    assert pure, f"no module is called {pattern}"
    offences = {
        f"{name}: {through} imports {target}"
        for name in pure
        for target, through in reach(name).items()
        if any(names_package(target, package) for package in NOT_IN_PURE)
    }
    assert offences == set()


def test_rows_know_nothing_of_actions_and_tasks() -> None:
    offences = {
        f"{name} imports {target}"
        for name in modules()
        if name.split(".")[1:2] == ["models"]
        for target in imported(name)
        if target.split(".")[0] in ROOMS and {"actions", "tasks", "api", "console"} & set(target.split("."))
    }
    assert offences == set()


def test_only_the_ledger_itself_writes_ledger_rows() -> None:
    """Other modules may read: they must not create, change or delete."""
    offences = []
    for name in modules():
        if name.startswith("registry.ledger") or not any(
            names_package(target, "registry.ledger.models") for target in imported(name)
        ):
            continue
        for node in ast.walk(tree(modules()[name])):
            if isinstance(node, ast.Attribute) and node.attr in WRITES | {"delete", "update"}:
                offences.append(f"{name}:{node.lineno} {ast.unparse(node)}")
    assert offences == []


def test_views_pages_tasks_and_commands_write_through_actions() -> None:
    offences = []
    for name in modules():
        if not matches(name, THIN):
            continue
        for node in ast.walk(tree(modules()[name])):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
                receiver = ast.unparse(node.func.value)
                if node.func.attr == "save" or receiver.endswith("objects") or ".objects." in receiver:
                    offences.append(f"{name}:{node.lineno} {ast.unparse(node.func)}")
    assert offences == []
