"""Does this document really allow these bytes there, now? Verified offline with one key the user chose to trust."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cadastre import ed25519
from cadastre.outcomes import Denied, Undecided, WrongInput
from cadastre.plain import plain, strict_json

KEY_NAME = "cadastre-attestation"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
LONGEST_LIFE = timedelta(minutes=15)
CLOCK_SKEW = timedelta(minutes=2)
LARGEST_DOCUMENT = 1 << 20
NAMES = ("model", "version", "environment", "nonce", "decision")
STAMP = re.compile(r"\A\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z\Z")
SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class TrustedKey:
    """A public key the user handed in: its id and its 32 bytes."""

    key_id: str
    public_key: bytes


@dataclass(frozen=True)
class Expected:
    """What the document must say. A ``nonce`` of None is not compared."""

    artifact_sha256: str
    environment: str
    nonce: str | None = None


@dataclass(frozen=True)
class Allow:
    """What a verified document says."""

    artifact_sha256: str
    model: str
    version: str
    environment: str
    nonce: str
    decision: str
    policy_digest: str
    verified_at: datetime
    not_after: datetime


def read_key(path: str) -> TrustedKey:
    """Return the key of a one-line key file; WrongInput when it cannot be read or its id is not that of its bytes."""
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise WrongInput(f"the key file cannot be read: {error}") from error
    parts = text.split("+", 2)
    if len(parts) != 3 or parts[0] != KEY_NAME or "\n" in text:
        raise WrongInput(f"the key file must hold one line: {KEY_NAME}+<key id>+<base64>")
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongInput("the key file holds no base64") from error
    if len(raw) != ed25519.KEY_BYTES or hashlib.sha256(raw).hexdigest() != parts[1]:
        raise WrongInput("the key file is damaged: its key id is not that of its key")
    return TrustedKey(parts[1], raw)


def verify(envelope: object, *, key: TrustedKey, expected: Expected, now: datetime) -> Allow:
    """Return what a DSSE envelope allows, if it is signed by ``key`` and says yes to exactly what is expected, now.

    Undecided: it is no such envelope, or another key signed it. Denied: it is proven not to be a valid yes.
    """
    payload = _signed_payload(envelope, key)
    try:
        allow = _read_statement(strict_json(payload))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Denied(f"the signed statement is no allow of a gate: {plain(error)}") from error
    _compare("artifact", f"sha256:{allow.artifact_sha256}", f"sha256:{expected.artifact_sha256}")
    _compare("environment", allow.environment, expected.environment)
    if expected.nonce is not None:
        _compare("nonce", allow.nonce, expected.nonce)
    if allow.verified_at > now + CLOCK_SKEW:
        raise Denied(f"the attestation is from the future: made {allow.verified_at}, now {now}")
    if now >= allow.not_after:
        raise Denied(f"the attestation has expired: valid until {allow.not_after}, now {now}")
    return allow


def read_envelope(path: str) -> object:
    """Return the JSON of an attestation file. WrongInput: there is no such file; Undecided: it is not JSON."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise WrongInput(f"the attestation cannot be read: {error}") from error
    if len(data) > LARGEST_DOCUMENT:
        raise Undecided("the attestation is too large to be one")
    try:
        return strict_json(data)
    except ValueError as error:
        raise Undecided(f"the attestation is not a JSON document: {plain(error)}") from error


def _signed_payload(envelope: object, key: TrustedKey) -> bytes:
    try:
        payload, kind, signatures = _open(envelope)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Undecided(f"the attestation is no DSSE envelope: {plain(error)}") from error
    ours = [signature for key_id, signature in signatures if key_id == key.key_id]
    if not ours:
        signers = ", ".join(plain(key_id) for key_id, _signature in signatures) or "nobody"
        raise Undecided(f"the attestation is not signed by the trusted key {key.key_id}, but by {signers}")
    name = kind.encode("utf-8")
    message = b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
    if not any(ed25519.verify(key.public_key, signature, message) for signature in ours):
        raise Denied("the signature of the attestation is wrong: it was changed, or not made with the trusted key")
    if kind != PAYLOAD_TYPE:
        raise Denied(f"the attestation holds {plain(kind)}, not {PAYLOAD_TYPE}")
    return payload


def _open(envelope: Any) -> tuple[bytes, str, list[tuple[str, bytes]]]:
    if not isinstance(envelope, dict) or set(envelope) != {"payload", "payloadType", "signatures"}:
        raise ValueError("its members are not payload, payloadType and signatures")
    kind, found = envelope["payloadType"], envelope["signatures"]
    if not isinstance(kind, str) or not isinstance(found, list) or len(found) > 8:
        raise ValueError("payloadType or signatures are of the wrong kind")
    signatures = [(str(one["keyid"]), base64.b64decode(one["sig"], validate=True)) for one in found]
    return base64.b64decode(envelope["payload"], validate=True), kind, signatures


def _read_statement(statement: Any) -> Allow:
    predicate, (subject,) = statement["predicate"], statement["subject"]
    ours = predicate["cadastre"]
    if statement["_type"] != STATEMENT_TYPE or statement["predicateType"] != PREDICATE_TYPE:
        raise ValueError("another type of statement")
    if predicate["verificationResult"] != "PASSED":
        raise ValueError("its result is not PASSED")
    digests = (subject["digest"]["sha256"], predicate["policy"]["digest"]["sha256"])
    model, version, environment, nonce, decision = (ours[name] for name in NAMES)
    names = (model, version, environment, nonce, decision)
    if not all(isinstance(digest, str) and SHA256.match(digest) for digest in digests):
        raise ValueError("a digest is malformed")
    if set(subject["digest"]) != {"sha256"} or not all(isinstance(name, str) and name for name in names):
        raise ValueError("a member is empty or of the wrong kind")
    allow = Allow(
        artifact_sha256=digests[0],
        model=model,
        version=version,
        environment=environment,
        nonce=nonce,
        decision=decision,
        policy_digest=digests[1],
        verified_at=_instant(predicate["timeVerified"]),
        not_after=_instant(ours["notAfter"]),
    )
    if not timedelta(0) < allow.not_after - allow.verified_at <= LONGEST_LIFE:
        raise ValueError("its validity is longer than a gate gives")
    return allow


def _instant(text: Any) -> datetime:
    if not isinstance(text, str) or not STAMP.match(text):
        raise ValueError(f"not an instant in UTC: {plain(text)}")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _compare(what: str, observed: str, wanted: str) -> None:
    if observed != wanted:
        raise Denied(f"the attestation is for another {what}: observed {plain(observed)}, required {plain(wanted)}")
