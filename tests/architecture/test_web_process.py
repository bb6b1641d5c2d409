"""Does the web process stay light? What it imports with every route loaded, looked at in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT

HEAVY = (
    "shap",
    "sklearn",
    "matplotlib",
    "pandas",
    "duckdb",
    "ibis",
    "pyarrow",
    "numpy",
    "scipy",
    "fairlearn",
    "skops",
    "numba",
)

LOAD = """
import json, sys
import governance.wsgi
from django.urls import get_resolver

def walk(resolver):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern)
        else:
            yield pattern.callback

routes = sum(1 for callback in walk(get_resolver()) if callback is not None)
print(json.dumps({"routes": routes, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, object]:
    """Return the number of routes and the top-level modules of a fresh process that serves the whole project."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "governance.settings"}
    answer = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    result: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return result


def test_every_route_was_loaded(loaded: dict[str, object]) -> None:
    assert isinstance(loaded["routes"], int)
    assert loaded["routes"] > 30


def test_no_library_of_the_worker_is_imported_by_the_web_process(loaded: dict[str, object]) -> None:
    assert isinstance(loaded["modules"], list)
    assert set(loaded["modules"]) & set(HEAVY) == set()
