"""What is approved, for what use, until when, by whom; and what would the gate answer?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, KeyValue, Paragraph, Section, Verdict
from audits.dossier.contract import SECTIONS, Facts, OverviewSection, Whole
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, state_at
from governance.dossier_sections.question import answers
from registry.models import ModelVersion

PLANNED = BY_SLUG["verdict"]
LARGEST = 5


@SECTIONS.register(PLANNED.slug)
class VerdictSection(OverviewSection):
    """The gate's answer as of the instant, the largest open items, and what runs where."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Ask the gate of that instant without recording a decision, and read where the version ran."""
        deployments = version.deployments.filter(started_at__lte=as_of).order_by("started_at")
        states = [(one, state) for one in deployments if (state := state_at(one, as_of)) is not None]
        return {
            "answers": answers(version, as_of),
            "as_of": instant_text(as_of),
            "intended_use": (state_at(version.model, as_of) or {}).get("intended_use", ""),
            "deployments": [
                {
                    "environment": one.environment_id,
                    "started_at": instant_text(one.started_at),
                    "ended_at": str(state["ended_at"] or ""),
                    "gated": state["gated"],
                }
                for one, state in states
            ],
        }

    def compose_over(self, facts: Facts, whole: Whole) -> Section:
        """Return one verdict for each gated place, and the open items behind it."""
        blocks: list[Block] = [_verdict(one, facts, whole) for one in facts.get("answers", [])]
        if not blocks:
            blocks.append(self.missing(_("No gated environment knows this version.")))
        blocks.append(Paragraph(_open_items(whole)))
        return self.section(*blocks)


def _verdict(answer: dict[str, Any], facts: Facts, whole: Whole) -> Verdict:
    place, allowed = answer["environment"], answer["outcome"] == "allow"
    running = [one for one in facts["deployments"] if one["environment"] == place and not one["ended_at"]]
    if running and running[-1]["gated"]:
        runs = _("since %(instant)s, under a gate decision") % {"instant": running[-1]["started_at"]}
    elif running:
        runs = _("since %(instant)s, without a valid gate decision") % {"instant": running[-1]["started_at"]}
    else:
        runs = _("no")
    items = (
        KeyValue(_("Environment"), place),
        KeyValue(_("Policy in force"), answer["policy"] or _("none")),
        KeyValue(_("Intended use"), facts["intended_use"] or _("not stated")),
        KeyValue(_("Answered as of"), facts.get("as_of") or _("not recorded")),
        KeyValue(_("Approved by"), ", ".join(answer["approved_by"]) or _("nobody whose approval counts")),
        KeyValue(_("Approvals end"), answer["approvals_end"] or _("no approval")),
        KeyValue(_("Runs there"), runs),
    )
    statement = (
        _("Every control passes: the gate would allow these bytes in %(place)s.")
        if allowed
        else _("The gate would refuse these bytes in %(place)s, for the reasons below.")
    ) % {"place": place}
    reasons = tuple(
        f"{one['text']}: {_('observed')} {one['observed']}; {_('required')} {one['required']}"
        for one in answer["reasons"][:LARGEST]
    )
    more = len(answer["reasons"]) - LARGEST
    if more > 0:
        matrix = whole.places.get("controls")
        told = (
            _("and %(count)s more, in the control matrix (section %(number)s)") if matrix else _("and %(count)s more")
        )
        reasons += (told % {"count": more, "number": matrix},)
    return Verdict(_("Allow") if allowed else _("Deny"), "allow" if allowed else "deny", statement, items, reasons)


def _open_items(whole: Whole) -> str:
    findings = whole.of("findings").get("findings", [])
    live = [one for one in findings if one["state"] == "open"]
    number = whole.places.get("missing")
    where = _("section %(number)s") % {"number": number} if number else _("on the cover")
    return _(
        "%(findings)s open findings, %(blocking)s of them block promotion; %(gaps)s things are missing (%(where)s)."
    ) % {
        "findings": len(live),
        "blocking": sum(bool(one["blocking"]) for one in live),
        "gaps": len(whole.gaps),
        "where": where,
    }
