"""How was it counted, and what is each model's row?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Paragraph, Subheading, Table
from audits.dossier.contract import Facts
from audits.dossier.measures import NONE
from governance.portfolio.printing import state_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection


@PORTFOLIO_SECTIONS.register("method")
class Method(PortfolioSection):
    """What each count means, and one row for every model that was registered at the instant."""

    slug, number, title = "method", 15, gettext_lazy("Method, and a row for each model")
    required_by = "BCBS 239"

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Read a row for each model; each is a subject of the ledger, whose history goes along in a bundle."""
        findings = Counter(str(one["model"]) for one in now.open_findings.values())
        places: dict[str, set[str]] = defaultdict(set)
        for one in now.running:
            places[one["version"].partition("/")[0]].add(one["environment"])
        rows = []
        for slug in sorted(now.models):
            one, lead = now.models[slug], now.lead_version(slug)
            run = now.runs.get(lead) if lead else None
            rows.append(
                {
                    "model": slug,
                    "kind": one["kind"],
                    "origin": one["origin"],
                    "business_line": one["business_line"],
                    "owner": now.name_of(one["owner"]),
                    "tier": now.tiers.get(slug),
                    "state": now.states[slug],
                    "version": lead.partition("/")[2] if lead else "",
                    "places": sorted(places[slug]) if slug in places else [],
                    "validated": str(run[1]["concluded_at"])[:10] if run else "",
                    "findings": findings[slug],
                }
            )
        return {"rows": rows, "subjects": [["model", slug] for slug in sorted(now.models)]}

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the method in words, then the rows."""
        told = (
            _("Every count is over the states that the ledger holds as of the instant. Taken from the tables, because the "
              "ledger holds no more than their digest: the texts of policies, where they are those of the digest, and the "
              "results of concluded runs, which never change. Names of people are those of the day of printing."),
            _("A model stands at the furthest stage of its versions; it is in production where a version of it runs in a "
              "place that asks the gate. The version that stands for a model is the newest in production, and without one "
              "the newest that was registered. A validation run is in date for as many days as the policy of the version's "
              "newest request says, and for 365 where there is none."),
            _("The time to an approval is that from the request to the first allow of the gate for it. A finding is a "
              "repeat when the same source raised another of the same model before. Shares are counts over counts, without "
              "an interval: the register is counted whole and not sampled."),
        )  # fmt: skip
        rows = tuple(
            (
                one["model"],
                "" if one["tier"] is None else str(one["tier"]),
                state_text(one["state"]),
                one["business_line"] or NONE,
                one["owner"] or NONE,
                ", ".join(one["places"]) or NONE,
                one["validated"] or NONE,
                str(one["findings"]),
            )
            for one in facts["rows"]
        )
        columns = (
            Column(_("Model"), weight=2.5),
            Column(_("Tier"), "right", 0.55, "number"),
            Column(_("State"), weight=1.3),
            Column(_("Business line"), weight=1.3),
            Column(_("Owner"), weight=1.1),
            Column(_("Runs in"), weight=1.2),
            Column(_("Last run"), weight=1.15),
            Column(_("Open"), "right", 0.6, "number"),
        )
        return [
            *(Paragraph(text) for text in told),
            Subheading(_("A row for each model")),
            Table(
                columns,
                rows,
                _("Every registered model"),
                note=_("Open: open findings. Kind, origin and version of each model stand in the facts in this file."),
            ),
        ]
