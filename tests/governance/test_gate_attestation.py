"""Is an allow that leaves the house signed, bound, short-lived, and readable by others' tools?"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from governance.gate.attestation import Claim, LedgerPosition, attest, public_key_line, verify
from registry.digests import canonical_json
from registry.errors import DomainError
from registry.ledger.keys import key_id
from tests.governance.gate_facts import NOW, OTHER, POLICY, SHA

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
CLAIM = Claim(
    artifact_sha256=SHA,
    model="credit",
    version="1.1",
    environment="production",
    nonce="nonce-0001",
    decision="decision-1",
    policy_uri="cadastre:policy/consumer-credit/3",
    policy_digest=POLICY,
    verifier="https://cadastre.example",
    verified_at=NOW,
    not_after=NOW + timedelta(minutes=15),
    checkpoint=LedgerPosition("cadastre.example/ledger", 42, base64.b64encode(bytes(32)).decode()),
)
EXPECTED: dict[str, Any] = {"artifact_sha256": SHA, "environment": "production", "nonce": "nonce-0001", "now": NOW}


def signed(statement: object, key: Ed25519PrivateKey = KEY, payload_type: str = "application/vnd.in-toto+json") -> Any:
    payload = canonical_json(statement)
    signature = key.sign(Envelope(payload, payload_type, {}).pae())
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}],
    }


def refusal(envelope: Any, **changes: Any) -> str:
    with pytest.raises(DomainError) as caught:
        verify(envelope, key=KEY.public_key(), **(EXPECTED | changes))
    return caught.value.code


def test_what_was_attested_is_what_is_verified() -> None:
    assert verify(attest(CLAIM, key=KEY), key=KEY.public_key(), **EXPECTED) == CLAIM
    without = replace(CLAIM, checkpoint=None)
    assert verify(attest(without, key=KEY), key=KEY.public_key(), **(EXPECTED | {"nonce": None})) == without


def test_the_statement_is_in_toto_v1_with_a_slsa_vsa_v1_predicate() -> None:
    statement = json.loads(base64.b64decode(attest(CLAIM, key=KEY)["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert statement["subject"] == [{"name": "credit/1.1", "digest": {"sha256": SHA}}]
    predicate = statement["predicate"]
    assert predicate["verifier"] == {"id": "https://cadastre.example"}
    assert predicate["timeVerified"] == "2026-11-21T12:00:00Z"
    assert predicate["resourceUri"] == "cadastre:credit/1.1@production"
    assert predicate["policy"] == {"uri": "cadastre:policy/consumer-credit/3", "digest": {"sha256": POLICY}}
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["cadastre"]["notAfter"] == "2026-11-21T12:15:00Z"
    assert predicate["cadastre"]["checkpoint"]["size"] == 42


def test_securesystemslib_accepts_the_envelope() -> None:
    envelope = Envelope.from_dict(json.loads(json.dumps(attest(CLAIM, key=KEY))))
    public = SSlibKey.from_crypto(KEY.public_key(), keyid=key_id(KEY.public_key()))
    assert set(envelope.verify([public], 1)) == {key_id(KEY.public_key())}


def test_the_same_claim_gives_the_same_bytes() -> None:
    assert attest(CLAIM, key=KEY) == attest(CLAIM, key=KEY)


def test_the_key_line_is_one_line_of_name_id_and_key() -> None:
    name, identity, encoded = public_key_line(KEY.public_key()).split("+", 2)
    assert (name, identity) == ("cadastre-attestation", key_id(KEY.public_key()))
    assert base64.b64decode(encoded) == KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"artifact_sha256": OTHER}, "attestation-other-artifact"),
        ({"environment": "staging"}, "attestation-other-environment"),
        ({"nonce": "nonce-0002"}, "attestation-other-nonce"),
        ({"nonce": ""}, "attestation-other-nonce"),
        ({"now": NOW + timedelta(minutes=15)}, "attestation-expired"),
        ({"now": NOW - timedelta(minutes=3)}, "attestation-from-the-future"),
    ],
)
def test_an_attestation_of_something_else_is_refused(changes: dict[str, Any], code: str) -> None:
    assert refusal(attest(CLAIM, key=KEY), **changes) == code


def test_an_attestation_by_a_stranger_is_refused() -> None:
    envelope = attest(CLAIM, key=STRANGER)
    assert refusal(envelope) == "attestation-not-signed"
    envelope["signatures"][0]["keyid"] = key_id(KEY.public_key())
    assert refusal(envelope) == "attestation-not-signed"


def test_no_single_changed_byte_of_payload_or_signature_passes() -> None:
    envelope = attest(CLAIM, key=KEY)
    payload = base64.b64decode(envelope["payload"])
    for index in range(0, len(payload), 7):
        spoiled = payload[:index] + bytes([payload[index] ^ 1]) + payload[index + 1 :]
        assert refusal({**envelope, "payload": base64.b64encode(spoiled).decode()}) == "attestation-not-signed"
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    for index in range(64):
        spoiled = signature[:index] + bytes([signature[index] ^ 1]) + signature[index + 1 :]
        signatures = [{**envelope["signatures"][0], "sig": base64.b64encode(spoiled).decode()}]
        assert refusal({**envelope, "signatures": signatures}) == "attestation-not-signed"


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"payload": "%%", "payloadType": "x", "signatures": []},
        {"payload": "e30=", "payloadType": 3, "signatures": []},
        {"payload": "e30=", "payloadType": "x", "signatures": None},
        {"payload": "e30=", "payloadType": "x", "signatures": ["x"]},
    ],
)
def test_what_is_no_envelope_is_unreadable(envelope: Any) -> None:
    assert refusal(envelope) == "attestation-unreadable"


def test_another_payload_type_is_refused() -> None:
    assert refusal(signed(CLAIM.statement(), payload_type="text/plain")) == "attestation-not-signed"


def _spoil(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(statement: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = statement
        for step in steps:
            place = place[int(step)] if step.isdigit() else place[step]
        place[last] = value

    return apply


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil("predicate.verificationResult", "FAILED"),
        _spoil("predicate.verificationResult", "passed"),
        _spoil("_type", "https://in-toto.io/Statement/v0.1"),
        _spoil("predicateType", "https://slsa.dev/provenance/v1"),
        _spoil("predicate.verifiedLevels", []),
        _spoil("subject.0.digest", {"sha256": SHA, "sha1": "0" * 40}),
        _spoil("predicate.extra", True),
        _spoil("predicate.cadastre", None),
        _spoil("subject", []),
    ],
)
def test_a_signed_statement_that_is_no_allow_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    statement = CLAIM.statement()
    spoil(statement)
    assert refusal(signed(statement)) == "attestation-not-passed"


def test_a_second_subject_is_refused() -> None:
    statement = CLAIM.statement()
    statement["subject"].append({"name": "other", "digest": {"sha256": OTHER}})
    assert refusal(signed(statement)) == "attestation-not-passed"


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact_sha256": "A" * 64},
        {"policy_digest": ""},
        {"nonce": ""},
        {"environment": ""},
        {"not_after": NOW},
        {"not_after": NOW + timedelta(minutes=16)},
    ],
)
def test_a_claim_that_no_client_would_take_is_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="an attestation"):
        attest(replace(CLAIM, **changes), key=KEY)
