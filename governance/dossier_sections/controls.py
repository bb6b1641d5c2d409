"""How does every control stand, by which clause?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Facts, LateSection
from audits.dossier.outline import BY_SLUG
from governance.dossier_sections.question import answers
from registry.models import ModelVersion

PLANNED = BY_SLUG["controls"]


@SECTIONS.register(PLANNED.slug)
class Controls(LateSection):
    """Every control the gate judges, with observed, required and clause, for each gated place."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("gate")

    def gather_late(self, version: ModelVersion, as_of: datetime, sections: Mapping[str, Facts]) -> Facts:
        """Take the controls that the verdict has judged, or judge them where there is no verdict."""
        judged = sections["verdict"]["answers"] if "verdict" in sections else answers(version, as_of)
        return {"places": [{"environment": one["environment"], "controls": one["controls"]} for one in judged]}

    def compose(self, facts: Facts) -> Section:
        """Return one matrix for each gated place."""
        blocks: list[Block] = []
        for place in facts.get("places", []):
            columns = (
                Column(_("Control"), weight=0.7),
                Column(_("What holds when it passes"), weight=2),
                Column(_("Status"), weight=0.8),
                Column(_("Observed"), weight=1.8),
                Column(_("Required"), weight=1.8),
                Column(_("Clause"), weight=1.4),
            )
            rows = tuple(
                (
                    one["control"],
                    one["title"],
                    one["result"]["status"].replace("_", " "),
                    one["result"]["observed"],
                    one["result"]["required"],
                    one["result"]["clause"],
                )
                for one in place["controls"]
            )
            blocks.append(Subheading(_("For %(place)s") % {"place": place["environment"]}))
            blocks.append(Table(columns, rows, _("Controls")))
        return self.section(*blocks)
