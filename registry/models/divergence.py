"""Where do a row and the ledger disagree, since when, and how did a person resolve it?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id
from registry.models.people import User


class Divergence(LedgerSubject):
    """A subject whose row was not what the ledger says. The gate denies until a person has resolved it; never deleted.

    ``concerns`` names the models it concerns and is empty where the subject belongs to none. ``digest`` is of everything
    that differs, ``fields`` names it: what stood in the row may be long, or personal.
    """

    class Resolution(models.TextChoices):
        RESTORED = "restored", _("Put back from the ledger")
        EXPLAINED = "explained", _("Explained")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject_kind = models.CharField(_("kind"), max_length=64)
    subject_key = models.CharField(_("key"), max_length=255)
    concerns = models.JSONField(_("models"), default=list)
    fields = models.JSONField(_("fields"), default=list)
    digest = models.CharField(max_length=64)
    found_at = models.DateTimeField(_("found"))
    resolution = models.CharField(_("resolution"), max_length=9, choices=Resolution, blank=True)
    explanation = models.TextField(_("explanation"), blank=True)
    resolved_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="divergences_resolved"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    ledger_kind = "divergence"

    class Meta:
        verbose_name = _("divergence")
        verbose_name_plural = _("divergences")
        ordering = ["-found_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_key"],
                condition=Q(resolved_at__isnull=True),
                name="one_open_divergence_per_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_key}"
