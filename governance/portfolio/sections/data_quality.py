"""How good is the inventory itself: what is filled in, what is stale, what has nobody?"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Table
from audits.dossier.contract import Ask, Facts
from governance.portfolio.measures import has_owner
from governance.portfolio.printing import count_text, listed, share_text, state_text, tier_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

STATED = ("description", "intended_use", "prohibited_use", "business_line")


@PORTFOLIO_SECTIONS.register("data-quality")
class DataQuality(PortfolioSection):
    """The share of models that state each field, and every model without an active owner."""

    slug, number, title = "data-quality", 14, gettext_lazy("Quality of the inventory")
    required_by = "BCBS 239; NIST AI RMF GOVERN 1.6"
    asks = (Ask(gettext_lazy("Endpoints that were seen to run and are not registered"), "NIST AI RMF GOVERN 1.6"),)

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count for each field the models that state it; a version's data by the one that stands for its model."""
        live = now.live
        leads = {slug: now.versions[key] for slug in live if (key := now.lead_version(slug)) is not None}
        filled = {name: sum(bool(now.models[slug][name]) for slug in live) for name in STATED}
        filled |= {
            "owner": sum(bool(now.models[slug]["owner"]) for slug in live),
            "active_owner": sum(has_owner(now, slug) for slug in live),
            "tier": sum(slug in now.tiers for slug in live),
            "version": len(leads),
        }
        for role in ("training", "evaluation"):
            filled[role] = sum(any(used[0] == role for used in version["datasets"]) for version in leads.values())
        unowned = [
            [slug, now.states[slug], now.tiers.get(slug), now.name_of(now.models[slug]["owner"])]
            for slug in live
            if not has_owner(now, slug)
        ]
        complete = sum(
            all(now.models[slug][name] for name in STATED)
            and has_owner(now, slug)
            and slug in now.tiers
            and slug in leads
            for slug in live
        )
        return {
            "models": len(live),
            "complete": complete,
            "filled": filled,
            "unowned": sorted(unowned, key=lambda row: (row[2] or 9, row[0])),
            "about_unknown": now.asked.about_unknown,
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the completeness by field, then who has nobody."""
        if not facts["models"]:
            return [Notice(_("No model is registered."), "missing", self.required_by)]
        words = {
            "description": _("Description"),
            "intended_use": _("Intended use"),
            "prohibited_use": _("Prohibited use"),
            "business_line": _("Business line"),
            "owner": _("Owner"),
            "active_owner": _("Owner who is active"),
            "tier": _("Risk tier"),
            "version": _("A version"),
            "training": _("Training data of the version that stands for it"),
            "evaluation": _("Evaluation data of the version that stands for it"),
        }
        items = (
            KeyValue(_("Models with every field, an active owner, a tier and a version"),
                     share_text(facts["complete"], facts["models"])),
            KeyValue(_("Questions of the gate about bytes that nobody registered"), count_text(facts["about_unknown"])),
        )  # fmt: skip
        rows = tuple((words[name], share_text(facts["filled"][name], facts["models"])) for name in words)
        unowned = [(slug, state_text(state), tier_text(tier), owner) for slug, state, tier, owner in facts["unowned"]]
        return [
            KeyValues(items),
            Table((Column(_("Field"), weight=3), Column(_("Models that state it"), "right", 1.6, "number")), rows,
                  _("Completeness, models that are not retired")),
            listed(_("Models without an active owner"),
                   ((_("Model"), 2), (_("State"), 1.4), (_("Risk tier"), 1), (_("Last owner"), 1.4)), unowned),
        ]  # fmt: skip
