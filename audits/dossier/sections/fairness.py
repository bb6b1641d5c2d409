"""How far do rates differ between groups of people, with which numbers behind them?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audits.dossier.content import Notice, Section
from audits.dossier.contract import SECTIONS, Facts
from audits.dossier.measured import BY_GROUP, MeasuredSection
from audits.dossier.outline import BY_SLUG

PLANNED = BY_SLUG["fairness"]


@SECTIONS.register(PLANNED.slug)
class Fairness(MeasuredSection):
    """Gaps by attribute and rates by group, with intervals, counts and the groups too small to be measured."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    only = BY_GROUP

    def compose(self, facts: Facts) -> Section:
        """Return the results with their groups, and what the numbers do not say."""
        if not self.has_evidence(facts):
            return self.section()
        text = _(
            "These are measurements on one table: a gap, its interval and the number of people behind it. Whether a "
            "gap is justified is a decision of people and stands under findings and approvals. Nothing is shown of "
            "groups of fewer than three people."
        )
        return self.section(Notice(text), self.run_block(facts), *self.result_blocks(facts))
