"""What will a validation run do? The plan a policy demands of a version, frozen before the run begins."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from governance.gate.manifest import Manifest
from governance.gate.rules import PolicyRules
from governance.models import PolicyVersion
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.models import ModelVersion

PLAN_SEED = 20_261_121
"""Every resampling of every run starts here, so that a run repeated on the same inputs gives the same numbers."""


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
            "roles": used.dataset_version.roles,
        }
        for used in version.dataset_links.select_related("dataset_version")
    }
    if "evaluation" not in datasets:
        raise DomainError("evaluation-data-missing", f"{version} names no evaluation data to measure it on.")
    if link is None and not datasets["evaluation"]["roles"].get("score"):
        raise DomainError(
            "model-artifact-missing", f"{version} has neither an artifact that scores nor a column of scores."
        )
    return {
        "version": version.ledger_key(),
        "manifest_digest": version.manifest_digest,
        "artifact": {"sha256": link.artifact_id, "format": link.format} if link else None,
        "datasets": datasets,
        "scoring": version.scoring,
        "requirements": policy.body["requirements"],
        "policy": {"slug": policy.policy, "number": policy.number, "digest": policy.digest},
        "environment": environment,
        "seed": PLAN_SEED,
    }


def build_manifest(version: ModelVersion, *, policy: PolicyVersion, tier: int, environment: str) -> Manifest:
    """Return what an approval of this version would cover, worked out from the rows as they are now."""
    return Manifest(
        model=version.model_id,
        version=version.version,
        artifact_digests={link.artifact_id: link.role for link in version.artifact_links.all()},
        dataset_digests={
            f"{used.dataset_version.dataset_id}@{used.dataset_version.version}#{used.role}": used.dataset_version.digest
            for used in version.dataset_links.select_related("dataset_version")
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
