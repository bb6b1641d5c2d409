"""What of a registration under Annex VIII, section A, can be written down from this register?

The points are named in short and in our words; the text of the regulation in force binds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Column, Paragraph, Section, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap, Words
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import State, state_at
from registry.models import ModelVersion, VersionArtifact

PLANNED = BY_SLUG["standards"]
VIII = "EU AI Act Annex VIII A"
POINTS: tuple[tuple[int, Words], ...] = (
    (1, gettext_lazy("Name, address and contact of the provider")),
    (4, gettext_lazy("Trade name, and what identifies the system")),
    (5, gettext_lazy("Intended purpose")),
    (6, gettext_lazy("The information it uses, and how it works, in short")),
    (7, gettext_lazy("Whether it is in service")),
    (10, gettext_lazy("Member States where it is on the market or in service")),
    (11, gettext_lazy("EU declaration of conformity")),
    (12, gettext_lazy("Instructions for use")),
)
NOWHERE = (1, 10, 11)
"""Points that no field of this register holds."""
SOURCES: dict[int, Words] = {
    5: gettext_lazy("inventory entry"),
    6: gettext_lazy("registration of the version"),
    7: gettext_lazy("deployments"),
    12: gettext_lazy("registration of the version"),
}


@SECTIONS.register(PLANNED.slug)
class Standards(DossierSection):
    """The points of Annex VIII, section A, as far as this register can answer them, ready to be pasted."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("inventory entry")
    asks = (
        Ask(gettext_lazy("Standards applied in full or in part, and other means"), "EU AI Act Annex IV(7)"),
        Ask(gettext_lazy("A copy of the EU declaration of conformity"), "EU AI Act Annex IV(8); EU AI Act Art. 47"),
        *(Ask(what, f"{VIII}({point})") for point, what in POINTS if point in NOWHERE and point != 11),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the inventory entry, the data and the deployments as of the instant."""
        model = state_at(version.model, as_of)
        if model is None:
            return {}
        rows = list(version.deployments.filter(started_at__lte=as_of).order_by("started_at", "id"))
        states = [state for row in rows if (state := state_at(row, as_of)) is not None]
        card = version.artifact_links.filter(role=VersionArtifact.Role.CARD).first()
        used = version.dataset_links.select_related("dataset_version").order_by("-role", "id")
        features = sorted({str(name) for link in used for name in link.dataset_version.roles.get("features", [])})
        return {
            "points": {
                "4": f"{model['name']}; {version.model_id}/{version.version}; {version.manifest_digest}",
                "5": "\n".join(part for part in (model["intended_use"], model["description"]) if part),
                "6": ", ".join(features),
                "7": _service(states),
                "12": f"sha256:{card.artifact_id}" if card else "",
            },
            "subjects": [["model", version.model.ledger_key()], ["version", version.ledger_key()]]
            + [["deployment", row.ledger_key()] for row in rows],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the points with what is recorded of each."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        none = _("No evidence recorded.")
        rows = tuple((f"A({point})", str(what), _answer(facts, point) or none) for point, what in POINTS)
        columns = (
            Column(_("Point"), weight=0.5),
            Column(_("What is asked"), weight=1.6),
            Column(_("Recorded"), weight=3),
        )
        told = _(
            "Section A of Annex VIII, in our words. Points on representatives and certificates apply to some only."
        )
        table = Table(columns, rows, _("Data for the registration of a high-risk system"))
        return self.with_asks(facts, Paragraph(told, "small"), table)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also each point that has a place in this register and is empty there."""
        found = super().gaps(facts)
        for point, what in POINTS:
            if point in SOURCES and not _answer(facts, point):
                found.append(Gap(str(what), f"{VIII}({point})", str(SOURCES[point])))
        return found


def _answer(facts: Facts, point: int) -> str:
    told: dict[str, Any] = facts.get("points") or {}
    said = str(told.get(str(point)) or "")
    if said and point == 6:
        return _("Columns of the data: %(names)s") % {"names": said}
    return said


def _service(states: list[State]) -> str:
    running = sorted({str(one["environment"]) for one in states if not one["ended_at"]})
    if running:
        return _("in service: %(places)s") % {"places": ", ".join(running)}
    return _("no longer in service") if states else _("not in service")
