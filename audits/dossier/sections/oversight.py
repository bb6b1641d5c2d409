"""What is a person who works with the model told, and when does the model say yes? As declared at registration."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import KeyValue, KeyValues, Section
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import state_at
from registry.models import ModelVersion, VersionArtifact

PLANNED = BY_SLUG["oversight"]
ABOUT_PEOPLE = Ask(gettext_lazy("How a person affected by a decision reaches a human being"), "GDPR Art. 22(3)")


@SECTIONS.register(PLANNED.slug)
class Oversight(DossierSection):
    """Uses, the declared threshold and reasons of the answers, and the model card as instructions for use."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("registration of the version")
    asks = (
        Ask(gettext_lazy("The measures of human oversight, and who takes them"), "EU AI Act Art. 14"),
        Ask(
            gettext_lazy("How often people overrode the model, and why"),
            "EU AI Act Art. 14(4)(d); SR 26-2",
        ),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the inventory entry as of the instant and what the registration of the version declares."""
        model = state_at(version.model, as_of) or {}
        cards = version.artifact_links.select_related("artifact").filter(role=VersionArtifact.Role.CARD)
        return {
            "intended_use": model.get("intended_use", ""),
            "prohibited_use": model.get("prohibited_use", ""),
            "affects_people": bool(model.get("affects_people")),
            "scoring": version.scoring,
            "cards": [
                {"sha256": link.artifact_id, "format": link.format, "size": link.artifact.size}
                for link in cards.order_by("artifact_id")
            ],
            "evidence": [[link.artifact_id, _("Model card")] for link in cards.order_by("artifact_id")],
            "subjects": [["model", version.model.ledger_key()], ["version", version.ledger_key()]],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the uses, what the answers of the model rest on, and the card."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        none, scoring = _("not recorded"), facts["scoring"] or {}
        items = [
            KeyValue(_("Intended use"), facts["intended_use"] or none),
            KeyValue(_("Prohibited use"), facts["prohibited_use"] or none),
            KeyValue(_("Decides about people"), _("yes") if facts["affects_people"] else _("no")),
            KeyValue(_("Threshold of a decision"), _shown(scoring.get("threshold"))),
            KeyValue(_("Reasons given with a decision"), _shown(scoring.get("reasons"))),
        ]
        for card in facts["cards"]:
            items.append(KeyValue(_("Model card, SHA-256"), card["sha256"], "digest"))
            items.append(KeyValue(_("Model card, bytes"), f"{card['size']:,}"))
        return self.with_asks(facts, KeyValues(tuple(items)))

    def asked(self, facts: Facts) -> tuple[Ask, ...]:
        """Return also, for a model that decides about people, the way to a human being."""
        return (*self.asks, ABOUT_PEOPLE) if facts.get("affects_people") else self.asks

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also a missing card: there are no other instructions for use."""
        found = super().gaps(facts)
        if not facts.get("cards"):
            what = _("Instructions for use (a model card among the artifacts)")
            found.append(Gap(what, "EU AI Act Art. 13", _("registration of the version")))
        return found


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return _("not recorded")
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in sorted(value.items()))
    return str(value)
