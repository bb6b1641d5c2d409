"""Which audit PDFs were issued, of what, as of when, under which signature?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import ModelVersion, User
from registry.models.identity import new_id


class Dossier(LedgerSubject):
    """An issued PDF: its facts, its bytes, the checkpoint it was made at. Superseded, never edited.

    ``version`` is empty for a report on the whole portfolio; ``compared_with`` is the earlier version of a report on
    differences. ``content_digest`` is the one that every page prints. ``document_sha256`` is the digest of the bytes
    before signing, with which those of ``pdf_sha256`` begin. Dossiers of earlier releases have neither.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        ISSUED = "issued", _("Issued")
        ERROR = "error", _("Ended in error")

    class Kind(models.TextChoices):
        FULL = "full", _("Full dossier")
        ANNEX_IV = "annex-iv", _("Technical documentation in the order of Annex IV")
        LL144 = "ll144", _("Public summary of a bias audit (LL144)")
        CARD = "card", _("One-page card")
        VALIDATION = "validation", _("Validation report")
        DECOMMISSION = "decommission", _("Decommission record")
        DIFFERENCES = "differences", _("Differences between two versions")
        PORTFOLIO = "portfolio", _("Portfolio report")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.FULL, db_default=Kind.FULL)
    language = models.CharField(_("language"), max_length=2, default="en", db_default="en")
    version = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="dossiers")
    compared_with = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="dossiers_compared_with"
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    as_of = models.DateTimeField(_("as of"))
    facts_sha256 = models.CharField(max_length=64, blank=True)
    content_digest = models.CharField(max_length=64, blank=True, default="", db_default="", db_index=True)
    document_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    checkpoint = models.TextField(blank=True)
    failure = models.JSONField(null=True, blank=True)
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="dossiers_requested")
    requested_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0, db_default=0)

    ledger_kind = "dossier"
    ledger_model_path = "version__model"
    ledger_exclude = frozenset({"attempts", "progress"})

    class Meta:
        verbose_name = _("dossier")
        verbose_name_plural = _("dossiers")
        ordering = ["-requested_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="issued") | (~Q(pdf_sha256="") & ~Q(facts_sha256="") & Q(issued_at__isnull=False)),
                name="issued_dossier_has_its_bytes",
            ),
            models.CheckConstraint(
                condition=Q(kind="portfolio", version__isnull=True) | (~Q(kind="portfolio") & Q(version__isnull=False)),
                name="only_a_portfolio_report_has_no_version",
            ),
            models.CheckConstraint(
                condition=Q(kind="differences", compared_with__isnull=False)
                | (~Q(kind="differences") & Q(compared_with__isnull=True)),
                name="only_a_report_on_differences_compares",
            ),
        ]

    def __str__(self) -> str:
        subject = str(self.version) if self.version_id else str(self.get_kind_display())
        return f"{subject} {self.as_of:%Y-%m-%d %H:%M}"

    def file_name(self) -> str:
        """Return the name of the PDF for a download: what it is about, its kind, and the instant."""
        of = f"{self.version.model_id}-{self.version.version}" if self.version else "register"
        return f"dossier-{of}-{self.kind}-{self.as_of:%Y%m%dT%H%M%SZ}.pdf"

    def bundle_name(self) -> str:
        """Return the name of the bundle for a download."""
        return f"{self.file_name().removesuffix('.pdf')}-bundle.zip"
