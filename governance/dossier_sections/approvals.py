"""Who said yes or no, in which role, to what, with which words; and who could not have?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Paragraph, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import State, instant_text, names_of, state_at
from governance.models import Approval, PromotionRequest
from registry.models import ModelVersion

PLANNED = BY_SLUG["approvals"]


@SECTIONS.register(PLANNED.slug)
class Approvals(DossierSection):
    """Every promotion request with every decision on it in order, dissent included, and the contributors kept apart."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("promotion request")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the requests and decisions as they stood at the instant, and the contributions up to it."""
        asked = list(
            PromotionRequest.objects.filter(version=version, requested_at__lte=as_of)
            .select_related("policy")
            .order_by("requested_at", "id")
        )
        states = {one.pk: state for one in asked if (state := state_at(one, as_of)) is not None}
        requests = [one for one in asked if one.pk in states]
        decided = Approval.objects.filter(request__in=requests, decided_at__lte=as_of).order_by("decided_at", "id")
        decisions = [(one, state) for one in decided if (state := state_at(one, as_of)) is not None]
        hands = list(version.contributions.filter(recorded_at__lte=as_of).order_by("recorded_at", "id"))
        names = names_of(
            [
                *(one.requested_by_id for one in requests),
                *(one.requested_for_id for one in requests),
                *(one.approver_id for one, _state in decisions),
                *(one.person_id for one in hands),
            ]
        )
        return {
            "requests": [
                _request(one, states[one.pk], names, [pair for pair in decisions if pair[0].request_id == one.pk])
                for one in requests
            ],
            "contributors": [[names.get(str(one.person_id), ""), str(one.get_kind_display())] for one in hands],
            "subjects": [["promotion", one.ledger_key()] for one in requests]
            + [["approval", one.ledger_key()] for one, _state in decisions],
        }

    def compose(self, facts: Facts) -> Section:
        """Return each request with its decisions, then the proof of separation."""
        if not facts.get("requests"):
            return self.section()
        blocks: list[Block] = []
        for request in facts["requests"]:
            blocks += _told(request)
        if facts["contributors"]:
            columns = (Column(_("Person"), weight=1), Column(_("Had a hand: "), weight=2))
            note = _("None of them is eligible; the database refuses a decision of theirs.")
            rows = tuple((person, kind) for person, kind in facts["contributors"])
            blocks.append(Table(columns, rows, _("Separation of duties: who contributed"), note=note))
        return self.section(*blocks)


def _request(
    one: PromotionRequest, then: State, names: dict[str, str], decisions: list[tuple[Approval, State]]
) -> dict[str, Any]:
    """Return what is told of a request; of its row and of the decisions' only what never changes is read."""
    return {
        "id": str(one.pk),
        "environment": one.environment_id,
        "state": then["state"],
        "policy": str(one.policy),
        "tier": one.tier,
        "statement": one.statement,
        "covers_digest": one.covers_digest,
        "requested_by": names.get(str(one.requested_by_id), ""),
        "requested_for": names.get(str(one.requested_for_id), ""),
        "requested_at": instant_text(one.requested_at),
        "decisions": [
            {
                "approver": names.get(str(row.approver_id), ""),
                "role": str(row.get_role_display()),
                "decision": row.decision,
                "statement": row.statement,
                "decided_at": instant_text(row.decided_at),
                "expires_at": instant_text(row.expires_at),
                "withdrawn_at": instant_text(row.withdrawn_at) if state["withdrawn_at"] else "",
                "evidence_digest": row.evidence_digest,
                "manifest_digest": row.manifest_digest,
            }
            for row, state in decisions
        ],
    }


def _told(request: dict[str, Any]) -> list[Block]:
    by, responsible = request["requested_by"], request["requested_for"]
    asked = (
        by
        if by == responsible
        else _("%(account)s, for which %(person)s answers") % {"account": by, "person": responsible}
    )
    blocks: list[Block] = [
        Subheading(_("Request to go to %(place)s") % {"place": request["environment"]}),
        KeyValues(
            (
                KeyValue(_("Asked by"), asked),
                KeyValue(_("On"), request["requested_at"]),
                KeyValue(_("State"), request["state"]),
                KeyValue(_("Policy and tier"), f"{request['policy']}, {_('tier')} {request['tier']}"),
                KeyValue(_("Statement"), request["statement"] or "–"),
                KeyValue(_("Manifest"), request["covers_digest"], "digest"),
            )
        ),
    ]
    if not request["decisions"]:
        return [*blocks, Notice(_("Nobody has decided on it."))]
    columns = (
        Column(_("Person"), weight=1),
        Column(_("Role"), weight=1),
        Column(_("Decision"), weight=0.9),
        Column(_("On"), weight=1.4),
        Column(_("Ends"), weight=1.4),
        Column(_("On evidence"), weight=1.3, kind="digest"),
    )
    rows = tuple(
        (
            one["approver"],
            one["role"],
            _("withdrawn")
            if one["withdrawn_at"]
            else (_("yes") if one["decision"] == "approve" else _("no (dissent)")),
            one["decided_at"],
            one["expires_at"],
            one["evidence_digest"][:16],
        )
        for one in request["decisions"]
    )
    blocks.append(Table(columns, rows, _("Decisions, in order")))
    for one in request["decisions"]:
        blocks += [Paragraph(f"{one['approver']}, {one['decided_at']}:", "small"), Paragraph(one["statement"], "quote")]
    return blocks
