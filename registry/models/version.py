"""Which versions of a model are there, of which bytes, made by whom?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.lifecycle import Stage
from registry.models.artifact import Artifact
from registry.models.dataset import DatasetVersion
from registry.models.identity import new_id
from registry.models.model import Model
from registry.models.people import User

STAGE_LABELS = {
    Stage.REGISTERED: _("Registered"),
    Stage.IN_VALIDATION: _("In validation"),
    Stage.VALIDATED: _("Validated"),
    Stage.VALIDATION_FAILED: _("Validation failed"),
    Stage.PENDING_APPROVAL: _("Pending approval"),
    Stage.APPROVED: _("Approved"),
    Stage.REJECTED: _("Rejected"),
    Stage.IN_PRODUCTION: _("In production"),
    Stage.SUSPENDED: _("Suspended"),
    Stage.RETIRED: _("Retired"),
}


class ModelVersion(LedgerSubject):
    """One trained state of a model, identified by the digest of its artifacts; only its stage ever changes."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(_("version"), max_length=80)
    stage = models.CharField(_("stage"), max_length=20, choices=[(s.value, STAGE_LABELS[s]) for s in Stage])
    manifest_digest = models.CharField(_("manifest digest"), max_length=64)
    scoring = models.JSONField(_("scoring"), default=dict)
    change_summary = models.TextField(_("change summary"), blank=True)
    code_commit = models.CharField(_("code commit"), max_length=80, blank=True)
    training_run = models.CharField(_("training run"), max_length=200, blank=True)
    library_versions = models.JSONField(_("library versions"), default=dict, blank=True)
    hyperparameters = models.JSONField(_("hyperparameters"), default=dict, blank=True)
    seed = models.BigIntegerField(_("seed"), null=True, blank=True)
    predecessor = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors")
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="versions_registered")
    registered_at = models.DateTimeField()

    ledger_kind = "version"
    ledger_model_path = "model"

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["model", "-registered_at"]
        constraints = [
            models.UniqueConstraint(fields=["model", "version"], name="model_version_named_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model_id}/{self.version}"

    def ledger_key(self) -> str:
        """Return model and version."""
        return f"{self.model_id}/{self.version}"

    @classmethod
    def ledger_lookup(cls, key: str) -> dict[str, Any]:
        """Return the query by model and version."""
        before, _slash, after = key.partition("/")
        return {"model_id": before, "version": after}

    def ledger_state(self) -> dict[str, Any]:
        """Return the row with its artifacts and datasets."""
        return super().ledger_state() | {
            "artifacts": sorted([link.role, link.format, link.artifact_id] for link in self.artifact_links.all()),
            "datasets": sorted(
                [link.role, link.dataset_version.ledger_key(), link.dataset_version.digest]
                for link in self.dataset_links.select_related("dataset_version")
            ),
        }

    def model_artifact(self) -> VersionArtifact | None:
        """Return the link to the artifact that scores, or None for a version without one."""
        return self.artifact_links.filter(role=VersionArtifact.Role.MODEL).first()


class VersionArtifact(models.Model):
    """That an artifact belongs to a version, in which role and format. Written with its version, never changed."""

    class Role(models.TextChoices):
        MODEL = "model", _("Model")
        CODE = "code", _("Code")
        ENVIRONMENT = "environment", _("Environment lock")
        CARD = "card", _("Model card")
        CONFORMANCE = "conformance", _("Recorded predictions")

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="artifact_links")
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="version_links")
    role = models.CharField(max_length=12, choices=Role)
    format = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "artifact", "role"], name="artifact_once_per_version_and_role"),
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(role="model"), name="one_model_artifact_per_version"
            ),
            models.UniqueConstraint(
                fields=["artifact"], condition=models.Q(role="model"), name="model_bytes_of_one_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.artifact_id[:16]}"


class VersionDataset(models.Model):
    """That a version was trained or is evaluated on a snapshot. Written with its version, never changed."""

    class Role(models.TextChoices):
        TRAINING = "training", _("Training")
        EVALUATION = "evaluation", _("Evaluation")

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="dataset_links")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="version_links")
    role = models.CharField(max_length=12, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "role"], name="one_dataset_per_version_and_role"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.dataset_version_id}"


class Contribution(LedgerSubject):
    """The fact that a person had a hand in a version; whoever contributed is not eligible to decide about it."""

    class Kind(models.TextChoices):
        TRAINED = "trained", _("trained it")
        COMMITTED = "committed", _("committed its code")
        UPLOADED = "uploaded", _("uploaded its artifact")
        REGISTERED = "registered", _("registered it")
        REQUESTED = "requested", _("requested its promotion")
        VALIDATED = "validated", _("validated it")
        SUPPLIED = "supplied", _("supplied its data")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="contributions")
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="contributions")
    kind = models.CharField(max_length=12, choices=Kind)
    recorded_at = models.DateTimeField()

    ledger_kind = "contribution"
    ledger_model_path = "version__model"

    class Meta:
        verbose_name = _("contribution")
        verbose_name_plural = _("contributions")
        ordering = ["recorded_at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "person", "kind"], name="contribution_recorded_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.kind} {self.version_id}"
