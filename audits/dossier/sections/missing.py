"""What should be recorded and is not? Worked out from every other section and printed before them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audits.dossier.content import Column, Notice, Paragraph, Section, Table
from audits.dossier.contract import SECTIONS, Facts, OverviewSection, Whole
from audits.dossier.outline import BY_SLUG

PLANNED = BY_SLUG["missing"]


@SECTIONS.register(PLANNED.slug)
class WhatIsMissing(OverviewSection):
    """Every gap of every section, with the clause that asks for it."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def compose_over(self, facts: Facts, whole: Whole) -> Section:
        """Return the table of gaps; without one, the sentence that none was found."""
        if not whole.facts:
            return self.section()
        if not whole.gaps:
            return self.section(Notice(_("No section of this dossier lacks anything it asks for.")))
        rows = tuple((str(one.section), one.gap.what, one.gap.required_by, one.gap.source or "–") for one in whole.gaps)
        columns = (
            Column("§", "right", 0.3, "number"),
            Column(_("What is missing"), weight=2.2),
            Column(_("Asked for by"), weight=1.7),
            Column(_("Where it is recorded"), weight=1.3),
        )
        lead = _("%(count)s things that a complete dossier has are not recorded as of the instant of this one.")
        return self.section(
            Paragraph(lead % {"count": len(rows)}, "lead"),
            Table(columns, rows, _("What is missing, by section")),
        )
