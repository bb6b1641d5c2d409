"""What is erased with a person, and what stands against it? The salt of a commitment, and legal holds."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id
from registry.models.people import User


class CommitmentSalt(models.Model):
    """The salt of a person's commitment. No record: it is kept as long as the person's name, and erased with it."""

    person = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="commitment_salt")
    salt = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"salt of {self.person_id}"


class LegalHold(LedgerSubject):
    """That what is known of a person must be kept, from one time to another; it wins over erasure."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="legal_holds")
    reason = models.TextField(_("reason"))
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="legal_holds_placed")
    placed_at = models.DateTimeField(_("placed"))
    lifted_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="legal_holds_lifted"
    )
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lifted_because = models.TextField(_("why it was lifted"), blank=True)

    ledger_kind = "legal_hold"

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["-placed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(lifted_at__isnull=True), name="one_open_legal_hold_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"legal hold on {self.person_id}"
