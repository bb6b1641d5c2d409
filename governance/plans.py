"""What will a validation run do? The plan a policy demands of a version, frozen before the run begins."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, prefetch_related_objects

from governance.gate.manifest import Manifest
from governance.gate.rules import PolicyRules
from governance.models import PolicyVersion
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.models import Deployment, Environment, ModelVersion, VersionArtifact, VersionDataset

PLAN_SEED = 20_261_121
"""Every resampling of every run starts here, so that a run re-performed on the same inputs gives the same numbers."""
EXPLAINED_ROWS, ROWS_A_CHUNK, BACKGROUND_ROWS = 1_000, 500, 400
CONFORMANCE_TOLERANCE = 1e-6
ANSWERS = ("score", "prediction", "class_scores")
DECLARED = ("monotone", "immutable", "ranges", "reasons")


def build_plan(version: ModelVersion, *, policy: PolicyVersion, environment: str) -> dict[str, Any]:
    """Return the plan: the artifact, the data, the scoring and the requirements, each with its digest.

    Raises ``model-artifact-missing`` or ``evaluation-data-missing`` when there is nothing to score or to score on.
    """
    link = version.model_artifact()
    datasets = {
        used.role: {
            "dataset": used.dataset_version.ledger_key(),
            "digest": used.dataset_version.digest,
            "sha256": used.dataset_version.artifact_id,
            "format": used.dataset_version.format,
            "source": used.dataset_version.source,
            "locator": used.dataset_version.locator,
            "dialect": used.dataset_version.dialect,
            "task": used.dataset_version.task,
            "roles": used.dataset_version.roles,
        }
        for used in version.dataset_links.select_related("dataset_version")
    }
    if "evaluation" not in datasets:
        raise DomainError("evaluation-data-missing", f"{version} names no evaluation data to measure it on.")
    measured = version.dataset_links.select_related("dataset_version").get(role="evaluation").dataset_version
    if link is None and not any(datasets["evaluation"]["roles"].get(role) for role in ANSWERS):
        raise DomainError(
            "model-artifact-missing", f"{version} has neither an artifact that scores nor a column of scores."
        )
    place = Environment.objects.filter(pk=environment).first()
    rows = min(EXPLAINED_ROWS, measured.row_count or EXPLAINED_ROWS, settings.RUN_SAMPLE_ROWS)
    return {
        "version": version.ledger_key(),
        "manifest_digest": version.manifest_digest,
        "artifact": _artifact(version, link) if link else None,
        "conformance": _recorded(version),
        "datasets": datasets,
        "scoring": version.scoring,
        "task": version.scoring.get("task") or measured.task,
        "declared": _declared(version.scoring, version.scoring.get("task") or measured.task),
        "baseline": _baseline(version, environment),
        "sample": {"rows": settings.RUN_SAMPLE_ROWS},
        "explanation": {
            "rows": EXPLAINED_ROWS,
            "chunks": math.ceil(rows / ROWS_A_CHUNK),
            "background": BACKGROUND_ROWS,
        },
        "requirements": policy.body["requirements"],
        "policy": {"slug": policy.policy, "number": policy.number, "digest": policy.digest},
        "environment": environment,
        "limits": dict(place.limits) if place else {},
        "seed": PLAN_SEED,
    }


def _declared(scoring: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return what the version says of its features; of a binary model also which end of the score is the good one."""
    names = (*DECLARED, "favourable") if task == "binary" else DECLARED
    return {name: scoring[name] for name in names if name in scoring}


def _artifact(version: ModelVersion, link: VersionArtifact) -> dict[str, Any]:
    return {"sha256": link.artifact_id, "format": link.format, "library_versions": version.library_versions}


def _recorded(version: ModelVersion) -> dict[str, Any] | None:
    """Return the predictions that were recorded at registration, for the sandbox to reproduce."""
    link = version.artifact_links.filter(role=VersionArtifact.Role.CONFORMANCE).first()
    if link is None:
        return None
    return {
        "sha256": link.artifact_id,
        "format": link.format or "parquet",
        "tolerance": version.scoring.get("conformance", {}).get("tolerance", CONFORMANCE_TOLERANCE),
    }


def _baseline(version: ModelVersion, environment: str) -> dict[str, Any] | None:
    """Return the version of the model in place there now, where it has an artifact that scores and is another."""
    in_place = (
        Deployment.objects.filter(environment=environment, ended_at__isnull=True, version__model=version.model_id)
        .exclude(version=version)
        .select_related("version")
        .order_by("-started_at")
        .first()
    )
    link = in_place.version.model_artifact() if in_place else None
    if in_place is None or link is None:
        return None
    other = in_place.version
    used = other.dataset_links.filter(role="evaluation").select_related("dataset_version").first()
    features = used.dataset_version.roles.get("features", []) if used else []
    if not features:
        return None
    explained = other.runs.originals().filter(manifest__explanation_sha256__isnull=False)
    newest = explained.order_by("-concluded_at", "-id").first()
    return {
        "version": other.ledger_key(),
        "artifact": _artifact(other, link),
        "scoring": other.scoring,
        "features": features,
        "explanation_sha256": newest.manifest["explanation_sha256"] if newest else None,
    }


def read_parts(version: ModelVersion) -> None:
    """Read what belongs to a version once, for whatever is worked out from it in this moment."""
    used = Prefetch("dataset_links", VersionDataset.objects.select_related("dataset_version"))
    prefetch_related_objects([version], "artifact_links", used, "contributions")


def build_manifest(version: ModelVersion, *, policy: PolicyVersion, tier: int, environment: str) -> Manifest:
    """Return what an approval of this version would cover, worked out from the rows as they are now.

    Parts that :func:`read_parts` has read are not read again.
    """
    read_parts(version)
    return Manifest(
        model=version.model_id,
        version=version.version,
        artifact_digests={link.artifact_id: link.role for link in version.artifact_links.all()},
        dataset_digests={
            f"{used.dataset_version.dataset_id}@{used.dataset_version.version}#{used.role}": used.dataset_version.digest
            for used in version.dataset_links.all()
        },
        environment=environment,
        tier=tier,
        policy_digest=policy.digest,
        intended_use=version.model.intended_use,
    )


def rules_of(policy: PolicyVersion) -> PolicyRules | None:
    """Return the rules of a policy version, or None when its stored text is not the text of its digest."""
    text = canonical_json(policy.body)
    if sha256_hex(text) != policy.digest:
        return None
    return _read(text)


@lru_cache(maxsize=64)
def _read(text: bytes) -> PolicyRules | None:
    """Read a policy text once per process: the key is the whole text, so a changed text is another key."""
    try:
        return PolicyRules.from_json(json.loads(text))
    except DomainError:
        return None
