"""Which models come from somebody else?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block
from audits.dossier.contract import Ask, Facts
from governance.portfolio.printing import crossed, listed, state_text, tier_text, yes_or_no
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection
from registry.models import Model


@PORTFOLIO_SECTIONS.register("third-parties")
class ThirdPartyModels(PortfolioSection):
    """Models by origin and tier, and each that was not built here."""

    slug, number, title = "third-parties", 9, gettext_lazy("Third-party models")
    required_by = "SR 26-2; OSFI E-23 1.3; PRA SS1/23 P2.6"
    asks = (Ask(gettext_lazy("Due diligence, the vendor's own evidence, and how to leave the vendor"),
                "SR 26-2; OSFI E-23 1.3; PRA SS1/23 P2.6"),)  # fmt: skip

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Read the origin of every model that is not retired."""
        others = [slug for slug in now.live if now.models[slug]["origin"] != Model.Origin.INTERNAL]
        rows = [
            [slug, now.models[slug]["origin"], now.tiers.get(slug), now.states[slug], slug in now.in_production,
             now.name_of(now.models[slug]["owner"])]
            for slug in others
        ]  # fmt: skip
        return {
            "counts": dict(Counter(f"{now.models[slug]['origin']}|{now.tiers.get(slug, 'none')}" for slug in now.live)),
            "models": sorted(rows, key=lambda row: (row[2] or 9, row[0])),
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the counts and the list."""
        origins = [(code, str(word)) for code, word in Model.Origin.choices]
        words = dict(origins)
        columns = ((_("Model"), 2), (_("Origin"), 1.2), (_("Risk tier"), 0.8), (_("State"), 1.2), (_("In production"), 0.9),
                   (_("Owner"), 1.2))  # fmt: skip
        rows = [
            (slug, words[origin], tier_text(tier), state_text(state), yes_or_no(running), owner)
            for slug, origin, tier, state, running, owner in facts["models"]
        ]
        tiers = [(tier, tier_text(tier)) for tier in ("1", "2", "3", "none")]
        return [
            crossed(
                _("Models that are not retired, by origin and risk tier"), origins, tiers, facts["counts"], _("Origin")
            ),
            listed(_("Models that were not built here"), columns, rows),
        ]
