"""How is the service asked? One address, no redirects, bounded answers, three tries within one deadline."""

from __future__ import annotations

import http.client
import ipaddress
import json
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from cadastre import __version__
from cadastre.outcomes import Refused, Undecided, WrongInput
from cadastre.plain import plain, strict_json

ATTEMPTS = 3
LARGEST_JSON = 4 << 20
LARGEST_FILE = 512 << 20
PIECE = 1 << 16
PAUSES = (0.2, 0.8)
LONGEST_PAUSE = 30
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_WITHOUT_SUCCESS = 300


@dataclass(frozen=True)
class Upload:
    """A file to send as it is, with its length in bytes."""

    path: str
    length: int


@dataclass(frozen=True)
class Answer:
    """What came back: status, media type, body, and whether the service says when to ask again."""

    status: int
    media_type: str
    body: bytes
    retry_after: str


@dataclass(frozen=True)
class _Call:
    """One call with all its tries: they share the idempotency key, so the service does it once."""

    method: str
    path: str
    body: dict[str, Any] | Upload | None
    accept: str
    limit: int
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class _TryAgain(Exception):
    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


class Transport:
    """Speaks to one service. ``timeout`` is the whole time in seconds that one call may take, tries included."""

    def __init__(self, url: str, token: str, *, timeout: float = 60.0, allow_http: bool = False) -> None:
        self.url = _checked_url(url, allow_http=allow_http)
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise WrongInput("no usable token: set CADASTRE_TOKEN or --token-file")
        self._token = token
        self.timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirect())

    def json(self, method: str, path: str, body: dict[str, Any] | Upload | None = None) -> dict[str, Any]:
        """Return the JSON object of a successful answer.

        Refused: the service said no with a reason. Undecided: anything else that is not a whole, plain 2xx answer.
        """
        answer = self._call(_Call(method, path, body, "application/json", LARGEST_JSON))
        document = _document(answer)
        if not isinstance(document, dict):
            raise Undecided("the answer is not a JSON object")
        return document

    def file(self, path: str, *, media_type: str) -> bytes:
        """Return the bytes of a file the service holds; the same refusals as :meth:`json`."""
        return self._call(_Call("GET", path, None, media_type, LARGEST_FILE)).body

    def _call(self, call: _Call) -> Answer:
        deadline = time.monotonic() + self.timeout
        problem = "no time was left to ask"
        for attempt in range(ATTEMPTS):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            share = remaining / (ATTEMPTS - attempt)
            try:
                return _judged(_within(share, partial(self._exchange, call, share)), call)
            except _TryAgain as again:
                problem = str(again)
                pause = PAUSES[min(attempt, len(PAUSES) - 1)] if again.pause is None else again.pause
            if attempt + 1 < ATTEMPTS:
                time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        raise Undecided(f"no usable answer from {self.url}: {problem}")

    def _exchange(self, call: _Call, timeout: float) -> Answer:
        if isinstance(call.body, Upload):
            with open(call.body.path, "rb") as stream:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(call.body.length)}
                return self._send(call, stream, headers, timeout)
        if call.body is None:
            return self._send(call, None, {}, timeout)
        data = json.dumps(call.body, ensure_ascii=True, allow_nan=False).encode("ascii")
        return self._send(call, data, {"Content-Type": "application/json"}, timeout)

    def _send(self, call: _Call, data: bytes | BinaryIO | None, headers: dict[str, str], timeout: float) -> Answer:
        sent = {
            "Authorization": f"Bearer {self._token}",
            "Accept": f"{call.accept}, application/problem+json",
            "Accept-Encoding": "identity",
            "User-Agent": f"cadastre/{__version__}",
            **({"Idempotency-Key": call.key} if call.method != "GET" else {}),
            **headers,
        }
        request = urllib.request.Request(self.url + call.path, data=data, headers=sent, method=call.method)
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return _read(response, response.status, response.headers, call.limit)
        except urllib.error.HTTPError as error:
            with error:
                return _read(error, error.code, error.headers, call.limit)


def _within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """Return what ``work`` returns, or give up after ``seconds``: a server that drips cannot hold us longer."""
    done: queue.Queue[tuple[Answer | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001  # carried to the caller's thread, which raises it
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = done.get(timeout=seconds)
    except queue.Empty:
        raise _TryAgain(f"no answer within {seconds:.1f} s") from None
    if answer is not None:
        return answer
    if isinstance(error, (Undecided, WrongInput)):
        raise error
    if isinstance(error, (OSError, http.client.HTTPException)):
        raise _TryAgain(plain(getattr(error, "reason", None) or error) or type(error).__name__) from error
    raise Undecided(f"the answer could not be read: {plain(error)}") from error


def _read(stream: Any, status: int, headers: Message, limit: int) -> Answer:
    if (
        len(headers.get_all("Content-Length") or []) > 1
        or (headers.get("Content-Encoding") or "identity") != "identity"
    ):
        raise Undecided("the answer has contradictory lengths or an encoding nobody asked for")
    declared = headers.get("Content-Length")
    if declared is not None and (not declared.isdecimal() or int(declared) > limit):
        raise Undecided("the answer declares a length that cannot be taken")
    pieces, length = [], 0
    while piece := stream.read1(PIECE) if hasattr(stream, "read1") else stream.read(PIECE):
        length += len(piece)
        if length > limit:
            raise Undecided("the answer is too large")
        pieces.append(piece)
    if declared is not None and length != int(declared):
        raise _TryAgain(f"the answer was cut off: {length} of {declared} bytes")
    return Answer(status, headers.get_content_type(), b"".join(pieces), headers.get("Retry-After") or "")


def _judged(answer: Answer, call: _Call) -> Answer:
    if 200 <= answer.status < FIRST_WITHOUT_SUCCESS:
        if answer.media_type != call.accept:
            raise Undecided(f"the answer is {plain(answer.media_type) or 'of no type'}, not {call.accept}")
        return answer
    if answer.status in AGAIN or (answer.status == http.client.CONFLICT and answer.retry_after):
        raise _TryAgain(f"it answered {answer.status}", _pause(answer.retry_after))
    if answer.media_type == "application/problem+json" and 400 <= answer.status < 500:
        problem = _document(answer)
        if isinstance(problem, dict):
            raise Refused(answer.status, problem)
    raise Undecided(f"it answered {answer.status} ({plain(answer.media_type)}), which is no answer of Cadastre")


def _document(answer: Answer) -> Any:
    try:
        return strict_json(answer.body)
    except ValueError as error:
        raise Undecided(f"the answer is not plain JSON: {plain(error)}") from error


def _pause(retry_after: str) -> float | None:
    return min(float(retry_after), LONGEST_PAUSE) if retry_after.isascii() and retry_after.isdecimal() else None


def _checked_url(url: str, *, allow_http: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WrongInput(f"the address {plain(url)!r} is malformed") from error
    if parts.scheme not in ("http", "https") or not host:
        raise WrongInput("no usable address: set CADASTRE_URL or --url to https://...")
    if parts.username or parts.password or parts.query or parts.fragment or not url.isprintable():
        raise WrongInput("the address must be plain: no user, no query, no fragment")
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        raise WrongInput(
            "a token is not sent over plain http to another machine; use https, or --allow-http if you must"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
