"""What runs or ran where, from when to when?"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id
from registry.models.people import User
from registry.models.version import ModelVersion


class Environment(LedgerSubject):
    """A place a version can run. Promotion to a gated one needs an allow of the gate.

    ``limits`` is what the place can bear of an artifact, by name: ``artifact_bytes``, ``load_seconds``,
    ``peak_memory_bytes``, ``latency_seconds`` (the 99th percentile of a single row); a name that is not there has no
    limit.
    """

    slug = models.CharField(primary_key=True, max_length=80)
    name = models.CharField(_("name"), max_length=120)
    gated = models.BooleanField(_("gated"), default=True)
    limits = models.JSONField(
        _("limits of an artifact"), default=dict, db_default=Value({}, models.JSONField()), blank=True
    )

    ledger_kind = "environment"
    LIMITS: ClassVar[dict[str, float]] = {
        "artifact_bytes": 2**50,
        "load_seconds": 86_400.0,
        "peak_memory_bytes": 2**50,
        "latency_seconds": 86_400.0,
    }
    """The limits there are, with the largest number each may be."""

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environments")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    def ledger_key(self) -> str:
        """Return the slug."""
        return str(self.slug)


class Deployment(LedgerSubject):
    """The fact that a version ran in an environment from one time to another; recorded even where no gate allowed it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    artifact_sha256 = models.CharField(max_length=64)
    gate_decision = models.UUIDField(_("gate decision"), null=True, blank=True)
    gated = models.BooleanField(_("covered by a valid gate decision"), default=False)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    reported_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deployments_reported")

    ledger_kind = "deployment"
    ledger_model_path = "version__model"

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployments")
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "environment"],
                condition=Q(ended_at__isnull=True),
                name="version_runs_once_per_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment_id}"
