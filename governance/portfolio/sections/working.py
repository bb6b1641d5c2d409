"""Where do models work, and where do they not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Notice
from audits.dossier.contract import Ask, Facts
from audits.models import ValidationRun
from governance.portfolio.measures import is_denied
from governance.portfolio.printing import counts_figure, crossed, listed, tier_text, yes_or_no
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

NO_RUN = "none"


@PORTFOLIO_SECTIONS.register("working")
class Working(PortfolioSection):
    """What runs in each place, what its newest validation run found, and what is suspended or refused."""

    slug, number, title = "working", 3, gettext_lazy("Where models work and where they do not")
    required_by = "PRA SS1/23 P2.1 and P4.4"
    asks = (Ask(gettext_lazy("Ongoing monitoring: limits that were crossed, and what was done"),
                "PRA SS1/23 P4.4; EU AI Act Art. 72; SR 26-2"),)  # fmt: skip

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Read what runs, and judge each by its newest run and the gate's newest answer."""
        places: Counter[str] = Counter()
        rows = []
        for one in now.running:
            outcome = now.runs[one["version"]][1]["outcome"] if one["version"] in now.runs else NO_RUN
            places[f"{one['environment']}|{outcome}"] += 1
            denied = is_denied(now, one)
            ungated = now.is_gated(one["environment"]) and not one["gated"]
            if outcome != ValidationRun.Outcome.PASSED or denied or ungated:
                tier = now.tiers.get(one["version"].partition("/")[0])
                rows.append([one["version"], one["environment"], tier, outcome, denied, ungated])
        suspended = sorted(slug for slug, state in now.states.items() if state == "suspended")
        return {
            "running": len(now.running),
            "by_place": dict(places),
            "not_working": sorted(rows, key=lambda row: (row[2] or 9, row[0], row[1])),
            "suspended": [[slug, now.tiers.get(slug), now.name_of(now.models[slug]["owner"])] for slug in suspended],
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return what runs by place and result, then each that something speaks against."""
        if not facts["running"]:
            return [Notice(_("No version was recorded to run anywhere."))]
        outcomes = [*ValidationRun.Outcome.choices, (NO_RUN, _("no run was over"))]
        words = {code: str(word) for code, word in outcomes}
        places = sorted({key.split("|")[0] for key in facts["by_place"]})
        found: Counter[str] = Counter()
        for key, count in facts["by_place"].items():
            found[key.split("|")[1]] += count
        columns = (
            (_("Version"), 2.2),
            (_("Place"), 1.1),
            (_("Risk tier"), 0.8),
            (_("Newest run"), 1.8),
            (_("Gate says deny"), 0.8),
            (_("Without the gate"), 0.8),
        )
        rows = [
            (version, place, tier_text(tier), words[outcome], yes_or_no(denied), yes_or_no(ungated))
            for version, place, tier, outcome, denied, ungated in facts["not_working"]
        ]
        return [
            counts_figure(_("Versions that run, by the result of their newest validation run"), _("Newest run"),
                          [(words[code], found[code]) for code, _word in outcomes], _("Running")),
            crossed(_("Versions that run, by place and result"), [(one, one) for one in places],
                    [(code, words[code]) for code, _word in outcomes], facts["by_place"], _("Place")),
            listed(_("Running versions that something speaks against"), columns, rows),
            listed(_("Suspended models"), ((_("Model"), 2), (_("Risk tier"), 1), (_("Owner"), 1.5)),
                   [(slug, tier_text(tier), owner) for slug, tier, owner in facts["suspended"]]),
        ]  # fmt: skip
