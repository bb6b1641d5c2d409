"""What ran, what was still open and what must be kept when a version is taken out of use?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.arranged import ArrangedKind, Chapter, chapter_of
from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Table
from audits.dossier.contract import Facts, Gap
from audits.dossier.kind import KINDS, Order
from audits.dossier.measures import when
from audits.dossier.record import instant_iso, names_of
from registry.ledger.replay import history

OUT = "out-of-use"
RETIRED = "retired"
CLAUSE = "NIST AI RMF GOVERN 1.7; PRA SS1/23 P1.2"


@KINDS.register("decommission")
class DecommissionRecord(ArrangedKind):
    """How the version came to its stage, where it ran until when, what is open, and what is kept for how long."""

    slug, title = "decommission", gettext_lazy("Decommission record")
    chapters = (
        Chapter(OUT, gettext_lazy("Taken out of use")),
        *(
            chapter_of(slug)
            for slug in (
                "missing",
                "model",
                "roles",
                "findings",
                "approvals",
                "incidents",
                "changes",
                "retention",
                "lineage",
                "data",
                "evidence",
                "ledger",
            )
        ),
    )

    def gather(self, order: Order) -> Facts:
        """Read, beside the sections, each change of the version's stage up to the instant from the ledger."""
        facts = super().gather(order)
        stages: list[dict[str, str]] = []
        for event in history(order.version.ledger_kind, order.version.ledger_key()):
            if event.instant > order.as_of:
                break
            stage = str(event.state.get("stage", ""))
            if not stages or stages[-1]["stage"] != stage:
                stages.append({"stage": stage, "at": instant_iso(event.instant), "actor": str(event.actor_id)})
        names = names_of(one["actor"] for one in stages)
        return facts | {"stages": [one | {"actor": names.get(one["actor"], one["actor"])} for one in stages]}

    def own_blocks(self, chapter: str, facts: Mapping[str, Any]) -> tuple[Block, ...]:
        """Return the stage, the stages before it, and what still runs."""
        if chapter != OUT:
            return ()
        stages = facts["stages"]
        now = stages[-1] if stages else {"stage": "", "at": "", "actor": ""}
        running = _running(facts)
        items = (
            KeyValue(_("Stage as of the instant"), now["stage"].replace("_", " ") or _("not recorded")),
            KeyValue(_("Since"), when(now["at"])),
            KeyValue(_("Recorded by"), now["actor"] or _("not recorded")),
            KeyValue(_("Deployments that ended"), str(len(_deployments(facts)) - len(running))),
            KeyValue(_("Deployments that still run"), str(len(running))),
        )
        blocks: list[Block] = [KeyValues(items)]
        if now["stage"] != RETIRED:
            blocks.append(
                Notice(_("The version was not recorded as retired at the instant of this record."), "warning")
            )
        if running:
            places = ", ".join(one["environment"] for one in running)
            blocks.append(Notice(_("It still runs in: %(places)s.") % {"places": places}, "warning"))
        rows = tuple((one["stage"].replace("_", " "), when(one["at"]), one["actor"]) for one in stages)
        columns = (Column(_("Stage")), Column(_("Since"), weight=1.3), Column(_("Recorded by"), weight=1.5))
        return (*blocks, Table(columns, rows, _("Stages of the version, from the ledger")))

    def own_gaps(self, chapter: str, facts: Mapping[str, Any]) -> list[Gap]:
        """Return that the version is not retired, and each place where it still runs."""
        if chapter != OUT:
            return []
        found = []
        if not facts["stages"] or facts["stages"][-1]["stage"] != RETIRED:
            found.append(Gap(_("That the version is retired"), CLAUSE, _("stage of the version")))
        for one in _running(facts):
            what = _("The end of the deployment in %(place)s") % {"place": one["environment"]}
            found.append(Gap(what, CLAUSE, _("deployments")))
        return found


def _deployments(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = facts["sections"].get("model", {}).get("deployments", [])
    return found


def _running(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in _deployments(facts) if not one["ended_at"]]
