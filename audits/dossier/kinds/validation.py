"""What did independent validation find, on which data, against which requirements?"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from audits.dossier.arranged import ArrangedKind, chapter_of
from audits.dossier.kind import KINDS


@KINDS.register("validation")
class ValidationReport(ArrangedKind):
    """The verdict and what is missing, then the scope, the data, every measurement, the opinion and the findings."""

    slug, title = "validation", _("Validation report")
    chapters = tuple(
        chapter_of(slug)
        for slug in (
            "verdict",
            "missing",
            "scope",
            "model",
            "tier",
            "design",
            "data",
            "performance",
            "explainability",
            "fairness",
            "validation",
            "findings",
            "approvals",
            "evidence",
            "ledger",
        )
    )
