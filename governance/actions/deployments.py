"""How is it reported what runs, and what follows when no gate had allowed it?"""

from __future__ import annotations

import uuid

from django.db import transaction

from audits.actions.findings import open_finding
from audits.models import Finding
from governance.models import GateDecision
from registry.actions.deployments import record_deployment
from registry.actions.inventory import require_role
from registry.digests import is_sha256
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.models import Deployment, Environment, Model, ModelVersion, Role, User


@transaction.atomic
def report_deployment(
    version: ModelVersion,
    *,
    environment: Environment,
    artifact_sha256: str,
    decision_id: uuid.UUID | None,
    actor: User,
) -> tuple[Deployment, bool, Finding | None]:
    """Record that a version runs. Without a live allow for these bytes and this place it is recorded all the same, and
    opens a finding; so do bytes that are not the version's. Returns the deployment, whether it is new, and the finding."""
    require_role(actor, Role.CI, Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER)
    if not is_sha256(artifact_sha256):
        raise DomainError("bad-digest", "artifact_sha256 must be 64 lower-case hexadecimal characters.")
    Model.objects.select_for_update().get(pk=version.model_id)
    allowed = _allowing(version, environment, artifact_sha256, decision_id)
    deployment, created = record_deployment(
        version,
        environment=environment,
        artifact_sha256=artifact_sha256,
        gate_decision=allowed.pk if allowed else decision_id if _exists(decision_id) else None,
        gated=allowed is not None,
        actor=actor,
    )
    if not created:
        return deployment, False, None
    finding = None
    if not version.artifact_links.filter(artifact_id=artifact_sha256).exists():
        finding, _ = open_finding(
            version.model, version=version, kind="hash-mismatch", source_key=f"hash-mismatch:{environment.slug}",
            title=f"Other bytes than those of {version} run in {environment.slug}",
            detail=f"Reported: sha256:{artifact_sha256}.", severity=Finding.Severity.CRITICAL, blocking=True, actor=actor,
        )  # fmt: skip
    elif environment.gated and allowed is None:
        finding, _ = open_finding(
            version.model, version=version, kind="ungated-deployment", source_key=f"ungated:{environment.slug}",
            title=f"{version} runs in {environment.slug} without a valid gate decision",
            detail="It was reported without a live allow of the gate for these bytes and this place.",
            severity=Finding.Severity.CRITICAL, blocking=True, actor=actor,
        )  # fmt: skip
    return deployment, True, finding


def _allowing(
    version: ModelVersion, environment: Environment, artifact_sha256: str, decision_id: uuid.UUID | None
) -> GateDecision | None:
    if decision_id is None or Deployment.objects.filter(gate_decision=decision_id, gated=True).exists():
        return None  # an allow is for one deployment
    return GateDecision.objects.filter(
        pk=decision_id,
        outcome=GateDecision.Outcome.ALLOW,
        version=version,
        environment_slug=environment.slug,
        artifact_sha256=artifact_sha256,
        valid_until__gt=database_now(),
    ).first()


def _exists(decision_id: uuid.UUID | None) -> bool:
    return decision_id is not None and GateDecision.objects.filter(pk=decision_id).exists()
