"""What is the model for, where may it be used, and where is it really used?"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import state_at, states_at
from registry.models import Model, ModelVersion

PLANNED = BY_SLUG["model"]


@SECTIONS.register(PLANNED.slug)
class ModelAndUse(DossierSection):
    """Purpose, approved and prohibited use, and the deployments that show the actual use."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("inventory entry")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the inventory entry and every deployment of this version as of the instant."""
        deployments = list(version.deployments.order_by("started_at", "id"))
        kind = dict(Model.Kind.choices)
        origin = dict(Model.Origin.choices)
        state = dict(state_at(version.model, as_of) or {})
        if state:
            state["kind_text"] = str(kind.get(state["kind"], state["kind"]))
            state["origin_text"] = str(origin.get(state["origin"], state["origin"]))
        return {
            "model": state,
            "deployments": [dict(one) for one in states_at(deployments, as_of)],
            "subjects": [["model", version.model.ledger_key()], ["version", version.ledger_key()]]
            + [["deployment", one.ledger_key()] for one in deployments],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the uses side by side and the deployments."""
        model = facts.get("model") or {}
        if not model:
            return self.section()
        none = _("not recorded")
        items = (
            KeyValue(_("Name"), model["name"]),
            KeyValue(_("Identifier"), model["slug"]),
            KeyValue(_("Description"), model["description"] or none),
            KeyValue(_("Intended use"), model["intended_use"] or none),
            KeyValue(_("Prohibited use"), model["prohibited_use"] or none),
            KeyValue(_("Business line"), model["business_line"] or none),
            KeyValue(_("Kind"), model["kind_text"]),
            KeyValue(_("Origin"), model["origin_text"]),
            KeyValue(_("Decides about people"), _("yes") if model["affects_people"] else _("no")),
        )
        return self.section(KeyValues(items), Subheading(_("Actual use")), *self._deployments(facts))

    def _deployments(self, facts: Facts) -> tuple[Block, ...]:
        rows = tuple(
            (
                one["environment"],
                when(one["started_at"]),
                when(one["ended_at"]) if one["ended_at"] else _("running"),
                _("yes") if one["gated"] else _("no: without a valid decision"),
                one["artifact_sha256"],
            )
            for one in facts["deployments"]
        )
        if not rows:
            return (self.missing(_("No deployment of this version is recorded.")),)
        columns = (
            Column(_("Environment")),
            Column(_("From"), weight=1.3),
            Column(_("To"), weight=1.3),
            Column(_("Covered by a gate decision"), weight=1.2),
            Column(_("Artifact"), weight=2, kind="digest"),
        )
        return (Table(columns, rows, _("Where this version ran or runs")),)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return the fields of the inventory entry that are empty, and uses that no decision covers."""
        model = facts.get("model") or {}
        if not model:
            return [self.whole_gap()]
        asked = {
            "description": (_("Description of the model"), "OSFI E-23 Appendix 1"),
            "intended_use": (_("Intended use"), "PRA SS1/23 P1.2; EU AI Act Annex IV(1)"),
            "prohibited_use": (_("Prohibited use"), "PRA SS1/23 P5.2; EU AI Act Annex IV(3)"),
            "business_line": (_("Business line"), "OSFI E-23 Appendix 1"),
        }
        found = [Gap(what, clause, _("inventory entry")) for name, (what, clause) in asked.items() if not model[name]]
        for one in facts["deployments"]:
            if not one["gated"]:
                what = _("A gate decision for the deployment in %(place)s") % {"place": one["environment"]}
                found.append(Gap(what, "SR 26-2; PRA SS1/23 P5.3", _("gate")))
        return found
