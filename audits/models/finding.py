"""Which issues were raised, how severe, whose are they, and how did they end?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audits.models.run import ValidationRun
from registry.ledger.subject import LedgerSubject
from registry.models import Model, ModelVersion, User
from registry.models.identity import new_id


class Finding(LedgerSubject):
    """An issue raised by a check or a person. Never deleted; closed by someone else than its owner, with a statement."""

    class Severity(models.TextChoices):
        LOW = "low", _("Low")
        MEDIUM = "medium", _("Medium")
        HIGH = "high", _("High")
        CRITICAL = "critical", _("Critical")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Risk accepted")
        CLOSED = "closed", _("Closed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="findings")
    version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="findings")
    run = models.ForeignKey(ValidationRun, null=True, blank=True, on_delete=models.PROTECT, related_name="findings")
    kind = models.CharField(_("kind"), max_length=40)
    source_key = models.CharField(max_length=120)
    title = models.CharField(_("title"), max_length=300)
    detail = models.TextField(_("detail"), blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity)
    blocking = models.BooleanField(_("blocks promotion"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="findings_owned", verbose_name=_("owner")
    )
    due_on = models.DateField(_("due"), null=True, blank=True)
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="findings_opened")
    opened_at = models.DateTimeField()
    resolved_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="findings_resolved"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.TextField(_("resolution"), blank=True)
    accepted_until = models.DateTimeField(null=True, blank=True)

    ledger_kind = "finding"
    ledger_model_path = "model"

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "source_key"], condition=Q(state="open"), name="finding_open_once_per_source"
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(resolved_by__isnull=False, resolved_at__isnull=False),
                name="finding_ended_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.title
