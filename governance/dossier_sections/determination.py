"""Is it a model, and of which class? What the register holds that bears on the question."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import KeyValue, KeyValues, Paragraph, Section
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of, state_at
from registry.models import Model, ModelVersion

PLANNED = BY_SLUG["determination"]


@SECTIONS.register(PLANNED.slug)
class Determination(DossierSection):
    """Kind, origin and effect on people as the inventory states them, and the answer about the purpose."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("inventory entry")
    asks = (
        Ask(gettext_lazy("The reasons why it is a model, or is none"), "SR 26-2; PRA SS1/23 P1.1"),
        Ask(gettext_lazy("The class under the EU AI Act, with its reasons"), "EU AI Act Art. 6"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the inventory entry and the newest answers as of the instant."""
        model = state_at(version.model, as_of)
        if model is None:
            return {}
        kinds, origins = dict(Model.Kind.choices), dict(Model.Origin.choices)
        found: Facts = {
            "kind": str(kinds.get(model["kind"], model["kind"])),
            "origin": str(origins.get(model["origin"], model["origin"])),
            "affects_people": bool(model["affects_people"]),
            "subjects": [["model", version.model.ledger_key()]],
        }
        known = version.model.tier_assessments.filter(assessed_at__lte=as_of)
        newest = known.order_by("-assessed_at", "-id").first()
        if newest is not None:
            answers = (state_at(newest, as_of) or {}).get("answers", {})
            found["purpose"] = answers.get("purpose", "")
            found["answered_by"] = names_of([newest.assessed_by_id]).get(str(newest.assessed_by_id), "")
            found["answered_at"] = instant_text(newest.assessed_at)
            found["subjects"] = [*found["subjects"], ["tier", newest.ledger_key()]]
        return found

    def compose(self, facts: Facts) -> Section:
        """Return what is stated, and that no class follows from it."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        none = _("not recorded")
        purpose = str(facts.get("purpose") or "").replace("_", " ")
        items = (
            KeyValue(_("Kind"), facts["kind"]),
            KeyValue(_("Origin"), facts["origin"]),
            KeyValue(_("Decides about people"), _("yes") if facts["affects_people"] else _("no")),
            KeyValue(_("Purpose, as answered for the risk tier"), purpose or none),
            KeyValue(_("Answered by"), facts.get("answered_by") or none),
            KeyValue(_("On"), facts.get("answered_at") or none),
        )
        text = _("These statements bear on the question; the register draws no class from them.")
        return self.with_asks(facts, KeyValues(items), Paragraph(text, "small"))
