"""How do the tests speak to the API? As a machine with a token or a person in a session, over Django's test client."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps

from tests.cast import Cast, a_client, signed_in

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client

    from registry.models import User

PROBLEM = "application/problem+json"
NOT_GOVERNED = {"IdempotentCall", "Session", "Migration"}


class Caller:
    """A client whose bodies and answers are JSON."""

    def __init__(self, client: Client, **headers: str) -> None:
        self.client = client
        self.headers = headers

    def get(self, path: str, **headers: str) -> HttpResponse:
        """Ask."""
        return self.client.get(path, headers=self.headers | headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Send a JSON body; bytes and text go as they are."""
        return self._send("post", path, {} if body is None else body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        """Send a JSON body."""
        return self._send("patch", path, body, headers)

    def put(self, path: str, data: bytes, **extra: Any) -> HttpResponse:
        """Upload bytes."""
        return self.client.generic(
            "PUT", path, data, content_type="application/octet-stream", headers=self.headers, **extra
        )

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> HttpResponse:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        send = getattr(self.client, method)
        kind = headers.pop("content_type", "application/json")
        response: HttpResponse = send(path, data=data, content_type=kind, headers=self.headers | headers)
        return response


def machine(token: str) -> Caller:
    """Return a caller with a token."""
    return Caller(a_client(), Authorization=f"Bearer {token}")


def ci(cast: Cast) -> Caller:
    """Return ci-bot."""
    return machine(cast.token)


def person(user: User) -> Caller:
    """Return a person in a signed-in session."""
    return Caller(signed_in(user))


def nobody() -> Caller:
    """Return somebody who is not signed in."""
    return Caller(a_client())


def refused(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """Require a problem document with that status and code, and return it."""
    document: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, document.get("code")) == (status, code), document
    assert response["Content-Type"] == PROBLEM
    assert document["status"] == status
    assert {"type", "title", "detail", "request_id"} <= set(document)
    assert document["request_id"] == response["X-Request-ID"]
    return document


def everything() -> dict[str, int]:
    """Return the number of rows in every governed table, the ledger included."""
    return {model.__name__: model.objects.count() for model in apps.get_models() if model.__name__ not in NOT_GOVERNED}


@contextmanager
def nothing_written() -> Iterator[None]:
    """Require that the ``with`` block leaves every table and the ledger as long as they were, and no byte behind."""
    from django.conf import settings

    def stored() -> set[str]:
        return {str(path) for path in settings.ARTIFACT_DIR.rglob("*") if path.is_file()}

    rows, files = everything(), stored()
    yield
    assert everything() == rows
    assert stored() - files == set()


def a_skops_file(name: str = "sklearn.linear_model") -> bytes:
    """Return a file that static inspection takes for skops: a zip whose schema has a loader. Nothing can load it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        schema = {"__class__": "LogisticRegression", "__module__": name, "__loader__": "ObjectNode", "content": {}}
        archive.writestr(zipfile.ZipInfo("schema.json"), json.dumps(schema))
    return sink.getvalue()
