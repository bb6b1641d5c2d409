"""Which audit PDFs were issued, of what, as of when?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import ModelVersion, User
from registry.models.identity import new_id


class Dossier(LedgerSubject):
    """The issued PDF for a version: its facts, its bytes, the checkpoint it was made at. Superseded, never edited."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        ISSUED = "issued", _("Issued")
        ERROR = "error", _("Ended in error")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="dossiers")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    as_of = models.DateTimeField(_("as of"))
    facts_sha256 = models.CharField(max_length=64, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    checkpoint = models.TextField(blank=True)
    failure = models.JSONField(null=True, blank=True)
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="dossiers_requested")
    requested_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, blank=True)

    ledger_kind = "dossier"

    class Meta:
        verbose_name = _("dossier")
        verbose_name_plural = _("dossiers")
        ordering = ["-requested_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="issued") | (~Q(pdf_sha256="") & ~Q(facts_sha256="") & Q(issued_at__isnull=False)),
                name="issued_dossier_has_its_bytes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.as_of:%Y-%m-%d %H:%M}"
