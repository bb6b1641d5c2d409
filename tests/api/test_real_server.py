"""Does an upload behave on the real server as it does in the test client? Over a socket, with what only a socket can do."""

from __future__ import annotations

import http.client
import json
import os
import socket
from urllib.parse import urlsplit

import pytest

from registry.digests import sha256_hex
from tests.cast import make_cast

pytestmark = [pytest.mark.worker, pytest.mark.postgres]
DATA = os.urandom(1 << 20) * 8
DIGEST = sha256_hex(DATA)
PATH = f"/api/v1/artifacts/{DIGEST}"


@pytest.fixture
def token(transactional_db: None) -> str:
    """Return the token of a cast whose rows other processes see."""
    return make_cast().token


@pytest.fixture
def server(web_address: str) -> tuple[str, int]:
    """Return host and port of the running server."""
    parts = urlsplit(web_address)
    return parts.hostname or "", parts.port or 0


def answer_to(server: tuple[str, int], head: str, body: bytes, *, close: bool = False) -> tuple[int, dict[str, object]]:
    """Send a request exactly as it is written, and return status and document."""
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        if close:
            connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read() or b"{}")


def put(token: str, *headers: str) -> str:
    """Return the head of an upload."""
    lines = [f"PUT {PATH} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", *headers]
    return "\n".join([*lines, "", ""])


def stored() -> bool:
    """Tell whether the artifact has come in."""
    from registry.models import Artifact

    return Artifact.objects.filter(pk=DIGEST).exists()


def test_an_upload_of_eight_megabytes_comes_in_whole(server: tuple[str, int], token: str) -> None:
    connection = http.client.HTTPConnection(*server, timeout=60)
    connection.request("PUT", PATH, DATA, {"Authorization": f"Bearer {token}", "Host": "localhost"})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["size"]) == (201, len(DATA))
    connection.close()
    assert stored()


def test_what_only_a_socket_can_do_is_refused_and_leaves_nothing(server: tuple[str, int], token: str) -> None:
    status, document = answer_to(server, put(token, f"Content-Length: {10 * 2**30}"), b"")
    assert (status, document["code"]) == (413, "artifact-too-large")
    status, document = answer_to(server, put(token, f"Content-Length: {len(DATA)}"), DATA[:-1], close=True)
    assert (status, document["code"]) in {(400, "upload-truncated"), (422, "upload-truncated")}
    status, document = answer_to(server, put(token, "Transfer-Encoding: chunked"), b"5\r\nabcde\r\n0\r\n\r\n")
    assert (status, document["code"]) == (411, "length-required")
    head = put(token, "Content-Length: 5", "Content-Length: 6")
    with pytest.raises(json.JSONDecodeError):  # the server itself refuses two lengths, in its own words
        answer_to(server, head, b"abcde")
    assert not stored()
