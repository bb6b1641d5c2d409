"""Does `cadastre gate` say yes to a proven yes, no to a no, and never yes to anything else?"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cadastre.command import main

from tests.client.answers import MODEL_SHA, STRANGER, TOKEN, Answer, Asked, Handler, Server, allow, allows, sends
from tests.client.conftest import CLIENT

REASONS = [
    {
        "control": "VAL-03",
        "clause": "PRA SS1/23 P4.1",
        "text": "auc (performance.roc_auc) is not met",
        "observed": "0.61, n = 812",
        "required": "at least 0.65",
        "mend": "Improve the model's ranking.",
    },
    {"control": "SOD-03", "clause": "", "text": "Approvals", "observed": "0 count", "required": "2", "mend": "Ask."},
]
DENIAL = {
    "id": "decision-2",
    "decision": "deny",
    "reasons": REASONS,
    "valid_until": "2026-11-21T12:00:00Z",
    "attestation": None,
}

Ask = Callable[..., int]


@pytest.fixture
def ask(server: Server, model_file: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("CADASTRE_URL", server.url)
    monkeypatch.setenv("CADASTRE_TOKEN", TOKEN)
    monkeypatch.setenv("CADASTRE_KEY", str(key_file))

    def run(answer: Answer | None, *more: str, timeout: str = "10") -> int:
        server.answer = answer
        return main(["gate", str(model_file), "--environment", "production", "--timeout", timeout, *more])

    return run


def test_a_proven_allow_exits_0_and_leaves_its_attestation(
    ask: Ask, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, proof = tmp_path / "gate.json", tmp_path / "attestation.json"
    assert ask(allows(), "--json", str(out), "--attestation", str(proof)) == 0
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/gate/decisions/")
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.json()["artifact_sha256"] == MODEL_SHA
    document = json.loads(out.read_text())
    assert (document["decision"], document["verified"], document["artifact_sha256"]) == ("allow", True, MODEL_SHA)
    assert json.loads(proof.read_text())["payloadType"] == "application/vnd.in-toto+json"
    said = capsys.readouterr().out
    assert said.startswith("ALLOWED: ")
    assert "credit/1.1" in said


def test_every_question_has_a_nonce_of_its_own(ask: Ask, server: Server) -> None:
    assert [ask(allows()), ask(allows())] == [0, 0]
    first, second = (asked.json()["nonce"] for asked in server.asked)
    assert first != second
    assert len(first) >= 32


def test_a_denial_exits_1_and_prints_each_reason(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, proof = tmp_path / "gate.json", tmp_path / "attestation.json"
    proof.write_text("of an earlier run")
    assert ask(sends(DENIAL), "--json", str(out), "--attestation", str(proof)) == 1
    said = capsys.readouterr().out
    assert "DENIED" in said
    assert "2 reasons" in said
    for line in (
        "- VAL-03  auc (performance.roc_auc) is not met  [PRA SS1/23 P4.1]",
        "    observed: 0.61, n = 812",
        "    required: at least 0.65",
        "    to mend:  Improve the model's ranking.",
        "- SOD-03  Approvals",
    ):
        assert line in said.splitlines()
    document = json.loads(out.read_text())
    assert (document["decision"], document["verified"], document["reasons"]) == ("deny", False, REASONS)
    assert not proof.exists()


def test_text_from_the_service_cannot_steer_the_terminal(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x1b[32mALLOWED\n::set-output name=x::y \u202eton\x07" + "x" * 5000
    assert ask(sends(DENIAL | {"reasons": [REASONS[0] | {"text": evil}]})) == 1
    said = capsys.readouterr().out
    assert not any(sign in said for sign in ("\x1b", "\u202e", "\x07", "\n::set-output"))
    assert max(map(len, said.splitlines())) < 2200


def test_a_denial_with_unusable_reasons_is_still_a_denial(ask: Ask) -> None:
    for reasons in (None, "none", [None, 3, {"control": ["x"]}], {}):
        assert ask(sends(DENIAL | {"reasons": reasons})) == 1


def _set(**members: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(members)


def _flip(document: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(document["attestation"]["payload"]))
    raw[40] ^= 1
    document["attestation"]["payload"] = base64.b64encode(raw).decode()


def _strip(document: dict[str, Any]) -> None:
    document["attestation"]["signatures"] = []


def _retype(document: dict[str, Any]) -> None:
    document["attestation"]["payloadType"] = "text/plain"


def _raw(head: bytes, body: bytes = b"") -> Answer:
    def answer(handler: Handler, _asked: Asked) -> None:
        handler.wfile.write(head + b"\r\n\r\n" + body)
        handler.close_connection = True

    return answer


def _drips(handler: Handler, asked: Asked) -> None:
    body = json.dumps(allow(asked.json())).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for byte in body:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def _drips_headers(handler: Handler, _asked: Asked) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: " + b"y" * 5000:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def _never(_handler: Handler, _asked: Asked) -> None:
    time.sleep(3)


def _cut(handler: Handler, asked: Asked) -> None:
    body = json.dumps(allow(asked.json())).encode()
    handler.send(200, body[:-30], Content_Length=str(len(body)))
    handler.close_connection = True


def _as_text(handler: Handler, asked: Asked) -> None:
    handler.send(200, json.dumps(allow(asked.json())).encode(), "text/plain")


def _redirects(status: int) -> Answer:
    def answer(handler: Handler, asked: Asked) -> None:
        if asked.path == "/api/v1/gate/decisions/":
            handler.send(status, b"", Location=f"/elsewhere?{asked.path}")
        else:
            handler.send(200, json.dumps({"id": "x", "decision": "allow"}).encode())

    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json"
NOW = datetime.now(UTC)

HOSTILE: dict[str, Answer] = {
    "500": sends({"decision": "allow"}, 500),
    "500 with a problem": sends({"code": "server-error"}, 500, "application/problem+json"),
    "503": sends({}, 503, Retry_After="0"),
    "429": sends({}, 429, Retry_After="0"),
    "301": _redirects(301),
    "302": _redirects(302),
    "303": _redirects(303),
    "307": _redirects(307),
    "308": _redirects(308),
    "204": sends(b"", 204),
    "404 in HTML": sends(b"<h1>Not found</h1>", 404, "text/html"),
    "403 in JSON that is no problem": sends({"decision": "allow"}, 403),
    "418": sends({"decision": "allow"}, 418),
    "a login page": sends(b"<html>allow</html>", 200, "text/html"),
    "JSON called HTML": sends(DENIAL | {"decision": "allow"}, 200, "text/html"),
    "an allow called text": _as_text,
    "an empty body": sends(b""),
    "half a document": sends(b'{"decision": "allow"'),
    "a truncated answer": _cut,
    "a list": sends([{"decision": "allow"}]),
    "a word": sends("allow"),
    "null": sends(None),
    "true": sends(True),
    "an empty object": sends({}),
    "invalid UTF-8": sends(b'{"decision": "allow\xff"}'),
    "UTF-16": sends('{"decision": "allow"}'.encode("utf-16")),
    "NaN": sends(b'{"decision": "deny", "x": NaN}'),
    "nesting": sends(b'{"decision": "deny", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "a number of 5,000 digits": sends(b'{"decision": "deny", "x": ' + b"9" * 5000 + b"}"),
    "duplicate keys": sends(b'{"decision":"deny","decision":"allow"}'),
    "duplicate keys the other way": sends(b'{"decision":"allow","decision":"deny"}'),
    "no decision": sends({"allow": True}),
    "decision true": allows(_set(decision=True)),
    "decision ALLOW": allows(_set(decision="ALLOW")),
    "decision with a space": allows(_set(decision="allow ")),
    "decision allowed": allows(_set(decision="allowed")),
    "decision in a list": allows(_set(decision=["allow"])),
    "decision null": allows(_set(decision=None)),
    "decision DENY": sends(DENIAL | {"decision": "DENY"}),
    "an unsigned allow": allows(_set(attestation=None)),
    "an allow without the member": sends({"id": "decision-1", "decision": "allow"}),
    "an attestation in text": allows(_set(attestation="signed, honestly")),
    "an empty attestation": allows(_set(attestation={})),
    "no signatures": allows(_strip),
    "a changed payload": allows(_flip),
    "another payload type": allows(_retype),
    "a stranger's signature": allows(key=STRANGER),
    "another nonce": allows(nonce="another-nonce"),
    "another artifact": allows(artifact_sha256="b" * 64),
    "another environment": allows(environment="staging"),
    "the environment in capitals": allows(environment="Production"),
    "an expired allow": allows(verified_at=NOW - timedelta(hours=1), not_after=NOW - timedelta(minutes=50)),
    "an allow from the future": allows(verified_at=NOW + timedelta(hours=1), not_after=NOW + timedelta(minutes=70)),
    "another decision's attestation": allows(_set(id="decision-9")),
    "an allow without id": allows(_set(id=None)),
    "no HTTP at all": _raw(b"SSH-2.0-OpenSSH_9.9"),
    "a status that is no number": _raw(b"HTTP/1.1 abc OK"),
    "two lengths": _raw(OK + b"\r\nContent-Length: 2\r\nContent-Length: 40", b'{}{"decision":"allow"}'),
    "a negative length": _raw(OK + b"\r\nContent-Length: -1", b"{}"),
    "a length of 10 GB": _raw(OK + b"\r\nContent-Length: 10000000000", b"{}"),
    "gzip nobody asked for": sends(b"\x1f\x8b", Content_Encoding="gzip"),
    "5 MB of JSON": sends({"decision": "deny", "x": "y" * (5 << 20)}),
    "a bad chunk": _raw(OK + b"\r\nTransfer-Encoding: chunked", b"zz\r\n{}"),
    "a chunked answer cut off": _raw(OK + b"\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n"),
    "a closed connection": _raw(b""),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_nothing_but_a_proven_allow_passes(ask: Ask, server: Server, name: str, tmp_path: Path) -> None:
    out, proof = tmp_path / "gate.json", tmp_path / "attestation.json"
    out.write_text('{"decision": "allow"}')
    proof.write_text("of an earlier run")
    assert ask(HOSTILE[name], "--json", str(out), "--attestation", str(proof)) == 3
    assert json.loads(out.read_text())["decision"] == "undecided"
    assert not proof.exists()
    assert {asked.path for asked in server.asked} == {"/api/v1/gate/decisions/"}


@pytest.mark.parametrize("answer", [_drips, _drips_headers, _never], ids=["dripped body", "dripped headers", "silence"])
def test_a_slow_server_cannot_hold_the_pipeline(ask: Ask, answer: Answer) -> None:
    assert ask(answer, timeout="0.6") == 3


def test_a_service_that_is_away_is_no_yes(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CADASTRE_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        assert ask(None) == 3


def test_a_stumble_is_tried_again_under_the_same_idempotency_key(ask: Ask, server: Server) -> None:
    def answer(handler: Handler, asked: Asked) -> None:
        first = len(server.asked) < 3
        (sends({}, 503) if first else allows())(handler, asked)

    assert ask(answer) == 0
    assert len(server.asked) == 3
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len({asked.body for asked in server.asked}) == 1


def test_three_tries_and_no_more(ask: Ask, server: Server) -> None:
    assert ask(sends({}, 502)) == 3
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_with_a_reason_is_wrong_input(
    ask: Ask, server: Server, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {
        "code": "token-without-scope",
        "title": "No",
        "detail": "The token may not ask the gate.",
        "status": status,
    }
    assert ask(sends(problem, status, "application/problem+json")) == 2
    assert "token-without-scope): The token may not ask the gate." in capsys.readouterr().err
    assert len(server.asked) == 1


def test_wrong_usage_exits_2_and_asks_nobody(
    ask: Ask, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key_file: Path
) -> None:
    server.answer = allows()
    assert main(["gate", str(tmp_path / "absent.skops"), "--environment", "production"]) == 2
    assert ask(allows(), "--key", str(tmp_path / "absent.pub")) == 2
    for name, value in {"CADASTRE_TOKEN": "", "CADASTRE_KEY": ""}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert ask(allows()) == 2
    before = len(server.asked)
    for url in (
        "",
        "ftp://x",
        "file:///etc/passwd",
        "http://",
        "https://user:pass@127.0.0.1/",
        "http://[::1",
        "http://example.org",
    ):
        assert ask(allows(), "--url", url) == 2
    monkeypatch.setenv("CADASTRE_TOKEN", "with\nnewline")
    assert ask(allows()) == 2
    assert len(server.asked) == before


@pytest.mark.parametrize("flag", ["--json", "--attestation"])
def test_an_allow_whose_papers_cannot_be_written_does_not_pass(ask: Ask, tmp_path: Path, flag: str) -> None:
    assert ask(allows(), flag, str(tmp_path / "no" / "such" / "folder.json")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "cadastre-attestation+{id}",
        "cadastre-ledger+{id}+{key}",
        "cadastre-attestation+0000+{key}",
        "cadastre-attestation+{id}+%%",
        "{line}\n{line}",
    ],
)
def test_a_damaged_key_file_is_wrong_input(ask: Ask, key_file: Path, text: str) -> None:
    line = key_file.read_text().strip()
    _name, identity, key = line.split("+", 2)
    key_file.write_text(text.format(id=identity, key=key, line=line))
    assert ask(allows()) == 2


@pytest.mark.parametrize("arguments", [[], ["gate"], ["gate", "x"], ["gate", "x", "--env", "production"], ["unknown"]])
def test_a_command_line_that_is_wrong_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_the_real_process_exits_as_it_should(server: Server, model_file: Path, key_file: Path) -> None:
    environment = {
        "PYTHONPATH": str(CLIENT),
        "CADASTRE_URL": server.url,
        "CADASTRE_TOKEN": TOKEN,
        "CADASTRE_KEY": str(key_file),
    }
    command = [sys.executable, "-S", "-m", "cadastre", "gate", str(model_file), "--environment", "production"]
    for answer, code in ((allows(), 0), (sends(DENIAL), 1), (allows(_flip), 3)):
        server.answer = answer
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
