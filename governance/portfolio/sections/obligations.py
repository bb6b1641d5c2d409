"""Which models may fall under the law on AI, and on which texts do the policies in force rest?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, KeyValue, KeyValues
from audits.dossier.contract import Ask, Facts
from governance.portfolio.printing import count_text, listed
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection
from registry.models import Model

LEARNED = (Model.Kind.MACHINE_LEARNING.value, Model.Kind.GENERATIVE.value)
ACT = "EU AI Act"


@PORTFOLIO_SECTIONS.register("obligations")
class Obligations(PortfolioSection):
    """Models that learn, those of them that decide about people, and the texts behind the policies with their dates."""

    slug, number, title = "obligations", 7, gettext_lazy("Obligations for AI")
    required_by = f"{ACT} Art. 6, 26, 27 and 49"
    asks = (
        Ask(gettext_lazy("Which systems are high-risk"), f"{ACT} Art. 6 and Annex III"),
        Ask(gettext_lazy("Obligations with their dates, and the days to go"), f"{ACT} Art. 113"),
        Ask(gettext_lazy("Registrations"), f"{ACT} Art. 49 and Annex VIII"),
        Ask(gettext_lazy("Assessments of the impact on fundamental rights"), f"{ACT} Art. 27"),
    )

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count the models by kind, and read the sources of the policies that had come into force."""
        learned = [slug for slug in now.live if now.models[slug]["kind"] in LEARNED]
        today = date.fromisoformat(now.at[:10])
        newest: dict[str, str] = {}
        for key, one in sorted(now.policies.items(), key=lambda one: int(one[1]["number"])):
            if key in now.rules and str(one["effective_from"]) <= now.at:
                newest[str(one["policy"])] = key
        sources = [
            [key, source.name, source.mark, source.read_on or "", source.note or "",
             (today - date.fromisoformat(source.read_on)).days if source.read_on else None]
            for key in sorted(newest.values())
            for source in now.rules[key].sources
        ]  # fmt: skip
        ends = [
            [key, rules.superseded_on.isoformat(), (rules.superseded_on - today).days]
            for key in sorted(newest.values())
            if (rules := now.rules[key]).superseded_on is not None
        ]
        return {
            "learned": len(learned),
            "about_people": sum(bool(now.models[slug]["affects_people"]) for slug in learned),
            "generative": sum(now.models[slug]["kind"] == Model.Kind.GENERATIVE for slug in learned),
            "sources": sources,
            "ends": ends,
            "subjects": [["policy", key] for key in sorted(newest.values())],
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the counts and the texts with the days since they were read."""
        items = (
            KeyValue(_("Models that learn, not retired"), count_text(facts["learned"])),
            KeyValue(_("of these: decide about people"), count_text(facts["about_people"])),
            KeyValue(_("of these: generative"), count_text(facts["generative"])),
        )
        columns = ((_("Policy"), 1.3), (_("Text"), 2), (_("Read"), 0.9), (_("Read on"), 0.9), (_("Days since"), 0.6),
                   (_("Note"), 2.4))  # fmt: skip
        rows = [(key, name, mark, read, days, note) for key, name, mark, read, note, days in facts["sources"]]
        return [
            KeyValues(items),
            listed(_("Texts that the policies in force rest on"), columns, rows),
            listed(_("Policies that end on a day"), ((_("Policy"), 2), (_("Ends on"), 1), (_("Days to go"), 1)),
                   facts["ends"]),
        ]  # fmt: skip
