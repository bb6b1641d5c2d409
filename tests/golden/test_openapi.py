"""Is the API what its OpenAPI document says? The golden file, accepted anew only with CADASTRE_GOLDEN=write."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.api.calls import nobody
from tests.api.test_permission_table import TABLE

GOLDEN = Path(__file__).parent / "openapi.json"
WRITE = os.environ.get("CADASTRE_GOLDEN") == "write"


def present() -> str:
    """Return the document as the golden file holds it."""
    from governance.api.schema import document

    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"


@pytest.fixture(scope="module", autouse=True)
def accepted() -> None:
    """Accept the present document before any test looks, where that is asked for."""
    if WRITE:
        GOLDEN.write_text(present(), encoding="utf-8")


def test_the_document_is_the_one_that_was_accepted() -> None:
    """A difference is a change of the public contract: look at it, then accept it with ``make golden``."""
    assert present() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.django_db
def test_the_service_serves_it_as_openapi_3_1() -> None:
    served = nobody().get("/api/v1/schema/").json()
    assert served["openapi"] == "3.1.0"
    assert served == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_it_describes_every_row_of_the_permission_table() -> None:
    described = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, methods in json.loads(GOLDEN.read_text(encoding="utf-8"))["paths"].items()
        for method in methods
    }
    rows = {(row.method, "/" + re.sub(r"<[^>]+>", "{}", row.route)) for row in TABLE if row.route.startswith("api/")}
    assert {row for row in rows if row[0] != "HEAD"} == described


def test_every_answer_that_is_a_no_is_a_problem_document() -> None:
    for path, methods in json.loads(GOLDEN.read_text(encoding="utf-8"))["paths"].items():
        for method, operation in methods.items():
            assert "application/problem+json" in operation["responses"]["4XX"]["content"], (method, path)


def test_making_it_warns_of_nothing() -> None:
    from drf_spectacular.drainage import GENERATOR_STATS

    from governance.api.schema import document

    GENERATOR_STATS.reset()
    document.cache_clear()
    document()
    assert (dict(GENERATOR_STATS._warn_cache), dict(GENERATOR_STATS._error_cache)) == ({}, {})
