"""How does an allow leave the house? As a signed document that proves itself offline: DSSE, in-toto, SLSA VSA."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope

from registry.digests import canonical_json, is_sha256
from registry.errors import DomainError
from registry.ledger.keys import key_id

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
VERIFIED_LEVEL = "CADASTRE_GATE_ALLOW"
KEY_NAME = "cadastre-attestation"
LONGEST_LIFE = timedelta(minutes=15)
CLOCK_SKEW = timedelta(minutes=2)

Refusal = Literal[
    "attestation-unreadable",
    "attestation-not-signed",
    "attestation-other-artifact",
    "attestation-other-environment",
    "attestation-other-nonce",
    "attestation-expired",
    "attestation-from-the-future",
    "attestation-not-passed",
]


@dataclass(frozen=True)
class LedgerPosition:
    """The checkpoint the decision was made at: its origin, tree size and base64 root hash."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True)
class Claim:
    """What an attestation says: these bytes may run there, by that policy, asked with this nonce, until then."""

    artifact_sha256: str
    model: str
    version: str
    environment: str
    nonce: str
    decision: str
    policy_uri: str
    policy_digest: str
    verifier: str
    verified_at: datetime
    not_after: datetime
    checkpoint: LedgerPosition | None

    def statement(self) -> dict[str, Any]:
        """Return the in-toto Statement v1 with the SLSA VSA v1 predicate; ours are the members of ``cadastre``."""
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": f"{self.model}/{self.version}", "digest": {"sha256": self.artifact_sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "verifier": {"id": self.verifier},
                "timeVerified": _stamp(self.verified_at),
                "resourceUri": f"cadastre:{self.model}/{self.version}@{self.environment}",
                "policy": {"uri": self.policy_uri, "digest": {"sha256": self.policy_digest}},
                "verificationResult": "PASSED",
                "verifiedLevels": [VERIFIED_LEVEL],
                "cadastre": {
                    "decision": self.decision,
                    "environment": self.environment,
                    "model": self.model,
                    "version": self.version,
                    "nonce": self.nonce,
                    "notAfter": _stamp(self.not_after),
                    "checkpoint": vars(self.checkpoint) if self.checkpoint else None,
                },
            },
        }


def public_key_line(key: Ed25519PublicKey) -> str:
    """Return the line that a key file holds: ``cadastre-attestation+<key id>+<base64 of the 32 bytes>``."""
    return f"{KEY_NAME}+{key_id(key)}+{base64.b64encode(key.public_bytes_raw()).decode('ascii')}"


def attest(claim: Claim, *, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the signed DSSE envelope of a claim.

    Raises ValueError for a claim that no client would accept: a malformed digest, an empty field, a naive instant, an
    end that does not come after the start, or one later than fifteen minutes after it.
    """
    _refuse_unsound(claim)
    payload = canonical_json(claim.statement())
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    signature = key.sign(envelope.pae())
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode("ascii")},
        ],
    }


def verify(
    envelope: Mapping[str, Any],
    *,
    key: Ed25519PublicKey,
    artifact_sha256: str,
    environment: str,
    now: datetime,
    nonce: str | None = None,
) -> Claim:
    """Return what the envelope claims, if it is signed by ``key`` and says yes to exactly this, now.

    ``nonce`` None leaves the nonce unchecked (for a document that is looked at later). Raises DomainError with one
    of the codes of ``Refusal``.
    """
    claim = _signed_claim(envelope, key)
    if claim.artifact_sha256 != artifact_sha256:
        raise _refusal("attestation-other-artifact", observed=claim.artifact_sha256, required=artifact_sha256)
    if claim.environment != environment:
        raise _refusal("attestation-other-environment", observed=claim.environment, required=environment)
    if nonce is not None and claim.nonce != nonce:
        raise _refusal("attestation-other-nonce", observed=claim.nonce, required=nonce)
    if claim.verified_at > now + CLOCK_SKEW:
        raise _refusal("attestation-from-the-future", observed=_stamp(claim.verified_at), required=_stamp(now))
    if now >= claim.not_after:
        raise _refusal("attestation-expired", observed=_stamp(claim.not_after), required=f"later than {_stamp(now)}")
    return claim


def _signed_claim(envelope: Mapping[str, Any], key: Ed25519PublicKey) -> Claim:
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [
            base64.b64decode(signature["sig"], validate=True)
            for signature in envelope["signatures"]
            if signature.get("keyid") == key_id(key)
        ]
        pae = Envelope(payload, envelope["payloadType"], {}).pae()
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error) as error:
        raise _refusal("attestation-unreadable", observed=str(error), required="a DSSE envelope") from error
    if envelope["payloadType"] != PAYLOAD_TYPE or not any(_signs(key, signature, pae) for signature in signatures):
        raise _refusal("attestation-not-signed", observed="no valid signature", required=f"signed by {key_id(key)}")
    try:
        return _claim(json.loads(payload))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _refusal("attestation-not-passed", observed=str(error), required="a passed VSA of our own") from error


def _signs(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _claim(statement: Mapping[str, Any]) -> Claim:
    predicate, subject = statement["predicate"], statement["subject"]
    ours, place = predicate["cadastre"], predicate["cadastre"]["checkpoint"]
    claim = Claim(
        artifact_sha256=subject[0]["digest"]["sha256"],
        model=ours["model"],
        version=ours["version"],
        environment=ours["environment"],
        nonce=ours["nonce"],
        decision=ours["decision"],
        policy_uri=predicate["policy"]["uri"],
        policy_digest=predicate["policy"]["digest"]["sha256"],
        verifier=predicate["verifier"]["id"],
        verified_at=datetime.fromisoformat(predicate["timeVerified"]),
        not_after=datetime.fromisoformat(ours["notAfter"]),
        checkpoint=LedgerPosition(**place) if place else None,
    )
    if claim.statement() != statement:  # also refuses another type, another result, a second subject, an extra member
        raise ValueError("it says something else than an allow of this gate")
    return claim


def _refuse_unsound(claim: Claim) -> None:
    if not is_sha256(claim.artifact_sha256) or not is_sha256(claim.policy_digest):
        raise ValueError("an attestation names artifact and policy by SHA-256")
    texts = (
        claim.model,
        claim.version,
        claim.environment,
        claim.nonce,
        claim.decision,
        claim.verifier,
        claim.policy_uri,
    )
    if not all(texts):
        raise ValueError("an attestation leaves nothing empty")
    life = claim.not_after - claim.verified_at
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise ValueError(f"an attestation lives at most {LONGEST_LIFE}, not {life}")


def _stamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(code: Refusal, *, observed: str, required: str) -> DomainError:
    return DomainError(code, f"Observed {observed}; required {required}.", observed=observed, required=required)
