"""Which models are there, and what moved since the report before?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Notice, Subheading
from audits.dossier.contract import Facts
from audits.dossier.measures import NONE, when
from audits.dossier.record import instant_iso
from governance.portfolio.printing import (
    counts_figure,
    crossed,
    listed,
    state_text,
    states_in_order,
    tier_text,
)
from governance.portfolio.register import RETIRED, Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection
from registry.models import Model

COUNTED = frozenset({1})
TIERS = ("1", "2", "3", "none")


@PORTFOLIO_SECTIONS.register("inventory")
class Inventory(PortfolioSection):
    """Models by tier, state, business line, origin and kind, and each that moved since the report before."""

    slug, number, title = "inventory", 2, gettext_lazy("Inventory and what moved")
    required_by = "OSFI E-23 2.1; SR 26-2; PRA SS1/23 P1.2"

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count every model once under each heading."""
        live = now.live
        return {
            "count": len(now.models),
            "retired": len(now.models) - len(live),
            "by_tier": dict(Counter(str(now.tiers.get(slug, "none")) for slug in live)),
            "by_state": dict(Counter(now.states.values())),
            "by_line": dict(Counter(str(now.models[slug]["business_line"]) for slug in live)),
            "by_kind": dict(Counter(str(now.models[slug]["kind"]) for slug in live)),
            "by_origin": dict(Counter(str(now.models[slug]["origin"]) for slug in live)),
            "tier_and_state": dict(Counter(f"{now.tiers.get(slug, 'none')}|{now.states[slug]}" for slug in live)),
            "moved": _moved(now, before) if before is not None else None,
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the counts that are looked at as bars, the others as tables, then what moved."""
        if not facts["count"]:
            return [Notice(_("No model is registered."), "missing", self.required_by)]
        kinds, origins = (dict(one.choices) for one in (Model.Kind, Model.Origin))
        tiers = [(tier, tier_text(tier)) for tier in TIERS]
        states = [(state, state_text(state)) for state in states_in_order()]
        lines = sorted(facts["by_line"].items(), key=lambda one: (-one[1], one[0]))
        by_tier = [(word, facts["by_tier"].get(tier, 0)) for tier, word in tiers]
        by_state = [(word, facts["by_state"][state]) for state, word in states if facts["by_state"].get(state)]
        blocks: list[Block] = [
            counts_figure(_("Models that are not retired, by risk tier"), _("Risk tier"), by_tier),
            counts_figure(_("All models, by the furthest stage of their versions"), _("State"), by_state),
            crossed(_("Models that are not retired, by state and risk tier"), states, tiers,
                    {f"{key.split('|')[1]}|{key.split('|')[0]}": n for key, n in facts["tier_and_state"].items()},
                    _("State")),
            listed(_("By business line"), ((_("Business line"), 3), (_("Models"), 1)),
                   [(line or _("not recorded"), f"{count:,}") for line, count in lines], numbers=COUNTED),
            listed(_("By kind"), ((_("Kind"), 3), (_("Models"), 1)), _coded(facts["by_kind"], kinds),
                   numbers=COUNTED),
            listed(_("By origin"), ((_("Origin"), 3), (_("Models"), 1)), _coded(facts["by_origin"], origins),
                   numbers=COUNTED),
            Subheading(_("What moved since the report before")),
        ]  # fmt: skip
        return blocks + _movement(facts["moved"])


def _coded(counts: Mapping[str, int], words: Mapping[str, object]) -> list[tuple[str, str]]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [(str(words.get(code, code)), f"{count:,}") for code, count in ordered]


def _moved(now: Register, before: Register) -> Facts:
    both = sorted(now.models.keys() & before.models.keys())
    changes = []
    for slug in both:
        for what, then, today in (
            ("tier", before.tiers.get(slug, "none"), now.tiers.get(slug, "none")),
            ("state", before.states[slug], now.states[slug]),
            ("owner", before.models[slug]["owner"], now.models[slug]["owner"]),
        ):
            if then != today:
                named = (now.name_of(then), now.name_of(today)) if what == "owner" else (str(then), str(today))
                changes.append([slug, what, *named])
    return {
        "since": instant_iso(before.instant),
        "new": sorted(now.models.keys() - before.models.keys()),
        "retired": sorted(slug for slug in both if now.states[slug] == RETIRED != before.states[slug]),
        "changed": changes,
    }


def _name(name: str) -> str:
    return name or NONE


def _movement(facts: Facts | None) -> list[Block]:
    if facts is None:
        return [Notice(_("There is no earlier portfolio report: the next one counts from this."))]
    words = {"tier": _("risk tier"), "state": _("state"), "owner": _("owner")}
    told: dict[str, Callable[[str], str]] = {"tier": tier_text, "state": state_text, "owner": _name}
    since = _("since %(instant)s") % {"instant": when(facts["since"])}
    counts = [(_("new"), len(facts["new"])), (_("retired"), len(facts["retired"]))]
    counts += [(words[one], sum(row[1] == one for row in facts["changed"])) for one in words]
    rows = [(slug, _("new"), NONE, NONE) for slug in facts["new"]]
    rows += [(slug, words[what], told[what](then), told[what](now)) for slug, what, then, now in facts["changed"]]
    columns = ((_("Model"), 2.2), (_("What changed"), 1), (_("Before"), 1.4), (_("Now"), 1.4))
    return [
        counts_figure(_("Movement, %(since)s") % {"since": since}, _("What changed"), counts),
        listed(_("Models that moved, %(since)s") % {"since": since}, columns, rows),
    ]
