"""What might a service answer, honest or not? A real local HTTP server, and attestations made by the gate's own code."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.gate.attestation import Claim, attest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
MODEL_SHA = hashlib.sha256(b"these exact bytes").hexdigest()
TOKEN = "cad_test_token"


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Answer = Callable[["Handler", Asked], None]


@dataclass
class Server:
    """Runs in a thread; ``answer`` decides what each request gets, ``asked`` remembers them all."""

    answer: Answer | None = None
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Server:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._http.owner = self  # type: ignore[attr-defined]  # the handler finds its way back by this
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the test's answer."""

    def _any(self) -> None:
        owner: Server = self.server.owner  # type: ignore[attr-defined]  # set when the server was made
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
        owner.asked.append(asked)
        assert owner.answer is not None
        try:
            owner.answer(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = _any

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet."""

    def send(self, status: int, body: bytes, media_type: str = "application/json", **headers: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        if "Content-Length" not in {name.replace("_", "-") for name in headers}:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def sends(document: Any, status: int = 200, media_type: str = "application/json", **headers: str) -> Answer:
    """Answer everything with one document (bytes are sent as they are)."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return lambda handler, _asked: handler.send(status, body, media_type, **headers)


def claim(question: dict[str, Any], **changes: Any) -> Claim:
    """Return what an honest gate claims for a question asked now."""
    now = datetime.now(UTC)
    honest = Claim(
        artifact_sha256=question["artifact_sha256"],
        model="credit",
        version="1.1",
        environment=question["environment"],
        nonce=question["nonce"],
        decision="decision-1",
        policy_uri="cadastre:policy/consumer-credit/3",
        policy_digest="3" * 64,
        verifier="cadastre.example",
        verified_at=now,
        not_after=now + timedelta(minutes=15),
        checkpoint=None,
    )
    return replace(honest, **changes)


def allow(question: dict[str, Any], *, key: Ed25519PrivateKey = KEY, **changes: Any) -> dict[str, Any]:
    """Return the answer of a gate that says yes; ``changes`` make its claim another than was asked."""
    made = claim(question, **changes)
    return {
        "id": "decision-1",
        "decision": "allow",
        "reasons": [],
        "valid_until": made.not_after.isoformat(),
        "attestation": attest(made, key=key),
    }


def allows(spoil: Callable[[dict[str, Any]], None] | None = None, **changes: Any) -> Answer:
    """Answer every question with a yes, its claim changed, or the finished document spoiled."""

    def answer(handler: Handler, asked: Asked) -> None:
        document = allow(asked.json(), **changes)
        if spoil is not None:
            spoil(document)
        handler.send(200, json.dumps(document).encode())

    return answer
