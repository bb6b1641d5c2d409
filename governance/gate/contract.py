"""What does the gate need to know? One frozen snapshot of facts, read once, judged by pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

from governance.gate.codec import from_json, to_json
from governance.gate.rules import PolicyRules
from registry.digests import digest_of

ResultStatus = Literal["met", "not_met", "insufficient", "error"]
Severity = Literal["blocking", "advisory"]
Verdict = Literal["approve", "reject"]

OPEN_REQUEST = "open"
"""An allowed request stays open: the question may be asked again, with a new nonce, until it is closed."""


@dataclass(frozen=True)
class Asked:
    """The question: may these bytes run in that environment, answered for this nonce."""

    environment: str
    artifact_sha256: str
    nonce: str


@dataclass(frozen=True)
class ArtifactFacts:
    """The artifact with the digest that was asked about; ``version_count`` counts all versions that hold it."""

    sha256: str
    role: str
    format: str
    version_count: int


@dataclass(frozen=True)
class VersionFacts:
    """The version that holds the artifact.

    ``manifest_digest`` is ``manifest.Manifest(...).digest`` computed now, for the environment that was asked about.
    """

    id: str
    model: str
    version: str
    stage: str
    retired: bool
    manifest_digest: str
    artifact_digests: frozenset[str]


@dataclass(frozen=True)
class EnvironmentFacts:
    """The environment as the inventory knows it."""

    slug: str
    gated: bool


@dataclass(frozen=True)
class TierFacts:
    """The risk tier; ``current`` tells whether it was computed by the rule version in force."""

    tier: int
    rule_version: str
    current: bool


@dataclass(frozen=True)
class PolicyFacts:
    """The policy version in force now for this tier and environment; ``rules`` is None when its text cannot be read."""

    slug: str
    number: int
    digest: str
    rules: PolicyRules | None


@dataclass(frozen=True)
class RequestFacts:
    """The newest promotion request of the version to the environment, with what it froze when it was opened.

    ``evidence_digest`` is that of the run its approvers are shown; empty until the run has concluded.
    ``requested_for`` is the person who answers for the requesting account (the requester, if a person).
    ``contributors`` are the person ids of all who trained, committed, uploaded, registered, requested or validated.
    """

    id: str
    state: str
    version_id: str
    environment: str
    opened_at: datetime
    requested_by: str
    requested_for: str
    manifest_digest: str
    policy_digest: str
    evidence_digest: str
    contributors: frozenset[str]


@dataclass(frozen=True)
class ResultFacts:
    """One check result of the run: a measurement judged against the requirement called ``key``."""

    key: str
    check: str
    status: ResultStatus
    severity: Severity
    observed: str
    required: str
    mend: str


@dataclass(frozen=True)
class ValidationFacts:
    """The newest validation run of the version under the rules of that environment, in whatever state it is.

    ``evidence_verified`` tells whether the evidence digest, recomputed from the stored results just now, matched.
    ``dataset_digests`` are those the run read (training and evaluation).
    """

    run_id: str
    state: str
    outcome: str
    concluded_at: datetime | None
    evidence_digest: str
    evidence_verified: bool
    artifact_sha256: str
    dataset_digests: frozenset[str]
    plan_digest: str
    policy_digest: str
    results: tuple[ResultFacts, ...]


@dataclass(frozen=True)
class FindingFacts:
    """An open finding of the version or its model; ``blocking`` is False once a valid risk acceptance covers it."""

    id: str
    severity: str
    title: str
    blocking: bool


@dataclass(frozen=True)
class ApprovalFacts:
    """One person's yes or no on the request, and what that person is today."""

    id: str
    approver: str
    decision: Verdict
    decided_at: datetime
    expires_at: datetime
    withdrawn: bool
    manifest_digest: str
    evidence_digest: str
    approver_active: bool
    approver_is_person: bool
    approver_roles: frozenset[str]
    approver_is_contributor: bool


@dataclass(frozen=True)
class LineageFacts:
    """The digests of the dataset versions the version is linked to, by the role of the link."""

    training_digests: frozenset[str]
    evaluation_digests: frozenset[str]


@dataclass(frozen=True)
class RecordFacts:
    """Whether the inventory record is complete enough to decide on."""

    owner_named: bool
    owner_active: bool
    intended_use_stated: bool


@dataclass(frozen=True)
class AnchorFacts:
    """One kind of anchor: how long the oldest event has waited for it (0: none waits), and what is wrong with it."""

    kind: str
    waiting_seconds: int
    fault: str


@dataclass(frozen=True)
class DivergenceFacts:
    """A subject that matters here, whose row was not what the ledger says and that nobody has resolved."""

    id: str
    kind: str
    key: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class LedgerFacts:
    """Whether the ledger can prove what it says.

    ``anchor_healthy`` is False, and ``fault`` says why, when the ledger does not extend what was anchored outside.
    ``checkpoint_age_seconds`` is None when no checkpoint exists. An idle ledger does not grow stale: an anchor that
    covers every event has none that waits. ``needed`` and ``limit_seconds`` are the installation's own, where the
    policy says nothing else. ``divergences`` are those that concern the model asked about, or no model in particular.
    """

    anchor_healthy: bool
    fault: str
    checkpoint_age_seconds: int | None
    anchors: tuple[AnchorFacts, ...]
    needed: int
    limit_seconds: int
    divergences: tuple[DivergenceFacts, ...]


@dataclass(frozen=True)
class GateFacts:
    """Everything a decision rests on. What is not known is None; no field has a default, so nothing is forgotten."""

    asked: Asked
    artifact: ArtifactFacts | None
    version: VersionFacts | None
    environment: EnvironmentFacts | None
    tier: TierFacts | None
    policy: PolicyFacts | None
    request: RequestFacts | None
    validation: ValidationFacts | None
    findings: tuple[FindingFacts, ...]
    approvals: tuple[ApprovalFacts, ...]
    lineage: LineageFacts
    record: RecordFacts
    ledger: LedgerFacts

    def __post_init__(self) -> None:
        for where, value in _instants(self, "facts"):
            if value.tzinfo is None or value.utcoffset() is None:
                raise ValueError(f"{where} needs a time zone")

    @property
    def rules(self) -> PolicyRules | None:
        """The rules in force, or None when there is no policy or its text cannot be read."""
        return self.policy.rules if self.policy else None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, from which :meth:`from_json` rebuilds equal facts."""
        data: dict[str, Any] = to_json(self)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GateFacts:
        """Return the facts from their JSON form, so that a past decision can be made again; ValueError if malformed."""
        return from_json(cls, data)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of these facts."""
        return digest_of(self.as_json())


def _instants(value: Any, where: str) -> list[tuple[str, datetime]]:
    if isinstance(value, datetime):
        return [(where, value)]
    if isinstance(value, tuple):
        return [found for index, item in enumerate(value) for found in _instants(item, f"{where}[{index}]")]
    if is_dataclass(value) and not isinstance(value, PolicyRules):
        return [
            found for field in fields(value) for found in _instants(getattr(value, field.name), f"{where}.{field.name}")
        ]
    return []
