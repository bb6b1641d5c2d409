"""What do the three sections of measurements share? One reading of the run, one way to print its results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, KeyValue, KeyValues, Notice
from audits.dossier.contract import DossierSection, Facts, Gap
from audits.dossier.figures import figures_of
from audits.dossier.measures import reasons_table, result_heading, results_table, status_text
from audits.dossier.record import validation_facts
from registry.models import ModelVersion

EXPLAINED = frozenset({"explainability"})
BY_GROUP = frozenset({"fairness"})


class MeasuredSection(DossierSection):
    """A section that prints check results of the families in ``only``; without ``only``, of all other families.

    So no result of a run is printed nowhere, whatever family a new check belongs to.
    """

    only: frozenset[str] | None = None

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the latest run that was over at the instant, with the results of this section's families."""
        facts: Facts = validation_facts(version, as_of, only=self.only, but=EXPLAINED | BY_GROUP)
        return facts | {"version": version.version} if facts else {}

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether the run measured anything for this section."""
        return bool(facts.get("results"))

    def run_block(self, facts: Facts) -> KeyValues:
        """Return which run the numbers come from."""
        run = facts["run"]
        return KeyValues(
            (
                KeyValue(_("Validation run"), run["id"]),
                KeyValue(_("Concluded"), run["concluded_at"]),
                KeyValue(_("Evidence digest"), run["evidence_digest"] or _("none"), "digest"),
            )
        )

    def result_blocks(self, facts: Facts) -> tuple[Block, ...]:
        """Return the table of results, the reasons of those that are not met, and the figures of each."""
        results = facts["results"]
        blocks: list[Block] = [results_table(results), *reasons_table(results)]
        seen: dict[str, str] = {}
        for result in results:
            blocks.extend(result_heading(result))
            if result["unreadable"]:
                text = _("The evidence of this result cannot be read: %(why)s") % {"why": result["unreadable"]}
                blocks.append(Notice(text, "warning"))
            blocks.extend(figures_of(result, seen))
        return tuple(blocks)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return the absence of results, and each result that could not tell."""
        if not self.has_evidence(facts):
            return [Gap(str(self.title), self.required_by, _("validation run"))]
        found = [_untold(result, self.required_by) for result in facts["results"] if result["status"] in UNTOLD]
        for result in facts["results"]:
            if result["unreadable"]:
                what = _("The evidence of %(key)s: %(why)s") % {"key": result["key"], "why": result["unreadable"]}
                found.append(Gap(what, "EU AI Act Annex IV(2)(g)", _("store of evidence")))
        return found


UNTOLD = frozenset({"insufficient", "error"})


def _untold(result: dict[str, Any], required_by: str) -> Gap:
    what = f"{result['key']}: {status_text(result['status'])}. {result['reason']}".strip()
    clause = (result.get("requirement") or {}).get("clause") or required_by
    return Gap(what, str(clause), result["mend"] or _("validation run"))
