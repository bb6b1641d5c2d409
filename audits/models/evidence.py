"""Which proof is stored? Content-addressed evidence."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Evidence(models.Model):
    """Stored bytes that prove something: a run's manifest, a measurement, an explanation, a PDF. Its digest is in the
    ledger with the run or dossier that produced it; it is written once and never changed."""

    class Kind(models.TextChoices):
        MEASUREMENT = "measurement", _("Measurement")
        SCORES = "scores", _("Scores of a model")
        EXPLANATION = "explanation", _("Explanation")
        EXPLANATION_PART = "explained_rows", _("Part of an explanation")
        HISTOGRAMS = "histograms", _("Histograms of a table")
        RUN = "run", _("Run manifest")
        DIFFERENCE = "difference", _("Difference of two runs")
        DOSSIER_FACTS = "dossier_facts", _("Facts of a dossier")
        DOSSIER_PDF = "dossier_pdf", _("Dossier (PDF)")

    sha256 = models.CharField(primary_key=True, max_length=64)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    media_type = models.CharField(max_length=60)
    size = models.BigIntegerField(_("size in bytes"))
    stored_at = models.DateTimeField()

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["-stored_at"]

    def __str__(self) -> str:
        return f"{self.kind} sha256:{self.sha256[:16]}"
