"""How much harm can a wrong model do, by which rule, from which answers?"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Column, KeyValue, KeyValues, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of
from registry.models import ModelVersion

PLANNED = BY_SLUG["tier"]


@SECTIONS.register(PLANNED.slug)
class Tier(DossierSection):
    """The newest risk tier assessment, line by line."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("assessment of the risk tier")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the newest assessment up to the instant."""
        known = version.model.tier_assessments.filter(assessed_at__lte=as_of)
        newest = known.order_by("-assessed_at", "-id").first()
        if newest is None:
            return {}
        return {
            "tier": newest.tier,
            "rule_version": newest.rule_version,
            "lines": newest.score_lines,
            "assessed_by": names_of([newest.assessed_by_id]).get(str(newest.assessed_by_id), ""),
            "assessed_at": instant_text(newest.assessed_at),
            "subjects": [["tier", newest.ledger_key()]],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the tier and the lines it was worked out from."""
        if not facts.get("tier"):
            return self.section()
        return self.section(
            KeyValues(
                (
                    KeyValue(_("Risk tier"), _("%(tier)s (1 does the most harm when wrong)") % {"tier": facts["tier"]}),
                    KeyValue(_("Rule"), facts["rule_version"]),
                    KeyValue(_("Assessed by"), facts["assessed_by"]),
                    KeyValue(_("On"), facts["assessed_at"]),
                )
            ),
            Table(
                (
                    Column(_("Line"), weight=1.4),
                    Column(_("Answer"), weight=2),
                    Column(_("Points"), "right", 0.7, "number"),
                ),
                tuple(
                    (one["line"], str(one["answer"]).replace("_", " "), str(one["points"])) for one in facts["lines"]
                ),
                _("How the tier was worked out"),
            ),
        )
