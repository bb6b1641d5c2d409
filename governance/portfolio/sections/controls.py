"""Do the controls work: what did the gate refuse, what went past it, and how long do approvals take?"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.checks.measurement import Plot, PlotColumn
from audits.dossier.content import Block, Column, Figure, KeyValue, KeyValues, Table
from audits.dossier.contract import Ask, Facts
from audits.dossier.measures import NONE
from governance.portfolio.measures import approvals, four_eyes_exceptions
from governance.portfolio.printing import count_text, listed, share_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection
from registry.ledger.plain import parse_instant

MONTHS = 24


@PORTFOLIO_SECTIONS.register("controls")
class Controls(PortfolioSection):
    """Answers of the gate over time, what ran without it, approvals by a hand of the version, days to an allow."""

    slug, number, title = "controls", 11, gettext_lazy("Effectiveness of the controls")
    required_by = "NIST AI RMF MEASURE 2.13; PRA SS1/23 P2.4"
    asks = (
        Ask(gettext_lazy("The share of controls that are satisfied with fresh evidence"), "NIST AI RMF MEASURE 2.13"),
    )

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count the answers by month, and the seconds from each request to its first allow."""
        asked = now.asked
        months = sorted({month for month, _outcome in asked.by_month})[-MONTHS:]
        waits = [
            int((parse_instant(allowed) - parse_instant(str(now.promotions[key]["requested_at"]))).total_seconds())
            for key, allowed in sorted(asked.first_allow.items())
            if key in now.promotions
        ]
        ungated = [one for one in now.running if now.is_gated(one["environment"]) and not one["gated"]]
        found = sorted(now.divergences, key=lambda one: (str(one["found_at"]), str(one["subject_key"])))
        return {
            "months": [[month, asked.by_month[month, "allow"], asked.by_month[month, "deny"]] for month in months],
            "allows": asked.by_outcome["allow"],
            "denials": asked.by_outcome["deny"],
            "about_unknown": asked.about_unknown,
            "waits": len(waits),
            "median_wait_seconds": int(median(waits)) if waits else None,
            "approvals": len(approvals(now)),
            "four_eyes_exceptions": len(four_eyes_exceptions(now)),
            "ungated": [[one["version"], one["environment"], str(one["started_at"])[:10]] for one in ungated],
            "divergences": len(found),
            "divergences_open": [
                [one["subject_kind"], one["subject_key"], str(one["found_at"])[:10]]
                for one in found
                if not one["resolved_at"]
            ],
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the counts, the answers over the months, and each case that went past a control."""
        answered = facts["denials"] + facts["allows"]
        waited = _wait_text(facts["median_wait_seconds"])
        items = (
            KeyValue(_("Answers of the gate that were deny"), share_text(facts["denials"], answered)),
            KeyValue(_("Questions about bytes that nobody registered"), count_text(facts["about_unknown"])),
            KeyValue(_("Median time from a request to its first allow"),
                     _("%(time)s, n = %(n)s") % {"time": waited, "n": count_text(facts["waits"])}),
            KeyValue(_("Approvals by somebody with a hand in it (must be 0)"),
                     share_text(facts["four_eyes_exceptions"], facts["approvals"])),
            KeyValue(_("Running in a gated place without an allow"), count_text(len(facts["ungated"]))),
            KeyValue(_("Rows found changed outside the register"), count_text(facts["divergences"])),
        )  # fmt: skip
        blocks: list[Block] = [KeyValues(items)]
        if facts["months"]:
            blocks.append(_over_time(facts["months"]))
        return [
            *blocks,
            listed(_("Runs without an allow of the gate"), ((_("Version"), 2), (_("Place"), 1), (_("Since"), 1)),
                   facts["ungated"]),
            listed(_("Changed rows that nobody has resolved"), ((_("Kind"), 1), (_("Key"), 2.4), (_("Found"), 1)),
                   facts["divergences_open"]),
        ]  # fmt: skip


def _wait_text(seconds: int | None) -> str:
    if seconds is None:
        return NONE
    if seconds < 3600:
        return _("%(count)s min") % {"count": f"{seconds / 60:.1f}"}
    if seconds < 2 * 86_400:
        return _("%(count)s h") % {"count": f"{seconds / 3600:.1f}"}
    return _("%(count)s days") % {"count": f"{seconds / 86_400:.1f}"}


def _over_time(months: list[list[object]]) -> Figure:
    month, allow, deny = _("Month"), _("allow"), _("deny")
    caption = _("Answers of the gate by month")
    plot = Plot(
        kind="shares",
        title=caption,
        columns=(PlotColumn(month, "text"), PlotColumn(allow, "count"), PlotColumn(deny, "count")),
        rows=tuple(tuple(row) for row in months),
        label=month,
        values=(allow, deny),
    )
    table = Table(
        (Column("", "right", 0.4, "number"), Column(month, weight=2), Column(allow, "right", 1, "number"),
         Column(deny, "right", 1, "number")),
        tuple((str(at), str(name), f"{yes:,}", f"{no:,}") for at, (name, yes, no) in enumerate(months, start=1)),
        caption,
    )  # fmt: skip
    return Figure(caption, {"kind": "shares", "plot": plot.as_json(), "words": {}}, table)
