"""How do the models that decide about people measure by group, and are they explained?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, KeyValue, KeyValues, Notice
from audits.dossier.contract import Facts
from audits.dossier.measures import status_text
from audits.dossier.record import family_of
from audits.models import CheckResult
from governance.portfolio.printing import crossed, listed, share_text, tier_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

FAMILIES = ("fairness", "explainability")
BATCH = 500


@PORTFOLIO_SECTIONS.register("people")
class People(PortfolioSection):
    """Which models decide about people, whether they were measured by group and explained in date, and what missed."""

    slug, number, title = "people", 8, gettext_lazy("Measurements by group, and explanations")
    required_by = "MAS AI risk guidelines; NIST AI RMF MEASURE 2.11; NYC LL144"

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Read the results of the newest run of the version that stands for each model that decides about people."""
        models = [slug for slug in now.live if now.models[slug]["affects_people"]]
        leads = {slug: key for slug in models if (key := now.lead_version(slug)) is not None}
        runs = {now.runs[key][0]: slug for slug, key in leads.items() if key in now.runs}
        in_date: dict[str, set[str]] = defaultdict(set)
        counts: Counter[str] = Counter()
        missed = []
        for run, key, check, status, severity in _results(sorted(runs)):
            slug, family = runs[run], family_of(check)
            concluded = now.runs[leads[slug]][1]["concluded_at"]
            if now.days_since(concluded) < now.max_age_of(leads[slug]):
                in_date[family].add(slug)
            counts[f"{family}|{status}"] += 1
            if status != CheckResult.Status.MET:
                missed.append([leads[slug], now.tiers.get(slug), key, check, status, severity])
        return {
            "models": len(models),
            "in_production": sum(slug in now.in_production for slug in models),
            "in_date": {family: len(in_date[family]) for family in FAMILIES},
            "in_date_in_production": {
                family: sum(slug in now.in_production for slug in in_date[family]) for family in FAMILIES
            },
            "results": dict(counts),
            "missed": sorted(
                missed, key=lambda row: (row[5] != "blocking", row[4] != "not_met", row[1] or 9, row[0], row[2])
            ),
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the coverage, the results by status, and each that is not met."""
        if not facts["models"]:
            return [Notice(_("No model that is not retired is recorded to decide about people."))]
        names = {"fairness": _("Measured by group"), "explainability": _("Explained")}
        items = [KeyValue(_("Models that decide about people"), f"{facts['models']:,}")]
        items += [
            KeyValue(_("%(what)s, in date") % {"what": names[one]}, share_text(facts["in_date"][one], facts["models"]))
            for one in FAMILIES
        ]
        items += [
            KeyValue(
                _("%(what)s, in date, in production") % {"what": names[one]},
                share_text(facts["in_date_in_production"][one], facts["in_production"]),
            )
            for one in FAMILIES
        ]
        statuses = [(code, status_text(code)) for code, _word in CheckResult.Status.choices]
        columns = ((_("Version"), 2), (_("Risk tier"), 0.8), (_("Requirement"), 1.4), (_("Check"), 2.2), (_("Answer"), 1),
                   (_("Severity"), 0.9))  # fmt: skip
        rows = [
            (version, tier_text(tier), key, check, status_text(status),
             _("blocking") if severity == "blocking" else _("advisory"))
            for version, tier, key, check, status, severity in facts["missed"]
        ]  # fmt: skip
        return [
            KeyValues(tuple(items)),
            crossed(_("Results by what was asked"), [(one, names[one]) for one in FAMILIES], statuses, facts["results"],
                    _("Measured")),
            listed(_("Results that are not met, and what could not be told"), columns, rows),
        ]  # fmt: skip


def _results(runs: Sequence[str]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield run, requirement, check, status and severity of the results of both families, which never change."""
    for start in range(0, len(runs), BATCH):
        rows: Any = CheckResult.objects.filter(run__in=[UUID(run) for run in runs[start : start + BATCH]]).order_by(
            "run", "position"
        )
        for run, *rest in rows.values_list("run", "requirement_key", "check_slug", "status", "severity"):
            if family_of(rest[1]) in FAMILIES:
                yield (str(run), *rest)
