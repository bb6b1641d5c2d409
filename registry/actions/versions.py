"""How does a version come in, and how does it move from stage to stage?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from registry import texts
from registry.actions.inventory import require_role
from registry.actions.lineage import link
from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lifecycle import Stage, may_move
from registry.models import (
    Artifact,
    Contribution,
    DatasetVersion,
    Model,
    ModelVersion,
    Role,
    User,
    VersionArtifact,
    VersionDataset,
)
from registry.scoring import refuse_unknown_features

declare_action("version.registered", "A version of a model came in.")
declare_action("version.contribution_recorded", "A person's hand in a version was recorded.")
declare_action("version.stage_moved", "A version moved to another stage.")


@dataclass(frozen=True)
class ArtifactRef:
    """An artifact of a version: its bytes, what they are for, and the format they are in."""

    artifact: Artifact
    role: str
    format: str = ""


@dataclass(frozen=True)
class DatasetRef:
    """A snapshot a version was trained or is evaluated on."""

    dataset_version: DatasetVersion
    role: str


@dataclass(frozen=True)
class Origin:
    """How a version came about: free of personal data, all of it optional."""

    change_summary: str = ""
    code_commit: str = ""
    training_run: str = ""
    library_versions: Mapping[str, str] | None = None
    hyperparameters: Mapping[str, Any] | None = None
    seed: int | None = None


@transaction.atomic
def register_version(
    model: Model,
    *,
    version: str,
    artifacts: Sequence[ArtifactRef],
    datasets: Sequence[DatasetRef],
    scoring: Mapping[str, Any],
    origin: Origin,
    contributors: Sequence[tuple[User, str]] = (),
    actor: User,
) -> tuple[ModelVersion, bool]:
    """Enter a version with its artifacts, datasets and contributors. Returns it and whether it is new.

    The same digests again are the same row; the same name with other digests raises ``version-differs`` (conflict).
    """
    require_role(actor, Role.DEVELOPER, Role.CI)
    name = texts.version_name(version)
    if not artifacts:
        raise DomainError("artifact-missing", "A version needs at least one artifact.")
    _refuse_repeated(artifacts, datasets)
    digest = _manifest_digest(model, artifacts, datasets, scoring, origin)
    locked = Model.objects.select_for_update().get(pk=model.pk)
    if locked.retired_at is not None:
        raise DomainError("model-retired", "The model is retired.", kind="conflict")
    known = ModelVersion.objects.filter(model=locked, version=name).first()
    if known is not None:
        if known.manifest_digest != digest:
            raise DomainError(
                "version-differs", f"{known} is registered with other content.", kind="conflict",
                registered=known.manifest_digest, received=digest,
            )  # fmt: skip
        return known, False
    _refuse_shared_model_bytes(artifacts)
    _refuse_unknown_features(scoring, datasets)
    row = ModelVersion.objects.create(
        model=locked,
        version=name,
        stage=Stage.REGISTERED.value,
        manifest_digest=digest,
        scoring=dict(scoring),
        change_summary=texts.prose(origin.change_summary, field="change_summary"),
        code_commit=texts.line(origin.code_commit, field="code_commit", limit=80, required=False),
        training_run=texts.line(origin.training_run, field="training_run", required=False),
        library_versions=dict(origin.library_versions or {}),
        hyperparameters=dict(origin.hyperparameters or {}),
        seed=origin.seed,
        predecessor=locked.versions.order_by("-registered_at").first(),
        registered_by=actor,
        registered_at=database_now(),
    )
    for ref in artifacts:
        VersionArtifact.objects.create(version=row, artifact=ref.artifact, role=ref.role, format=ref.format)
    for used in datasets:
        VersionDataset.objects.create(version=row, dataset_version=used.dataset_version, role=used.role)
    append("version.registered", row, actor=actor)
    record_contribution(row, actor.person, Contribution.Kind.REGISTERED, actor=actor)
    for ref in artifacts:
        record_contribution(row, ref.artifact.uploaded_by.person, Contribution.Kind.UPLOADED, actor=actor)
    for used in datasets:
        held = used.dataset_version.artifact
        for account in (used.dataset_version.registered_by, *((held.uploaded_by,) if held else ())):
            record_contribution(row, account.person, Contribution.Kind.SUPPLIED, actor=actor)
    for person, kind in contributors:
        record_contribution(row, person.person, kind, actor=actor)
    _link_origins(row, artifacts, datasets, actor=actor)
    return row, True


def _refuse_unknown_features(scoring: Mapping[str, Any], datasets: Sequence[DatasetRef]) -> None:
    for used in datasets:
        if used.role == VersionDataset.Role.EVALUATION:
            refuse_unknown_features(scoring, used.dataset_version.roles.get("features") or ())


@transaction.atomic
def record_contribution(version: ModelVersion, person: User, kind: str, *, actor: User) -> Contribution:
    """Record that a person had a hand in a version; they are not eligible to decide about it from then on."""
    row, created = Contribution.objects.get_or_create(
        version=version, person=person, kind=kind, defaults={"recorded_at": database_now()}
    )
    if created:
        append("version.contribution_recorded", row, actor=actor)
    return row


@transaction.atomic
def move_stage(version: ModelVersion, new: Stage, *, actor: User, reason: str) -> ModelVersion:
    """Move a version by compare-and-set along the table of legal moves; standing there already is no move.

    Raises ``illegal-stage-move`` or ``stage-moved-meanwhile`` (both conflict).
    """
    old = Stage(ModelVersion.objects.select_for_update().values_list("stage", flat=True).get(pk=version.pk))
    if old is new:
        return version
    if not may_move(old, new):
        raise DomainError(
            "illegal-stage-move", f"A version does not move from {old} to {new}.", kind="conflict", old=old, new=new
        )
    if ModelVersion.objects.filter(pk=version.pk, stage=old.value).update(stage=new.value) != 1:
        raise DomainError("stage-moved-meanwhile", "The stage has changed meanwhile.", kind="conflict")
    version.refresh_from_db(fields=["stage"])
    append("version.stage_moved", version, actor=actor, payload={"from": old.value, "to": new.value, "reason": reason})
    return version


def _refuse_repeated(artifacts: Sequence[ArtifactRef], datasets: Sequence[DatasetRef]) -> None:
    if len({(ref.artifact.pk, ref.role) for ref in artifacts}) < len(artifacts):
        raise DomainError("artifact-named-twice", "An artifact is named twice in the same role.")
    if sum(ref.role == VersionArtifact.Role.MODEL for ref in artifacts) > 1:
        raise DomainError("several-model-artifacts", "A version has one artifact that scores.")
    if sum(ref.role == VersionArtifact.Role.CONFORMANCE for ref in artifacts) > 1:
        raise DomainError("several-conformance-artifacts", "A version has one table of recorded predictions.")
    if len({used.role for used in datasets}) < len(datasets):
        raise DomainError("dataset-role-twice", "A version names one dataset version for each role.")
    by_role = {used.role: used.dataset_version for used in datasets}
    evaluation, training = by_role.get(VersionDataset.Role.EVALUATION), by_role.get(VersionDataset.Role.TRAINING)
    if evaluation is None:
        return
    same = training is not None and _bytes_of(training) == _bytes_of(evaluation)
    if same or evaluation.split == DatasetVersion.Split.TRAINING:
        raise DomainError("evaluated-on-training-data", "A version is evaluated on other data than it was trained on.")


def _bytes_of(snapshot: DatasetVersion) -> tuple[str | None, str, str]:
    """Return where a snapshot's rows are: in an artifact, or in a table that stays in a source."""
    return snapshot.artifact_id, snapshot.source, snapshot.locator


def _refuse_shared_model_bytes(artifacts: Sequence[ArtifactRef]) -> None:
    """Refuse a model file that is another version's: the gate answers for bytes, so bytes belong to one version."""
    digests = [ref.artifact.sha256 for ref in artifacts if ref.role == VersionArtifact.Role.MODEL]
    taken = VersionArtifact.objects.filter(role=VersionArtifact.Role.MODEL, artifact_id__in=digests)
    other = taken.select_related("version").first()
    if other is not None:
        raise DomainError(
            "artifact-of-another-version", f"These bytes are the model of {other.version} already.", kind="conflict",
            version=str(other.version),
        )  # fmt: skip


def _manifest_digest(
    model: Model,
    artifacts: Sequence[ArtifactRef],
    datasets: Sequence[DatasetRef],
    scoring: Mapping[str, Any],
    origin: Origin,
) -> str:
    return digest_of(
        {
            "model": model.slug,
            "artifacts": sorted([ref.role, ref.format, ref.artifact.sha256] for ref in artifacts),
            "datasets": sorted([ref.role, ref.dataset_version.digest] for ref in datasets),
            "scoring": dict(scoring),
            "code_commit": origin.code_commit,
            "hyperparameters": dict(origin.hyperparameters or {}),
            "library_versions": dict(origin.library_versions or {}),
            "seed": origin.seed,
        }
    )


def _link_origins(
    row: ModelVersion, artifacts: Sequence[ArtifactRef], datasets: Sequence[DatasetRef], *, actor: User
) -> None:
    here = (row.ledger_kind, row.ledger_key())
    relation = {VersionDataset.Role.TRAINING.value: "trained_on", VersionDataset.Role.EVALUATION.value: "evaluated_on"}
    for used in datasets:
        snapshot = used.dataset_version
        link((snapshot.ledger_kind, snapshot.ledger_key()), relation[used.role], here, actor=actor)
    for ref in artifacts:
        if ref.role == VersionArtifact.Role.MODEL:
            link(here, "serialised_as", (ref.artifact.ledger_kind, ref.artifact.sha256), actor=actor)
    if row.code_commit:
        link(("commit", row.code_commit), "built_by", here, actor=actor)
    if row.predecessor is not None:
        link((here[0], row.predecessor.ledger_key()), "replaces", here, actor=actor)
