"""How much harm can a wrong model do? Recorded answers, the rule that scored them, and the tier."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import Model, User
from registry.models.identity import new_id


class TierAssessment(LedgerSubject):
    """One assessment of a model; the newest one counts. Tier 1 does the most harm when wrong."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="tier_assessments")
    rule_version = models.CharField(max_length=40)
    answers = models.JSONField()
    score_lines = models.JSONField()
    tier = models.PositiveSmallIntegerField(_("risk tier"))
    assessed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tiers_assessed")
    assessed_at = models.DateTimeField()

    ledger_kind = "tier"
    ledger_model_path = "model"

    class Meta:
        verbose_name = _("risk tier assessment")
        verbose_name_plural = _("risk tier assessments")
        ordering = ["-assessed_at"]
        constraints = [models.CheckConstraint(condition=Q(tier__in=[1, 2, 3]), name="tier_is_1_2_or_3")]

    def __str__(self) -> str:
        return f"{self.model_id}: tier {self.tier}"
