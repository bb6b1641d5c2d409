"""Does `cadastre verify` prove an attestation offline, and tell false from unreadable?"""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cadastre import asking, transport
from cadastre.command import main

from governance.gate.attestation import attest, public_key_line
from tests.client.answers import KEY, MODEL_SHA, STRANGER, claim

QUESTION = {"artifact_sha256": MODEL_SHA, "environment": "production", "nonce": "nonce-0001"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("verify went to the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(transport, "Transport", refuse)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    path = tmp_path / "attestation.json"
    path.write_text(json.dumps(attest(claim(QUESTION), key=KEY)))
    return path


def verify(proof: Path, model: Path, key: Path, *more: str, environment: str = "production") -> int:
    return main(
        ["verify", str(proof), "--artifact", str(model), "--key", str(key), "--environment", environment, *more]
    )


def test_a_true_attestation_verifies(
    proof: Path, model_file: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(proof, model_file, key_file) == 0
    assert verify(proof, model_file, key_file, "--nonce", "nonce-0001") == 0
    assert capsys.readouterr().out.startswith(f"VERIFIED: sha256:{MODEL_SHA}, credit/1.1")


@pytest.mark.parametrize("index", [0, 7, 16])
def test_one_changed_byte_of_the_artifact_is_a_denial(
    proof: Path, model_file: Path, key_file: Path, index: int
) -> None:
    data = bytearray(model_file.read_bytes())
    data[index] ^= 1
    model_file.write_bytes(bytes(data))
    assert verify(proof, model_file, key_file) == 1


def test_a_byte_more_or_less_is_a_denial(proof: Path, model_file: Path, key_file: Path) -> None:
    data = model_file.read_bytes()
    for other in (data + b"\0", data[:-1], b""):
        model_file.write_bytes(other)
        assert verify(proof, model_file, key_file) == 1


def test_another_environment_is_a_denial(proof: Path, model_file: Path, key_file: Path) -> None:
    for environment in ("staging", "Production", "production ", ""):
        assert verify(proof, model_file, key_file, environment=environment) == 1


def test_an_old_nonce_is_a_denial(proof: Path, model_file: Path, key_file: Path) -> None:
    assert verify(proof, model_file, key_file, "--nonce", "nonce-0000") == 1
    assert verify(proof, model_file, key_file, "--nonce", "") == 1


@pytest.mark.parametrize(("ago", "code"), [(14, 0), (16, 1), (60 * 24 * 365, 1)])
def test_an_expired_document_is_a_denial(proof: Path, model_file: Path, key_file: Path, ago: int, code: int) -> None:
    start = datetime.now(UTC) - timedelta(minutes=ago)
    made = claim(QUESTION, verified_at=start, not_after=start + timedelta(minutes=15))
    proof.write_text(json.dumps(attest(made, key=KEY)))
    assert verify(proof, model_file, key_file) == code


def test_a_document_that_expires_this_second_is_a_denial(
    proof: Path, model_file: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime(2026, 11, 21, 12, 15, tzinfo=UTC)
    proof.write_text(
        json.dumps(attest(claim(QUESTION, verified_at=end - timedelta(minutes=15), not_after=end), key=KEY))
    )
    for moment, code in ((end - timedelta(seconds=1), 0), (end, 1), (end - timedelta(minutes=18), 1)):
        monkeypatch.setattr(asking, "datetime", type("Clock", (), {"now": staticmethod(lambda _zone, m=moment: m)}))
        assert verify(proof, model_file, key_file) == code


def test_a_signature_made_with_another_key_under_our_name_is_a_denial(
    proof: Path, model_file: Path, key_file: Path
) -> None:
    document = attest(claim(QUESTION), key=STRANGER)
    document["signatures"][0]["keyid"] = attest(claim(QUESTION), key=KEY)["signatures"][0]["keyid"]
    proof.write_text(json.dumps(document))
    assert verify(proof, model_file, key_file) == 1


def test_a_second_bad_signature_does_not_spoil_a_good_one_and_two_bad_ones_do(
    proof: Path, model_file: Path, key_file: Path
) -> None:
    document = json.loads(proof.read_text())
    good = document["signatures"][0]
    bad = {**good, "sig": attest(claim(QUESTION), key=STRANGER)["signatures"][0]["sig"]}
    for signatures, code in (([bad, good], 0), ([good, bad], 0), ([bad, bad], 1)):
        proof.write_text(json.dumps({**document, "signatures": signatures}))
        assert verify(proof, model_file, key_file) == code


def test_a_document_signed_by_a_key_we_do_not_have_is_undecided(proof: Path, model_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pub"
    other.write_text(public_key_line(STRANGER.public_key()))
    assert verify(proof, model_file, other) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "NaN",
        "\x00",
        "[" * 100_000,
        '{"payload": "e30=", "payload": "e30="}',
        '{"payload": 1, "payloadType": 2, "signatures": 3}',
        '{"payload": "%", "payloadType": "x", "signatures": []}',
    ],
)
def test_an_unreadable_document_is_undecided(proof: Path, model_file: Path, key_file: Path, text: str) -> None:
    proof.write_text(text)
    assert verify(proof, model_file, key_file) == 3


def test_no_changed_character_of_the_document_verifies(proof: Path, model_file: Path, key_file: Path) -> None:
    text = proof.read_text()
    for index in range(0, len(text), 29):
        spoiled = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        proof.write_text(spoiled)
        assert verify(proof, model_file, key_file) in (1, 3)


@pytest.mark.parametrize("missing", ["proof", "model", "key"])
def test_a_missing_file_is_wrong_input(proof: Path, model_file: Path, key_file: Path, missing: str) -> None:
    {"proof": proof, "model": model_file, "key": key_file}[missing].unlink()
    assert verify(proof, model_file, key_file) == 2


def test_no_key_is_wrong_input(proof: Path, model_file: Path) -> None:
    assert main(["verify", str(proof), "--artifact", str(model_file), "--environment", "production"]) == 2
