"""How is a long list read? Page by page, each row once, whatever the cursor is turned into."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.ledger.clock import database_now
from registry.models import Model
from tests.api.calls import ci, refused
from tests.builders import a_model, a_tier, a_version
from tests.cast import Cast

pytestmark = pytest.mark.postgres
MODELS = "/api/v1/models/"


def walk(cast: Cast, path: str) -> list[list[str]]:
    """Follow ``next`` to the end and return the names on each page."""
    found, follow = [], path
    while follow:
        parts = urlsplit(follow)
        answer = ci(cast).get(f"{parts.path}?{parts.query}").json()
        found.append([row.get("slug") or row["version"] for row in answer["results"]])
        follow = answer["next"]
    return found


def test_every_row_is_on_exactly_one_page(cast: Cast) -> None:
    for number in range(7):
        a_model(cast, f"model-{number}")
    assert walk(cast, f"{MODELS}?page_size=3") == [
        ["model-0", "model-1", "model-2"],
        ["model-3", "model-4", "model-5"],
        ["model-6"],
    ]


def test_versions_of_the_same_instant_are_all_shown(cast: Cast) -> None:
    from registry.models import ModelVersion

    model = a_model(cast, "credit")
    for number in range(5):
        a_version(cast, f"{number}", model=model, data=b"%d" % number)
    ModelVersion.objects.update(registered_at=ModelVersion.objects.first().registered_at)
    pages = walk(cast, f"{MODELS}credit/versions/?page_size=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("past", [False, True], ids=["now", "then"])
def test_a_list_asks_the_database_as_often_whatever_its_length(cast: Cast, past: bool) -> None:
    def asked(path: str) -> int:
        client = ci(cast)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        assert answer.status_code == 200, answer.content
        return len(queries)

    def added(first: int, last: int) -> list[str]:
        for number in range(first, last):
            model = a_model(cast, f"model-{number:02}")
            a_tier(cast, model)
            a_version(cast, f"{number}", model=Model.objects.get(pk="model-00"), data=b"%d" % number)
        then = f"&as_of={database_now().isoformat().replace('+00:00', 'Z')}" if past else ""
        return [f"{MODELS}?page_size=100{then}", f"{MODELS}model-00/versions/?page_size=100{then}"]

    asked(MODELS)  # the token's first use of the hour is written down
    few = [asked(path) for path in added(0, 3)]
    assert [asked(path) for path in added(3, 20)] == few


def test_the_past_is_read_in_pages_too(cast: Cast) -> None:
    for number in range(5):
        a_model(cast, f"model-{number}")
        a_version(cast, f"{number}", model=Model.objects.get(pk="model-0"), data=b"%d" % number)
    now = database_now().isoformat().replace("+00:00", "Z")
    pages = walk(cast, f"{MODELS}?page_size=2&as_of={now}")
    assert pages == [["model-0", "model-1"], ["model-2", "model-3"], ["model-4"]]
    pages = walk(cast, f"{MODELS}model-0/versions/?page_size=2&as_of={now}")
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    made_up = f"{MODELS}model-0/versions/?as_of={now}&after=model-0/9"
    refused(ci(cast).get(made_up), 422, "bad-cursor")
    refused(ci(cast).get(f"{MODELS}?as_of={now}&page_size=201"), 422, "bad-page-size")


@pytest.mark.parametrize("size", ["0", "-1", "201", "1000000000", "1e2", "abc", "", "\u0663", "1.0"])
def test_a_page_has_a_size_within_bounds(cast: Cast, size: str) -> None:
    refused(ci(cast).get(f"{MODELS}?page_size={size}"), 422, "bad-page-size")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        base64.b64encode(b"o=-1").decode(),
        base64.b64encode(b"o=999999999999999999999").decode(),
        base64.b64encode(b"r=2&p=yesterday").decode(),
        base64.b64encode(b"p=\xff\xfe").decode(),
        base64.b64encode(b"p=99999-01-01").decode(),
        base64.b64encode(b"p=2026-01-01T00:00:00%00").decode(),
        "A" * 10_000,
    ],
    ids=lambda cursor: cursor[:20],
)
def test_a_cursor_that_is_made_up_fails_plainly(cast: Cast, cursor: str) -> None:
    a_version(cast)
    response = ci(cast).get(f"{MODELS}consumer-credit-default/versions/?cursor={cursor}")
    if response.status_code != 200:
        refused(response, 422, "bad-cursor")
    else:
        assert set(response.json()) == {"next", "previous", "results"}
