"""What moves the score, and does the explanation add up to it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, KeyValue, KeyValues, Section
from audits.dossier.contract import SECTIONS, Facts, Gap
from audits.dossier.measured import EXPLAINED, MeasuredSection
from audits.dossier.measures import measurement_of, number_text
from audits.dossier.outline import BY_SLUG

PLANNED = BY_SLUG["explainability"]


@SECTIONS.register(PLANNED.slug)
class Explainability(MeasuredSection):
    """The explanation with its variant, background, sample, additivity residual and stability."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    only = EXPLAINED

    def compose(self, facts: Facts) -> Section:
        """Return how the explanation was made, then its results."""
        if not self.has_evidence(facts):
            return self.section()
        blocks = (_made(measurement_of(result)) for result in facts["results"])
        made = next((found for found in blocks if found), ())
        return self.section(self.run_block(facts), *made, *self.result_blocks(facts))

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return, besides what every section of measurements asks, a stability that was not measured."""
        found = super().gaps(facts)
        for result in facts.get("results", ()):
            detail = measurement_of(result).get("detail") or {}
            if "rank_stability" in detail and detail["rank_stability"] is None:
                what = _("Stability of the ranking of features under other seeds")
                found.append(Gap(what, "MAS AI risk guidelines; ECB guide to internal models", _("validation run")))
        return found


def _made(measured: Mapping[str, Any]) -> tuple[Block, ...]:
    detail = measured.get("detail") or {}
    if "route" not in detail:
        return ()
    seeds = ", ".join(str(seed) for seed in detail.get("seeds") or ()) or _("none")
    items = (
        KeyValue(_("Route"), str(detail["route"])),
        KeyValue(_("Variant"), str(detail.get("variant", ""))),
        KeyValue(_("Library"), str(detail.get("library", ""))),
        KeyValue(_("Explained output"), str(detail.get("output", ""))),
        KeyValue(_("Base value"), number_text(detail.get("base_value"))),
        KeyValue(_("Largest additivity residual"), number_text(detail.get("residual", measured.get("value")))),
        KeyValue(_("Rank stability (Kendall tau-b)"), number_text(detail.get("rank_stability"))),
        KeyValue(_("Seeds"), seeds),
        KeyValue(_("Rows explained"), number_text(detail.get("sample_rows"))),
        KeyValue(_("How the rows were chosen"), str(detail.get("selection") or _("all rows"))),
        KeyValue(_("Rows of the background"), number_text(detail.get("background_rows"))),
        KeyValue(_("Sample, SHA-256"), str(detail.get("sample_sha256", "")), "digest"),
        KeyValue(_("Background, SHA-256"), str(detail.get("background_sha256", "")), "digest"),
    )
    return (KeyValues(items, _("How the explanation was made")),)
