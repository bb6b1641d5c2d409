"""Which histograms of reference tables are kept, so that a run need not count the table again?"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from audits.models.evidence import Evidence


class ReferenceHistograms(models.Model):
    """Evidence that holds the histograms of a reference table, under the digest of all they depend on.

    ``ground`` is the SHA-256 over the table's digest, how it is read, the columns, the rule of the bins, and the code and
    libraries that counted. Nobody believes the row: whoever takes the evidence re-hashes it and compares what it says.
    """

    ground = models.CharField(primary_key=True, max_length=64)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+")
    kept_at = models.DateTimeField()

    class Meta:
        verbose_name = _("histograms of a reference table")
        verbose_name_plural = _("histograms of reference tables")
        ordering = ["-kept_at"]

    def __str__(self) -> str:
        return f"{self.ground[:16]}: {self.evidence}"
