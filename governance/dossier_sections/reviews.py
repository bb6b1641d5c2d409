"""When was the model looked at again, and until when does what was decided hold?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Notice, Section, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of, state_at
from governance.models import Approval
from registry.models import ModelVersion

PLANNED = BY_SLUG["reviews"]


@SECTIONS.register(PLANNED.slug)
class Reviews(DossierSection):
    """Each assessment of the risk tier, and the end of each approval, by which the model is looked at again."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("promotion request")
    asks = (
        Ask(
            gettext_lazy("Periodic reviews: their answers, and the digest of what was looked at"),
            "OSFI E-23 3.4; PRA SS1/23 P4.5",
        ),
        Ask(gettext_lazy("The owner's attestation that the record is right"), "PRA SS1/23 P2.2"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the assessments and the approvals up to the instant."""
        assessed = list(version.model.tier_assessments.filter(assessed_at__lte=as_of).order_by("assessed_at", "id"))
        given = Approval.objects.filter(
            request__version=version, decision=Approval.Decision.APPROVE, decided_at__lte=as_of
        ).select_related("request")
        states = [(one, state) for one in given.order_by("decided_at", "id") if (state := state_at(one, as_of))]
        names = names_of([*(one.assessed_by_id for one in assessed), *(one.approver_id for one, _state in states)])
        return {
            "assessments": [
                {
                    "at": instant_text(one.assessed_at),
                    "by": names.get(str(one.assessed_by_id), ""),
                    "tier": one.tier,
                    "rule": one.rule_version,
                }
                for one in assessed
            ],
            "approvals": [
                {
                    "by": names.get(str(one.approver_id), ""),
                    "environment": one.request.environment_id,
                    "at": instant_text(one.decided_at),
                    "expires_at": instant_text(one.expires_at),
                    "state": _state_of(one, state, as_of),
                    "evidence": one.evidence_digest,
                }
                for one, state in states
            ],
            "subjects": [["tier", one.ledger_key()] for one in assessed]
            + [["approval", one.ledger_key()] for one, _state in states],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the assessments and the ends of the approvals."""
        blocks: list[Block] = []
        if facts.get("assessments"):
            columns = (Column(_("On"), weight=1.3), Column(_("By")), Column(_("Risk tier")), Column(_("Rule")))
            rows = tuple((one["at"], one["by"], str(one["tier"]), one["rule"]) for one in facts["assessments"])
            blocks.append(Table(columns, rows, _("Assessments of the risk tier")))
        if facts.get("approvals"):
            blocks.append(_approvals(facts["approvals"]))
        if not blocks:
            return self.with_asks(facts)
        text = _("An approval ends by itself: after its end the gate refuses until people have looked again.")
        return self.with_asks(facts, *blocks, Notice(text))

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also that no approval holds any more, where there were some."""
        found = super().gaps(facts)
        given = facts.get("approvals", ())
        if given and not any(one["state"] == "holds" for one in given):
            found.append(Gap(_("An approval that still holds"), "PRA SS1/23 P4.5", _("promotion request")))
        return found


def _state_of(one: Approval, state: Any, as_of: datetime) -> str:
    if state["withdrawn_at"]:
        return "withdrawn"
    return "holds" if one.expires_at > as_of else "ended"


def _approvals(found: list[dict[str, Any]]) -> Table:
    words = {"withdrawn": _("withdrawn"), "holds": _("holds"), "ended": _("ended")}
    rows = tuple(
        (one["by"], one["environment"], one["at"], one["expires_at"], words[one["state"]], one["evidence"][:12])
        for one in found
    )
    columns = (
        Column(_("By"), weight=0.8),
        Column(_("Environment"), weight=0.9),
        Column(_("On"), weight=1.3),
        Column(_("Ends"), weight=1.3),
        Column(_("At the instant"), weight=0.8),
        Column(_("On evidence"), weight=1.1, kind="digest"),
    )
    return Table(columns, rows, _("Until when approvals hold"))
