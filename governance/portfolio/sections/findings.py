"""Which findings are open, how old, and which are the largest?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, KeyValue, KeyValues
from audits.dossier.contract import Facts
from audits.models import Finding
from governance.portfolio.printing import count_text, counts_figure, crossed, listed
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

AGES = ((30, "30"), (90, "90"), (180, "180"), (365, "365"))
OLDEST = "older"
LARGEST = 10
GRAVEST = [one.value for one in reversed(Finding.Severity)]


@PORTFOLIO_SECTIONS.register("findings")
class Findings(PortfolioSection):
    """Open findings by severity and age, what came and went, what came back, and the ten largest."""

    slug, number, title = "findings", 5, gettext_lazy("Findings")
    required_by = "PRA SS1/23 P5.3; SR 26-2"

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count the findings by severity and age; a repeat is one from the same source of the same model."""
        opened, since = now.open_findings, before.at if before is not None else ""
        sources = Counter((one["model"], one["kind"], one["source_key"]) for one in now.findings.values())
        ordered = sorted(
            opened.items(),
            key=lambda one: (
                GRAVEST.index(one[1]["severity"]), not one[1]["blocking"], str(one[1]["opened_at"]), one[0]
            ),
        )  # fmt: skip
        return {
            "all": len(now.findings),
            "open": len(opened),
            "since": since,
            "opened": sum(str(one["opened_at"]) > since for one in now.findings.values()),
            "ended": sum(bool(one["resolved_at"]) and str(one["resolved_at"]) > since for one in now.findings.values()),
            "overdue": sum(now.is_overdue(one) for one in opened.values()),
            "blocking": sum(bool(one["blocking"]) for one in opened.values()),
            "repeated": sum(count > 1 for count in sources.values()),
            "ages": dict(Counter(f"{one['severity']}|{age_of(now.days_since(one['opened_at']))}" for one in opened.values())),
            "largest": [
                [key, one["model"], one["title"], one["severity"], bool(one["blocking"]),
                 now.days_since(one["opened_at"]), str(one["due_on"] or ""), now.name_of(one["owner"])]
                for key, one in ordered[:LARGEST]
            ],
            "subjects": [["finding", key] for key, _one in ordered[:LARGEST]],
        }  # fmt: skip

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return the counts, the ages as bars and by severity, and the ten largest."""
        since = _("since the report before") if facts["since"] else _("since the register began")
        items = (
            KeyValue(_("Open"), count_text(facts["open"])),
            KeyValue(_("Opened, %(since)s") % {"since": since}, count_text(facts["opened"])),
            KeyValue(_("Closed or accepted, %(since)s") % {"since": since}, count_text(facts["ended"])),
            KeyValue(_("Open and past their day"), count_text(facts["overdue"])),
            KeyValue(_("Open and blocking a promotion"), count_text(facts["blocking"])),
            KeyValue(_("Sources that raised more than one finding of the same model"), count_text(facts["repeated"])),
        )
        ages, severities = _age_words(), {code: str(word) for code, word in Finding.Severity.choices}
        by_age: Counter[str] = Counter()
        for key, count in facts["ages"].items():
            by_age[key.split("|")[1]] += count
        blocks: list[Block] = [KeyValues(items)]
        if facts["open"]:
            blocks += [
                counts_figure(_("Open findings by age"), _("Age"), [(word, by_age[code]) for code, word in ages], _("Open")),
                crossed(_("Open findings by severity and age"), [(code, severities[code]) for code in GRAVEST], ages,
                        facts["ages"], _("Severity")),
            ]  # fmt: skip
        columns = ((_("Model"), 1.5), (_("Finding"), 2.6), (_("Severity"), 0.9), (_("Blocks"), 0.7), (_("Days"), 0.6),
                   (_("Due"), 1), (_("Owner"), 1))  # fmt: skip
        rows = [
            (model, title, severities[severity], _("yes") if blocking else _("no"), days, due, owner)
            for _key, model, title, severity, blocking, days, due, owner in facts["largest"]
        ]
        return [*blocks, listed(_("The ten largest: by severity, whether they block, and age"), columns, rows)]


def age_of(days: int) -> str:
    """Return the bucket of an age in days."""
    return next((code for most, code in AGES if days <= most), OLDEST)


def _age_words() -> list[tuple[str, str]]:
    found = []
    low = 0
    for most, code in AGES:
        found.append((code, _("%(low)s to %(high)s days") % {"low": low, "high": most}))
        low = most + 1
    return [*found, (OLDEST, _("older"))]
