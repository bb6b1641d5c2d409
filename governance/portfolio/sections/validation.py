"""What has been validated and approved, and what is due again or late?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, KeyValue, KeyValues
from audits.dossier.contract import Ask, Facts
from audits.models import Finding
from governance.portfolio.measures import is_validated
from governance.portfolio.printing import crossed, listed, share_text, tier_text
from governance.portfolio.register import Register, State
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

SOON_DAYS = 90
NEVER, AFTER, LATE_90, LATE_180, LATER = "never", "due-90", "late-90", "late-180", "late"
BUCKETS = ("in-date", AFTER, LATE_90, LATE_180, LATER, NEVER)


@PORTFOLIO_SECTIONS.register("validation")
class Validation(PortfolioSection):
    """Models in production by how long their validation and their approval still hold, by tier and by age."""

    slug, number, title = "validation", 4, gettext_lazy("Validation and review: due and overdue")
    required_by = "PRA SS1/23 P4; SR 26-2; OSFI E-23 3.4"
    asks = (Ask(gettext_lazy("Periodic reviews with their dates"), "OSFI E-23 3.4; PRA SS1/23 P4.5"),)

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Work out for each model in production how many days its evidence and its approval still hold."""
        rows: list[tuple[str, int | None, int | None, int | None]] = []
        for slug, versions in now.in_production.items():
            runs = [_evidence_left(now, key) for key in versions]
            holds = [_approval_left(now, key) for key in versions]
            rows.append((slug, now.tiers.get(slug), _least(runs), _least(holds)))
        accepted = [one for one in now.findings.values() if one["state"] == Finding.State.ACCEPTED]
        validated = [key for keys in now.in_production.values() for key in keys if is_validated(now, key)]
        return {
            "in_production": len(rows),
            "versions": sum(len(keys) for keys in now.in_production.values()),
            "versions_validated": len(validated),
            "validation": dict(Counter(f"{row[1] or 'none'}|{bucket_of(row[2])}" for row in rows)),
            "approval": dict(Counter(f"{row[1] or 'none'}|{bucket_of(row[3])}" for row in rows)),
            "overdue": sorted(
                (row for row in rows if bucket_of(row[2]) not in BUCKETS[:2] or bucket_of(row[3]) not in BUCKETS[:2]),
                key=lambda row: (row[1] or 9, row[0]),
            ),
            "accepted": sorted(_accepted(now, one) for one in accepted),
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the coverage, both tables by tier, what is overdue, and the exceptions in use."""
        words = _bucket_words()
        tiers = [(tier, tier_text(tier)) for tier in ("1", "2", "3", "none")]
        across = [(bucket, words[bucket]) for bucket in BUCKETS]
        items = (
            KeyValue(_("Models in production"), f"{facts['in_production']:,}"),
            KeyValue(_("Versions in production whose newest run passed and is in date"),
                     share_text(facts["versions_validated"], facts["versions"])),
        )  # fmt: skip
        overdue = [
            (slug, tier_text(tier), _left_text(run), _left_text(held)) for slug, tier, run, held in facts["overdue"]
        ]
        blocks: list[Block] = [KeyValues(items)]
        if facts["in_production"]:
            blocks += [
                crossed(_("Age of the validation, by risk tier"), tiers, across, facts["validation"], _("Risk tier")),
                crossed(_("Life of the approval, by risk tier"), tiers, across, facts["approval"], _("Risk tier")),
            ]
        accepted = [(model, title, until[:10], _("yes") if late else _("no"))
                    for model, title, until, late in facts["accepted"]]  # fmt: skip
        return [
            *blocks,
            listed(_("Models in production that are overdue"),
                   ((_("Model"), 2.4), (_("Risk tier"), 1), (_("Validation"), 1.6), (_("Approval"), 1.6)), overdue),
            listed(_("Accepted risks (exceptions in use)"),
                   ((_("Model"), 1.6), (_("Finding"), 3), (_("Until"), 1), (_("Past"), 0.7)), accepted),
        ]  # fmt: skip


def bucket_of(days: int | None) -> str:
    """Return the bucket of the days that are left; None for what never was, negative for what is late."""
    if days is None:
        return NEVER
    if days >= SOON_DAYS:
        return BUCKETS[0]
    if days >= 0:
        return AFTER
    return LATE_90 if days >= -90 else LATE_180 if days >= -180 else LATER


def _bucket_words() -> dict[str, str]:
    return {
        BUCKETS[0]: _("in date"),
        AFTER: _("due in 90 days"),
        LATE_90: _("late, up to 90 days"),
        LATE_180: _("late, up to 180 days"),
        LATER: _("late, longer"),
        NEVER: _("never"),
    }


def _left_text(days: int | None) -> str:
    if days is None:
        return _("never")
    return _("%(days)s days left") % {"days": days} if days >= 0 else _("%(days)s days late") % {"days": -days}


def _evidence_left(now: Register, version: str) -> int | None:
    if version not in now.runs:
        return None
    return now.max_age_of(version) - now.days_since(now.runs[version][1]["concluded_at"]) - 1


def _approval_left(now: Register, version: str) -> int | None:
    held = now.standing_approvals(version)
    return max(now.days_left(one["expires_at"]) for one in held) if held else None


def _least(days: list[int | None]) -> int | None:
    return None if None in days else min(one for one in days if one is not None)


def _accepted(now: Register, one: State) -> list[object]:
    until = str(one["accepted_until"] or "")
    return [one["model"], one["title"], until, bool(until) and until < now.at]
