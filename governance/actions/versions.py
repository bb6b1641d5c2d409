"""How does a version come in from CI? Its artifact is looked at without loading it, it is entered, and it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from audits.actions.validation import start_validation
from audits.models import ValidationRun
from audits.sandbox.inspect import require as require_format
from audits.sandbox.inspect import require_sample
from governance.actions.promotions import rules_for
from governance.plans import build_plan
from registry import texts
from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version
from registry.digests import is_sha256
from registry.errors import DomainError
from registry.models import (
    Artifact,
    DatasetVersion,
    Environment,
    Model,
    ModelVersion,
    User,
    VersionArtifact,
    VersionDataset,
)
from registry.models.version import Contribution
from registry.scoring import checked_scoring
from registry.storage import artifacts as artifact_store

CLAIMABLE = frozenset({Contribution.Kind.TRAINED.value, Contribution.Kind.COMMITTED.value})


def admit_version(
    model: Model,
    *,
    version: str,
    artifacts: Sequence[Mapping[str, str]],
    datasets: Sequence[Mapping[str, str]],
    scoring: Mapping[str, Any],
    origin: Origin,
    contributors: Sequence[Mapping[str, str]] = (),
    actor: User,
) -> tuple[ModelVersion, ValidationRun | None, bool]:
    """Enter a version and wake its validation. Returns the version, its newest run (None where no policy asks for one
    yet), and whether it is new.

    Raises ``unknown-artifact``, ``unknown-dataset-version``, ``unknown-contributor``, ``artifact-not-what-it-says``,
    ``conformance-without-model``, ``bad-scoring``, and all that ``register_version`` refuses.
    """
    refs = [_artifact(item) for item in artifacts]
    _refuse_bad_files(refs)
    used = [_dataset(item) for item in datasets]
    people = [_contributor(item) for item in contributors]
    with transaction.atomic():
        row, created = register_version(
            model,
            version=version,
            artifacts=refs,
            datasets=used,
            scoring=checked_scoring(scoring),
            origin=origin,
            contributors=people,
            actor=actor,
        )
        if not created:
            return row, row.runs.originals().order_by("-requested_at", "-id").first(), False
        return row, _first_run(row, actor=actor), True


def _first_run(version: ModelVersion, *, actor: User) -> ValidationRun | None:
    """Measure a new version at once under the policy of the first gated place that has one; else it waits for a request."""
    for environment in Environment.objects.filter(gated=True).order_by("slug"):
        try:
            _, policy = rules_for(version.model, environment)
            plan = build_plan(version, policy=policy, environment=environment.slug)
        except DomainError as refusal:
            if refusal.code in {"tier-missing", "policy-missing", "evaluation-data-missing", "model-artifact-missing"}:
                continue
            raise
        return start_validation(version, plan=plan, reason="registration", actor=actor)
    return None


def _refuse_bad_files(refs: Sequence[ArtifactRef]) -> None:
    """Look at the model and at the recorded predictions without loading either."""
    roles = [ref.role for ref in refs]
    if VersionArtifact.Role.CONFORMANCE in roles and VersionArtifact.Role.MODEL not in roles:
        raise DomainError(
            "conformance-without-model", "Recorded predictions are for a model that is scored here; upload the model."
        )
    for ref in refs:
        path = artifact_store().path(ref.artifact.sha256)
        if ref.role == VersionArtifact.Role.MODEL:
            require_format(path, declared=ref.format)
        elif ref.role == VersionArtifact.Role.CONFORMANCE:
            require_sample(path, declared=ref.format)


def _artifact(item: Mapping[str, str]) -> ArtifactRef:
    digest = item.get("sha256", "")
    if not is_sha256(digest):
        raise DomainError("bad-digest", "The sha256 of an artifact is 64 lower-case hexadecimal characters.")
    found = Artifact.objects.select_related("uploaded_by__responsible").filter(pk=digest).first()
    if found is None:
        raise DomainError(
            "unknown-artifact", "Upload the artifact first: PUT /api/v1/artifacts/{sha256}.", sha256=digest
        )
    role = item.get("role", VersionArtifact.Role.MODEL.value)
    if role not in VersionArtifact.Role.values:
        raise DomainError("unknown-artifact-role", f"role is one of {', '.join(VersionArtifact.Role.values)}.")
    return ArtifactRef(found, role, texts.line(item.get("format", ""), field="format", limit=20, required=False))


def _dataset(item: Mapping[str, str]) -> DatasetRef:
    found = DatasetVersion.objects.filter(dataset_id=item.get("dataset"), version=item.get("version")).first()
    if found is None:
        raise DomainError(
            "unknown-dataset-version", f"There is no dataset version {item.get('dataset')}/{item.get('version')}."
        )
    if item.get("role") not in VersionDataset.Role.values:
        raise DomainError("unknown-dataset-role", f"role is one of {', '.join(VersionDataset.Role.values)}.")
    return DatasetRef(found, item["role"])


def _contributor(item: Mapping[str, str]) -> tuple[User, str]:
    person = User.objects.filter(username=str(item.get("person", "")).casefold()).first()
    if person is None or not person.is_person:
        raise DomainError("unknown-contributor", f"There is no person {item.get('person')!r}.")
    if item.get("kind") not in CLAIMABLE:
        raise DomainError("unknown-contribution", f"kind is one of {', '.join(sorted(CLAIMABLE))}.")
    return person, item["kind"]
