"""Which promotions were asked for? "May this version go to that environment?" under one policy version."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audits.models import ValidationRun
from governance.models.policy import PolicyVersion
from registry.ledger.subject import LedgerSubject
from registry.models import Environment, Model, ModelVersion, User
from registry.models.identity import new_id


class PromotionRequest(LedgerSubject):
    """One question, with what it covers frozen when it was opened. At most one is open per model and environment."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        SUPERSEDED = "superseded", _("Superseded")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="promotions")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="promotions")
    policy = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="promotions")
    tier = models.PositiveSmallIntegerField(_("risk tier"))
    statement = models.TextField(_("statement"), blank=True)
    covers = models.JSONField(_("what it covers"))
    covers_digest = models.CharField(max_length=64)
    run = models.ForeignKey(ValidationRun, null=True, on_delete=models.PROTECT, related_name="promotions")
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.OPEN)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="promotions_requested")
    requested_for = models.ForeignKey(User, on_delete=models.PROTECT, related_name="promotions_answered_for")
    requested_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=400, blank=True)

    ledger_kind = "promotion"
    ledger_model_path = "model"
    ledger_exclude = frozenset({"covers"})  # its digest is recorded; the text may be longer than an event

    class Meta:
        verbose_name = _("promotion request")
        verbose_name_plural = _("promotion requests")
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment"],
                condition=Q(state="open"),
                name="one_open_promotion_per_model_and_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} to {self.environment_id}"
