"""What exactly does an approval cover? One digest over every field whose change must void it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.gate.codec import to_json
from registry.digests import digest_of


@dataclass(frozen=True)
class Manifest:
    """What is asked to be promoted, where to, and by which rules.

    The evidence digest is not a member: the request freezes its manifest before the run concludes, so an approval
    carries the evidence digest beside the manifest digest and the gate compares both.
    """

    model: str
    version: str
    artifact_digests: Mapping[str, str]
    dataset_digests: Mapping[str, str]
    environment: str
    tier: int
    policy_digest: str
    intended_use: str

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form; artifacts are ``{sha256: role}``, datasets ``{"slug@version#role": sha256}``."""
        data: dict[str, Any] = to_json(self)
        return data

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the manifest."""
        return digest_of(self.as_json())
