"""Which issues were raised, whose are they, how old are they, and how did they end?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Notice, Paragraph, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import names_of, states_at
from audits.models import Finding
from registry.models import ModelVersion

PLANNED = BY_SLUG["findings"]
SEVERITIES = ("critical", "high", "medium", "low")


@SECTIONS.register(PLANNED.slug)
class Findings(DossierSection):
    """Every finding of the version and of the model as a whole, open and ended, with age, owner and resolution."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("findings")

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the findings of the version and of its model, as they stood at the instant."""
        concerned = Q(version=version) | Q(version__isnull=True)
        rows = list(Finding.objects.filter(concerned, model=version.model).order_by("opened_at", "id"))
        states = [dict(one) for one in states_at(rows, as_of)]
        people = names_of(str(one[key] or "") for one in states for key in ("owner", "opened_by", "resolved_by"))
        return {
            "searched": True,
            "findings": sorted(states, key=_order),
            "people": people,
            "as_of": as_of.date().isoformat(),
            "subjects": [["finding", one.ledger_key()] for one in rows],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the open findings first, then the ended ones with their statements."""
        if not facts.get("searched"):
            return self.section()
        findings = facts["findings"]
        if not findings:
            return self.section(Notice(_("No finding was recorded up to the instant of this dossier.")))
        live = [one for one in findings if one["state"] != "closed"]
        ended = [one for one in findings if one["state"] == "closed"]
        lead = _(
            "%(open)s open, %(accepted)s with an accepted risk, %(closed)s closed; %(blocking)s block promotion."
        ) % {
            "open": sum(one["state"] == "open" for one in findings),
            "accepted": sum(one["state"] == "accepted" for one in findings),
            "closed": len(ended),
            "blocking": sum(one["state"] == "open" and one["blocking"] for one in findings),
        }
        blocks: list[Block] = [Paragraph(lead, "lead")]
        for rows, caption in ((live, _("Open and accepted")), (ended, _("Closed"))):
            if rows:
                blocks.append(_table(rows, facts, caption))
        for one in findings:
            if one["detail"] or one["resolution"]:
                blocks += _told(one, facts["people"])
        return self.section(*blocks)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return open findings without an owner or a due date."""
        if not facts.get("searched"):
            return [self.whole_gap()]
        found = []
        for one in facts["findings"]:
            if one["state"] != "open":
                continue
            for name, what in (("owner", _("An owner of the finding")), ("due_on", _("A due date of the finding"))):
                if not one[name]:
                    found.append(Gap(f"{what}: {one['title']}", "PRA SS1/23 P5.3; SR 26-2", _("findings")))
        return found


def _order(one: Mapping[str, Any]) -> tuple[bool, int, str, str]:
    severity = one["severity"]
    place = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return one["state"] == "closed", place, str(one["opened_at"]), str(one["id"])


def _table(rows: list[dict[str, Any]], facts: Facts, caption: str) -> Table:
    people = facts["people"]
    cells = tuple(
        (
            one["severity"],
            one["title"],
            _("blocks") if one["blocking"] else "–",
            _state(one),
            _age(one, facts["as_of"]),
            people.get(str(one["owner"]), _("nobody")),
            one["due_on"] or "–",
        )
        for one in rows
    )
    columns = (
        Column(_("Severity"), weight=0.8),
        Column(_("Finding"), weight=3),
        Column(_("Promotion"), weight=0.9),
        Column(_("State"), weight=1),
        Column(_("Age, days"), "right", 0.6, "number"),
        Column(_("Owner"), weight=1.1),
        Column(_("Due"), weight=1),
    )
    return Table(columns, cells, caption)


def _state(one: Mapping[str, Any]) -> str:
    if one["state"] == "accepted":
        return _("risk accepted until %(date)s") % {"date": str(one["accepted_until"] or "")[:10]}
    return _("closed") if one["state"] == "closed" else _("open")


def _age(one: Mapping[str, Any], as_of: str) -> str:
    opened = datetime.fromisoformat(str(one["opened_at"])).date()
    end = str(one["resolved_at"] or "")[:10] if one["state"] == "closed" else as_of
    return str((datetime.fromisoformat(end).date() - opened).days)


def _told(one: Mapping[str, Any], people: Mapping[str, str]) -> list[Block]:
    blocks: list[Block] = [Subheading(one["title"])]
    if one["detail"]:
        blocks.append(Paragraph(one["detail"]))
    if one["resolution"]:
        who = people.get(str(one["resolved_by"]), "")
        told = _("%(state)s by %(who)s on %(date)s:") % {
            "state": _state(one),
            "who": who,
            "date": str(one["resolved_at"] or "")[:10],
        }
        blocks += [Paragraph(told, "small"), Paragraph(one["resolution"], "quote")]
    return blocks
