"""Who said yes or no, to exactly what?"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from governance.models.promotion import PromotionRequest
from registry.ledger.subject import LedgerSubject
from registry.models import Role, User
from registry.models.identity import new_id


class Approval(LedgerSubject):
    """One person's signed yes or no on a request, bound to the manifest they saw. The database itself refuses a
    contributor's: by the CHECKs below, and by a trigger that looks the contributions up (governance.walls)."""

    class Decision(models.TextChoices):
        APPROVE = "approve", _("Approve")
        REJECT = "reject", _("Reject")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.ForeignKey(PromotionRequest, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approvals_given")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    requested_for = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(_("decision"), max_length=8, choices=Decision)
    role = models.CharField(_("in the role of"), max_length=16, choices=Role)
    statement = models.TextField(_("statement"))
    manifest = models.JSONField(_("what was approved"))
    manifest_digest = models.CharField(max_length=64)
    evidence_digest = models.CharField(max_length=64)
    decided_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.TextField(blank=True)

    ledger_kind = "approval"
    ledger_model_path = "request__model"
    ledger_exclude = frozenset({"manifest"})  # its digest is recorded; the text may be longer than an event

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["decided_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(approver=F("requested_by")), name="approver_is_not_the_requester"),
            models.CheckConstraint(
                condition=~Q(approver=F("requested_for")), name="approver_is_not_responsible_for_the_requester"
            ),
            models.CheckConstraint(condition=~Q(statement=""), name="approval_has_a_statement"),
            models.UniqueConstraint(
                fields=["request", "approver"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_live_decision_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver}: {self.decision}"
