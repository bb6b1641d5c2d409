"""On which data? Named datasets and their immutable snapshots with column roles."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.artifact import Artifact
from registry.models.identity import new_id
from registry.models.people import User


class Dataset(LedgerSubject):
    """A named source of data."""

    slug = models.CharField(primary_key=True, max_length=80)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    origin = models.TextField(_("origin"), blank=True)
    lawful_basis = models.CharField(_("lawful basis"), max_length=200, blank=True)
    known_gaps = models.TextField(_("known gaps"), blank=True)
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="datasets_registered")
    registered_at = models.DateTimeField()

    ledger_kind = "dataset"

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    def ledger_key(self) -> str:
        """Return the slug."""
        return str(self.slug)


class DatasetVersion(LedgerSubject):
    """One immutable snapshot of a dataset: its bytes or its table, and the role of each column.

    Either ``artifact`` holds the bytes of a file, or the table stays where it is: ``source`` names a configured table
    source and ``locator`` the table or path in it. ``dialect`` says how a file writes what a reader must not guess,
    above all its missing values. ``task`` says what the outcome is.
    """

    class Format(models.TextChoices):
        PARQUET = "parquet", "Parquet"
        CSV = "csv", "CSV"

    class Split(models.TextChoices):
        TRAINING = "training", _("Training")
        VALIDATION = "validation", _("Validation")
        TEST = "test", _("Test")
        OUT_OF_TIME = "out_of_time", _("Out of time")
        EVALUATION = "evaluation", _("Evaluation")

    class Task(models.TextChoices):
        BINARY = "binary", _("Binary classification")
        MULTICLASS = "multiclass", _("Multiclass classification")
        REGRESSION = "regression", _("Regression")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(_("version"), max_length=80)
    artifact = models.ForeignKey(
        Artifact, null=True, blank=True, on_delete=models.PROTECT, related_name="dataset_versions"
    )
    format = models.CharField(_("format"), max_length=10, choices=Format, blank=True)
    source = models.CharField(_("source"), max_length=80, default="", db_default="", blank=True)
    locator = models.CharField(_("table or path"), max_length=500, default="", db_default="", blank=True)
    dialect = models.JSONField(_("dialect"), default=dict, db_default=Value({}, models.JSONField()), blank=True)
    task = models.CharField(_("task"), max_length=10, choices=Task, default=Task.BINARY, db_default="binary")
    roles = models.JSONField(_("column roles"))
    split = models.CharField(_("split"), max_length=12, choices=Split)
    row_count = models.BigIntegerField(_("rows"), null=True, blank=True)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    period_from = models.DateField(null=True, blank=True)
    period_to = models.DateField(null=True, blank=True)
    digest = models.CharField(_("digest"), max_length=64)
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="dataset_versions_registered")
    registered_at = models.DateTimeField()

    ledger_kind = "dataset_version"

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        ordering = ["dataset", "-registered_at"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "version"], name="dataset_version_named_once"),
            models.CheckConstraint(
                condition=Q(artifact__isnull=False, source="", locator="")
                | (Q(artifact__isnull=True) & ~Q(source="") & ~Q(locator="")),
                name="dataset_version_is_in_one_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}/{self.version}"

    def ledger_key(self) -> str:
        """Return dataset and version."""
        return f"{self.dataset_id}/{self.version}"

    @classmethod
    def ledger_lookup(cls, key: str) -> dict[str, Any]:
        """Return the query by dataset and version."""
        before, _slash, after = key.partition("/")
        return {"dataset_id": before, "version": after}
