"""What did the gate answer, when, to whom?"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Column, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts
from audits.dossier.record import instant_text, names_of
from governance.models import GateDecision
from registry.models import ModelVersion

SHOWN = 200


@SECTIONS.register("gate-decisions")
class GateAnswers(DossierSection):
    """Every recorded answer of the gate about this version, allow or deny, with its first reasons."""

    slug, number, title = "gate-decisions", 16, gettext_lazy("Gate decisions")
    required_by = "PRA SS1/23 P4.2; NIST AI RMF MANAGE 1.1"
    recorded_in = gettext_lazy("gate")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the newest decisions up to the instant, and count all of them."""
        asked = GateDecision.objects.filter(version=version, decided_at__lte=as_of)
        rows = list(asked.order_by("-decided_at", "-id")[:SHOWN])[::-1]
        names = names_of(one.asked_by_id for one in rows)
        return {
            "count": asked.count(),
            "decisions": [
                {
                    "id": str(one.pk),
                    "outcome": one.outcome,
                    "environment": one.environment_slug,
                    "decided_at": instant_text(one.decided_at),
                    "asked_by": names.get(str(one.asked_by_id), ""),
                    "valid_until": instant_text(one.valid_until),
                    "reasons": [f"{reason['control']} {reason['item']}".strip() for reason in one.reasons],
                }
                for one in rows
            ],
            "subjects": [["gate_decision", one.ledger_key()] for one in rows],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the answers in order."""
        if not facts.get("decisions"):
            return self.section()
        columns = (
            Column(_("When"), weight=1.4),
            Column(_("Answer"), weight=0.7),
            Column(_("Environment"), weight=1),
            Column(_("Asked by"), weight=1),
            Column(_("Decision"), weight=1.4, kind="digest"),
            Column(_("Reasons of a refusal"), weight=2.4),
        )
        rows = tuple(
            (
                one["decided_at"],
                _("allow") if one["outcome"] == "allow" else _("deny"),
                one["environment"],
                one["asked_by"],
                one["id"],
                ", ".join(one["reasons"]) or "–",
            )
            for one in facts["decisions"]
        )
        shown, count = len(rows), facts["count"]
        note = "" if shown == count else _("The newest %(shown)s of %(count)s.") % {"shown": shown, "count": count}
        return self.section(Table(columns, rows, _("Answers of the gate"), note=note))
