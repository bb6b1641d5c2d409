"""May these bytes go there? Asked with a fresh nonce; yes only when the yes is signed, fresh and about exactly this."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from cadastre import attestation
from cadastre.attestation import Allow, Expected, TrustedKey
from cadastre.outcomes import Denied, Undecided
from cadastre.plain import plain
from cadastre.service import Service

REASON_MEMBERS = ("control", "clause", "text", "observed", "required", "mend")


@dataclass(frozen=True)
class Verdict:
    """The gate's answer: ``allow`` is set for a verified yes only; a no carries its reasons."""

    answer: dict[str, Any]
    reasons: tuple[dict[str, str], ...]
    allow: Allow | None


def ask(service: Service, *, artifact_sha256: str, environment: str, key: TrustedKey) -> Verdict:
    """Return the verdict; Undecided for every answer that is neither a plain no nor a yes that can be verified."""
    nonce = secrets.token_hex(16)
    answer = service.decide(artifact_sha256, environment, nonce)
    decision = answer.get("decision")
    if decision == "deny":
        return Verdict(answer, _reasons(answer.get("reasons")), None)
    if decision != "allow":
        raise Undecided(f"the decision is neither allow nor deny: {plain(decision)!r}")
    expected = Expected(artifact_sha256, environment, nonce)
    try:
        allow = attestation.verify(
            answer.get("attestation"), key=key, expected=expected, now=datetime.now(timezone.utc)
        )
    except Denied as error:
        raise Undecided(f"the service says allow but does not prove it: {error}") from error
    if answer.get("id") != allow.decision:
        raise Undecided("the service says allow, but its attestation is of another decision")
    return Verdict(answer, (), allow)


def _reasons(found: Any) -> tuple[dict[str, str], ...]:
    listed = found if isinstance(found, list) else []
    return tuple({name: plain(one.get(name)) for name in REASON_MEMBERS} for one in listed if isinstance(one, dict))
