"""What did the gate answer, to whom, and why?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.models.policy import PolicyVersion
from governance.models.promotion import PromotionRequest
from registry.digests import digest_of
from registry.ledger.subject import LedgerSubject
from registry.models import ModelVersion, User
from registry.models.identity import new_id


class GateDecision(LedgerSubject):
    """One recorded answer of the gate: allow with an attestation, or deny with reasons. Never changed."""

    class Outcome(models.TextChoices):
        ALLOW = "allow", _("Allow")
        DENY = "deny", _("Deny")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    artifact_sha256 = models.CharField(_("artifact"), max_length=64)
    environment_slug = models.CharField(_("environment"), max_length=80)
    nonce = models.CharField(max_length=128)
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="gate_decisions"
    )
    request = models.ForeignKey(
        PromotionRequest, null=True, blank=True, on_delete=models.PROTECT, related_name="gate_decisions"
    )
    policy = models.ForeignKey(
        PolicyVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="gate_decisions"
    )
    outcome = models.CharField(_("answer"), max_length=5, choices=Outcome)
    reasons = models.JSONField(_("reasons"), default=list)
    controls = models.JSONField(_("controls"), default=list)
    facts = models.JSONField(_("facts"))
    facts_digest = models.CharField(max_length=64)
    attestation = models.JSONField(null=True, blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="gate_decisions_asked")
    decided_at = models.DateTimeField()
    valid_until = models.DateTimeField()

    ledger_kind = "gate_decision"
    ledger_model_path = "version__model"
    ledger_exclude = frozenset({"facts", "controls", "attestation", "reasons"})

    class Meta:
        verbose_name = _("gate decision")
        verbose_name_plural = _("gate decisions")
        ordering = ["-decided_at"]
        indexes = [models.Index(fields=["-decided_at"], name="newest_gate_decisions")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="deny", attestation__isnull=True)
                | Q(outcome="allow", attestation__isnull=False, request__isnull=False, policy__isnull=False),
                name="only_an_allow_is_attested",
            ),
            models.UniqueConstraint(
                fields=["asked_by", "nonce", "artifact_sha256", "environment_slug"], name="nonce_used_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: sha256:{self.artifact_sha256[:16]} to {self.environment_slug}"

    def ledger_state(self) -> dict[str, Any]:
        """Return the row with the digest of its reasons: a refusal may have more of them than one event can hold."""
        return super().ledger_state() | {"reasons_digest": digest_of(self.reasons), "reasons_count": len(self.reasons)}
