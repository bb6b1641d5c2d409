"""Was the version measured again since it runs, and how far has its population moved?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.measures import evidence_id, interval_text, measurement_of, number_text, status_text, when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import family_of, instant_iso, result_facts, state_at
from registry.models import ModelVersion

PLANNED = BY_SLUG["monitoring"]
DRIFT = "drift"


@SECTIONS.register(PLANNED.slug)
class Monitoring(DossierSection):
    """Since when it runs, the runs that were over since then, and every measurement of drift, in order."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("deployments")
    asks = (
        Ask(gettext_lazy("The plan of monitoring: what, how often, by whom"), "EU AI Act Art. 72(3); SR 26-2"),
        Ask(gettext_lazy("Limits that were passed in use, and what was done"), "PRA SS1/23 P4.4; SR 26-2"),
        Ask(gettext_lazy("A statement that it functions as it should"), "OSFI E-23 3.5; PRA SS1/23 P2.1"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the deployments and the runs that were over at the instant."""
        rows = list(version.deployments.filter(started_at__lte=as_of).order_by("started_at", "id"))
        runs = list(
            version.runs.originals()
            .filter(concluded_at__isnull=False, concluded_at__lte=as_of)
            .order_by("concluded_at", "id")
        )
        ended = [bool((state_at(row, as_of) or {}).get("ended_at")) for row in rows]
        live = rows[0].started_at if rows else None
        drifted = [(run, one) for run in runs for one in run.results.order_by("position") if _is_drift(one.check_slug)]
        return {
            "live_since": instant_iso(live) if live else "",
            "running": ended.count(False),
            "ended": ended.count(True),
            "runs": [
                {
                    "id": str(run.pk),
                    "concluded_at": instant_iso(run.concluded_at),
                    "reason": run.reason,
                    "outcome": str(run.get_outcome_display()),
                    "evidence": run.evidence_digest,
                    "since_live": live is not None and run.concluded_at >= live,
                }
                for run in runs
                if run.concluded_at is not None
            ],
            "drift": [
                {"at": instant_iso(run.concluded_at), **_measured(result_facts(one))}
                for run, one in drifted
                if run.concluded_at is not None
            ],
            "evidence": [[run.evidence_digest, _("Results of run %(run)s") % {"run": run.pk}] for run in runs]
            + [[one.evidence_sha256, one.requirement_key] for _run, one in drifted if one.evidence_sha256],
            "subjects": [["deployment", row.ledger_key()] for row in rows]
            + [["run", run.ledger_key()] for run in runs],
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether it runs, or a run was over."""
        return bool(facts.get("live_since") or facts.get("runs"))

    def compose(self, facts: Facts) -> Section:
        """Return since when it runs, the runs since then and the drift."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        items = (
            KeyValue(_("First recorded as running"), when(facts["live_since"])),
            KeyValue(_("Deployments that still run"), str(facts["running"])),
            KeyValue(_("Deployments that ended"), str(facts["ended"])),
        )
        blocks: list[Block] = [KeyValues(items), Subheading(_("Runs since it went live"))]
        since = [one for one in facts["runs"] if one["since_live"]]
        if since:
            blocks.append(_runs(since))
        else:
            blocks.append(Notice(_("No run was over since it went live."), "missing", "PRA SS1/23 P4.4"))
        if facts["drift"]:
            blocks += [Subheading(_("Drift over all runs")), _drift(facts["drift"])]
        return self.with_asks(facts, *blocks)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also that nothing was measured since it went live."""
        found = super().gaps(facts)
        if facts.get("live_since") and not any(one["since_live"] for one in facts["runs"]):
            found.append(Gap(_("A run since it went live"), "PRA SS1/23 P4.4; SR 26-2", _("validation run")))
        return found


def _is_drift(check: str) -> bool:
    return family_of(check) == DRIFT


def _measured(result: dict[str, Any]) -> dict[str, Any]:
    measured = measurement_of(result)
    kept = {name: measured.get(name) for name in ("value", "low", "high", "n")}
    return kept | {name: result[name] for name in ("key", "check", "status", "required", "evidence")}


def _runs(runs: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (when(one["concluded_at"]), one["reason"].replace("_", " "), one["outcome"], evidence_id(one["evidence"]))
        for one in runs
    )
    columns = (
        Column(_("Concluded"), weight=1.3),
        Column(_("Reason"), weight=1),
        Column(_("Outcome"), weight=1.8),
        Column(_("Evidence"), weight=1, kind="digest"),
    )
    return Table(columns, rows, _("Runs"), tuple(evidence_id(one["evidence"]) for one in runs))


def _drift(found: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (
            when(one["at"]),
            one["key"],
            number_text(one["value"]),
            interval_text(one),
            number_text(one["n"]),
            one["required"],
            status_text(one["status"]),
            evidence_id(one["evidence"]),
        )
        for one in found
    )
    columns = (
        Column(_("Concluded"), weight=1.2),
        Column(_("Requirement"), weight=1.3),
        Column(_("Value"), "right", 0.8, "number"),
        Column(_("Interval"), "right", 1.3, "number"),
        Column("n", "right", 0.6, "number"),
        Column(_("Required"), weight=1.2),
        Column(_("Answer"), weight=1.1, kind="status"),
        Column(_("Evidence"), weight=1.2, kind="digest"),
    )
    named = tuple(dict.fromkeys(evidence_id(one["evidence"]) for one in found))
    note = _("Drift is measured between the data of training and of evaluation that the run names.")
    return Table(columns, rows, _("Drift, run by run"), named, note)
