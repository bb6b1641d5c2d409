"""Which bytes do we hold? Content-addressed artifacts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.people import User


class Artifact(LedgerSubject):
    """Bytes known by their SHA-256; immutable."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    size = models.BigIntegerField(_("size in bytes"))
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="artifacts_uploaded")
    uploaded_at = models.DateTimeField()

    ledger_kind = "artifact"

    class Meta:
        verbose_name = _("artifact")
        verbose_name_plural = _("artifacts")
        ordering = ["-uploaded_at"]

    def __str__(self) -> str:
        return f"sha256:{self.sha256[:16]}"

    def ledger_key(self) -> str:
        """Return the digest."""
        return str(self.sha256)
