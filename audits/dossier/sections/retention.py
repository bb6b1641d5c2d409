"""What of the model must be kept, and is it still in use? Stage, end of use, and legal holds on people involved."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Paragraph, Section, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_iso, instant_text, names_of, state_at
from registry.ledger.replay import history
from registry.lifecycle import Stage
from registry.models import LegalHold, ModelVersion

PLANNED = BY_SLUG["retention"]


@SECTIONS.register(PLANNED.slug)
class Retention(DossierSection):
    """Whether model and version are retired, since when, and which people's data a legal hold keeps."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("registration of the version")
    asks = (
        Ask(gettext_lazy("How long each record is kept, and by which rule"), "EU AI Act Art. 18 and 19"),
        Ask(gettext_lazy("The plan for disposal, and what follows the model"), "NIST AI RMF GOVERN 1.7"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the stage and its beginning from the ledger, and the holds on the owner and the contributors."""
        model = state_at(version.model, as_of) or {}
        stage, since = "", ""
        for event in history(version.ledger_kind, version.ledger_key()):
            if event.instant > as_of:
                break
            if event.state.get("stage") != stage:
                stage, since = str(event.state.get("stage")), instant_iso(event.instant)
        hands = version.contributions.filter(recorded_at__lte=as_of).values_list("person", flat=True)
        owner = model.get("owner")
        people = {*hands, *([UUID(str(owner))] if owner else [])}
        rows = list(LegalHold.objects.filter(person__in=people, placed_at__lte=as_of).order_by("placed_at", "id"))
        states = [(row, state) for row in rows if (state := state_at(row, as_of)) is not None]
        names = names_of(row.person_id for row in rows)
        return {
            "stage": stage,
            "since": since,
            "model_retired_at": str(model.get("retired_at") or ""),
            "holds": [
                {
                    "person": names.get(str(row.person_id), ""),
                    "placed_at": instant_text(row.placed_at),
                    "lifted_at": str(state.get("lifted_at") or ""),
                }
                for row, state in states
            ],
            "subjects": [["legal_hold", row.ledger_key()] for row, _state in states],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the stage, the holds, and what is never deleted."""
        if not facts.get("stage"):
            return self.with_asks(facts)
        items = (
            KeyValue(_("Stage"), facts["stage"].replace("_", " ")),
            KeyValue(_("Since"), when(facts["since"])),
            KeyValue(_("Version retired"), when(facts["since"]) if facts["stage"] == Stage.RETIRED else _("no")),
            KeyValue(_("Model retired"), when(facts["model_retired_at"]) if facts["model_retired_at"] else _("no")),
        )
        blocks: list[Block] = [KeyValues(items)]
        if facts["holds"]:
            blocks.append(_holds(facts["holds"]))
        else:
            blocks.append(Paragraph(_("No legal hold was placed on a person who had a hand in the version.")))
        text = _(
            "Entries of the ledger, artifacts and evidence have no way of being deleted here. Names and addresses of "
            "people can be erased, unless a legal hold stands against it."
        )
        return self.with_asks(facts, *blocks, Paragraph(text, "small"))


def _holds(holds: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (one["person"], one["placed_at"], when(one["lifted_at"]) if one["lifted_at"] else _("stands")) for one in holds
    )
    columns = (Column(_("Person")), Column(_("Placed"), weight=1.3), Column(_("Lifted"), weight=1.3))
    return Table(columns, rows, _("Legal holds on people who had a hand in the version"))
