"""Where do the models stand on one page: the position with its rule, three messages, and what is to be decided?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Notice, Paragraph, Subheading, Table
from audits.dossier.contract import Facts
from governance.models import PromotionRequest
from governance.portfolio.measures import AMBER_UP_TO, GREEN, RED, measured
from governance.portfolio.printing import count_text, share_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

SOON_DAYS = 30
MESSAGES = 3


@PORTFOLIO_SECTIONS.register("position")
class Position(PortfolioSection):
    """Eight counts against their rule, the three worst as sentences, and the decisions that wait."""

    slug, number, title = "position", 1, gettext_lazy("One page")
    required_by = "PRA SS1/23 P2.1"

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count each measure, and what waits for somebody to decide."""
        waiting = [one for one in now.promotions.values() if one["state"] == PromotionRequest.State.OPEN]
        ending = {
            model
            for model, versions in now.in_production.items()
            for version in versions
            if (held := now.standing_approvals(version))
            and 0 <= now.days_left(max(str(one["expires_at"]) for one in held)) < SOON_DAYS
        }
        overdue = [one for one in now.open_findings.values() if now.is_overdue(one)]
        return {
            "measures": measured(now),
            "moved": None
            if before is None
            else {
                "new": len(now.models.keys() - before.models.keys()),
                "retired": len(set(before.live) - set(now.live)),
            },
            "models": len(now.live),
            "in_production": len(now.in_production),
            "decisions": {
                "promotions": len(waiting),
                "promotions_oldest_days": max((now.days_since(one["requested_at"]) for one in waiting), default=0),
                "findings": len(overdue),
                "ending": len(ending),
                "unowned": sum(not now.models[slug]["owner"] for slug in now.live),
                "untiered": sum(slug not in now.tiers for slug in now.live),
            },
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return messages, position and decisions."""
        blocks: list[Block] = [Subheading(_("Three messages"))]
        blocks += [Paragraph(f"{at}.  {text}") for at, text in enumerate(_messages(facts), start=1)]
        blocks += [Subheading(_("Position")), _position(facts["measures"])]
        blocks.append(
            Notice(
                _("The appetite for model risk, set by the board: No evidence recorded."), "missing", self.required_by
            )
        )
        return [*blocks, Subheading(_("Decisions asked")), *_decisions(facts["decisions"])]


def _words() -> dict[str, str]:
    return {
        "ungated": _("Run in a gated place without an allow of the gate"),
        "unvalidated": _("In production without a passed validation run that is young enough"),
        "unapproved": _("In production without an approval that holds"),
        "denied": _("In production while the gate's newest answer is deny"),
        "overdue": _("High and critical findings past their day"),
        "four_eyes": _("Approvals by somebody who had a hand in the version"),
        "unowned": _("Models without an active owner"),
        "untiered": _("Models without a risk tier"),
    }


def _colour(colour: str) -> str:
    return {"green": _("● green"), "amber": _("▲ amber"), "red": _("■ red")}[colour]


def _rule(key: str) -> str:
    amber = AMBER_UP_TO[key]
    if amber == 0:
        return _("green: 0; red: more")
    return _("green: 0; amber: up to %(share)s %%; red: more") % {"share": amber}


def _position(measures: list[Mapping[str, Any]]) -> Table:
    words = _words()
    columns = (
        Column(_("Measure"), weight=3.4),
        Column(_("Count"), "right", 1.3, "number"),
        Column(_("Answer"), weight=0.9, kind="status"),
        Column(_("Rule"), weight=2.2),
    )
    rows = tuple(
        (words[one["key"]], share_text(one["count"], one["of"]), _colour(one["colour"]), _rule(one["key"]))
        for one in measures
    )
    return Table(columns, rows, _("Position, with the rule that gives each answer"))


def _messages(facts: Facts) -> list[str]:
    """Return the three worst measures as sentences; where fewer are not green, what moved and what is well."""
    measures, words = facts["measures"], _words()
    worst = sorted(
        (one for one in measures if one["colour"] != GREEN),
        key=lambda one: (one["colour"] != RED, -one["count"] / max(one["of"], 1), one["key"]),
    )
    texts = [f"{words[one['key']]}: {share_text(one['count'], one['of'])}." for one in worst]
    green = _("%(green)s of %(all)s measures are green.") % {"green": len(measures) - len(worst), "all": len(measures)}
    size = _("The register holds %(models)s models that are not retired; %(running)s are in production.") % {
        "models": count_text(facts["models"]),
        "running": count_text(facts["in_production"]),
    }
    moved = _("There is no earlier report to compare with.")
    if facts["moved"] is not None:
        moved = _("Since the report before: %(new)s models came, %(retired)s were retired.") % {
            name: count_text(count) for name, count in facts["moved"].items()
        }
    return [*texts, green, size, moved][:MESSAGES]


def _decisions(facts: Facts) -> list[Block]:
    told = (
        (facts["promotions"], _("Promotion requests wait for an answer, the oldest for %(days)s days")
         % {"days": count_text(facts["promotions_oldest_days"])}, _("Promotions")),
        (facts["findings"], _("Findings are past their day: close each, accept its risk, or set another day"), _("Findings")),
        (facts["ending"], _("Models in production whose approval ends within %(days)s days: look again, or retire")
         % {"days": SOON_DAYS}, _("Promotions")),
        (facts["unowned"], _("Models have no owner: name one"), _("Models")),
        (facts["untiered"], _("Models have no risk tier: assess it"), _("Models")),
    )  # fmt: skip
    rows = tuple((count_text(count), text, page) for count, text, page in told if count)
    if not rows:
        return [Paragraph(_("No decision waits."))]
    columns = (Column(_("Count"), "right", 0.6, "number"), Column(_("What is asked"), weight=4), Column(_("Page")))
    return [Table(columns, rows, _("What waits for a decision"))]
