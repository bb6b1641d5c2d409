"""What decided at an instant, on which data, validated how, and who let it? Worked out from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audits.models import Finding, ValidationRun
from governance.models import Approval, GateDecision, PolicyVersion, PromotionRequest, TierAssessment
from registry.ledger.past import Past, key_of, said
from registry.models import (
    Artifact,
    Contribution,
    DatasetVersion,
    Deployment,
    Model,
    ModelVersion,
    VersionArtifact,
    VersionDataset,
)


@dataclass(frozen=True)
class Running:
    """A version that ran in a place at the instant, with what had let it there.

    ``promotion`` is the request that the gate decision answered, and without one the newest for that place; ``validation``
    is the run of that request, and without one the newest that was over.
    """

    deployment: Deployment
    version: ModelVersion
    validation: ValidationRun | None
    gate: GateDecision | None
    promotion: PromotionRequest | None
    approvals: Sequence[Approval]
    policy: PolicyVersion | None


@dataclass(frozen=True)
class InForce:
    """What of a model was in force at the instant, and the findings that were not closed."""

    model: Model
    running: Sequence[Running]
    findings: Sequence[Finding]


def in_force(past: Past, slug: str) -> InForce | None:
    """Return what of a model was in force; None when it was not registered yet."""
    model = past.row(Model, slug)
    if model is None:
        return None
    complete_models(past, [model])
    versions = {key_of(row): row for row in past.rows(ModelVersion, where={"model": [slug]})}
    running = _running(past, versions) if versions else []
    found = [row for row in past.rows(Finding, where={"model": [slug]}) if row.state != Finding.State.CLOSED]
    findings = newest_last(found, "opened_at")
    past.follow(findings, "version", "owner", "opened_by", "resolved_by")
    return InForce(model, running, findings)


def _running(past: Past, versions: Mapping[str, ModelVersion]) -> list[Running]:
    deployed = past.rows(Deployment, where={"version": list(versions)})
    deployments = newest_last([row for row in deployed if row.ended_at is None], "started_at")
    if not deployments:
        return []
    past.follow(deployments, "environment", "reported_by")
    used = {said(row)["version"] for row in deployments}
    complete_versions(past, [versions[key] for key in sorted(used)])
    gates = {key_of(row): row for row in past.rows(GateDecision, keys=_keys(deployments, "gate_decision"))}
    past.follow(gates.values(), "asked_by")
    requests = past.rows(PromotionRequest, where={"version": sorted(used)})
    past.follow(requests, "version", "policy", "run", "requested_by", "requested_for")
    by_key = {key_of(row): row for row in newest_last(requests, "requested_at")}
    past.follow([row.policy for row in requests], "drafted_by", "published_by")
    approvals = newest_last(past.rows(Approval, where={"request": list(by_key)}) if by_key else [], "decided_at")
    past.follow(approvals, "approver")
    runs = newest_last(past.rows(ValidationRun, where={"version": sorted(used)}), "requested_at")
    found = []
    for deployment in deployments:
        key = said(deployment)["version"]
        deployment.version = versions[key]
        gate = gates.get(str(deployment.gate_decision))
        asked = [row for row in by_key.values() if said(row)["version"] == key]
        here = [row for row in asked if row.environment_id == deployment.environment_id]
        promotion = by_key.get(str(gate.request_id)) if gate is not None else None
        promotion = promotion or (here[-1] if here else None)
        over = [run for run in runs if said(run)["version"] == key and run.reperforms_id is None and run.concluded_at]
        run = promotion.run if promotion is not None and promotion.run is not None else (over[-1] if over else None)
        given = [one for one in approvals if promotion is not None and one.request_id == promotion.pk]
        found.append(
            Running(deployment, versions[key], run, gate, promotion, given, promotion.policy if promotion else None)
        )
    return found


def complete_models(past: Past, rows: Sequence[Model]) -> None:
    """Give models of the past their people and, as ``newest_tier``, the risk tier that was the newest."""
    if not rows:
        return
    past.follow(rows, "owner", "registered_by")
    assessed = past.rows(TierAssessment, where={"model": [row.slug for row in rows]})
    newest = {one.model_id: one.tier for one in newest_last(assessed, "assessed_at")}
    for row in rows:
        row.__dict__["newest_tier"] = newest.get(row.slug)


def complete_versions(past: Past, rows: Sequence[ModelVersion]) -> None:
    """Give versions of the past their artifacts, data, contributors and, as ``newest_run``, the newest run."""
    if not rows:
        return
    past.follow(rows, "registered_by", "predecessor")
    past.vouch(rows, scoring="", library_versions="", hyperparameters="")
    keys = [key_of(row) for row in rows]
    hands = past.rows(Contribution, where={"version": keys})
    past.follow(hands, "person")
    runs = [run for run in past.rows(ValidationRun, where={"version": keys}) if run.reperforms_id is None]
    newest = {said(run)["version"]: str(run.pk) for run in newest_last(runs, "requested_at")}
    artifacts = past.rows(Artifact, keys={one[2] for row in rows for one in said(row)["artifacts"]})
    held = {artifact.sha256: artifact for artifact in artifacts}
    snapshots = past.rows(DatasetVersion, keys={one[1] for row in rows for one in said(row)["datasets"]})
    used = {key_of(snapshot): snapshot for snapshot in snapshots}
    for row in rows:
        row.__dict__["newest_run"] = newest.get(key_of(row))
        row.__dict__["_prefetched_objects_cache"] = {
            "artifact_links": [
                VersionArtifact(role=role, format=form, artifact=held[sha256])
                for role, form, sha256 in said(row)["artifacts"]
            ],
            "dataset_links": [
                VersionDataset(role=role, dataset_version=used[key]) for role, key, _digest in said(row)["datasets"]
            ],
            "contributions": [hand for hand in hands if said(hand)["version"] == key_of(row)],
        }


def newest_last(rows: Sequence[Any], field: str) -> list[Any]:
    """Return rows of the past by an instant of theirs, and by id where it is the same."""
    return sorted(rows, key=lambda row: (getattr(row, field), row.pk))


def _keys(rows: Sequence[Any], field: str) -> set[str]:
    return {str(value) for row in rows if (value := getattr(row, field)) is not None}
