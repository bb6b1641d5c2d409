"""How well does the version perform, and do its scores mean what they say?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Facts
from audits.dossier.differences import told
from audits.dossier.measured import MeasuredSection
from audits.dossier.measures import NONE, number_text
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, run_facts
from registry.digests import canonical_json, is_sha256
from registry.models import ModelVersion

PLANNED = BY_SLUG["performance"]
MOST_NUMBERS = 8


@SECTIONS.register(PLANNED.slug)
class Performance(MeasuredSection):
    """Performance, calibration, stability and robustness of the latest run, and every run there was."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the latest run with its results, and the outcomes of all runs up to the instant."""
        runs = list(version.runs.filter(requested_at__lte=as_of).order_by("requested_at", "id"))
        return super().gather(version, as_of) | {
            "runs": [_run(run, as_of) for run in runs],
            "subjects": [["run", run.ledger_key()] for run in runs],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the run, its results and the earlier runs."""
        blocks: list[Block] = []
        if facts.get("run"):
            blocks.append(self.run_block(facts))
            if facts["run"]["failure"]:
                blocks.append(Notice(str(facts["run"]["failure"].get("message", "")), "warning"))
        blocks.extend(self.result_blocks(facts) if self.has_evidence(facts) else [self.missing()])
        if facts.get("run", {}).get("manifest"):
            blocks += [Subheading(_("How the run was made")), _manifest(facts["run"]["manifest"])]
        if facts.get("runs"):
            blocks.append(_runs(facts["runs"]))
        return self.section(*blocks)


def _run(run: Any, as_of: datetime) -> dict[str, str]:
    """Return one line about a run; what was not over at the instant is told as it was then."""
    over = run.concluded_at is not None and run.concluded_at <= as_of
    own = run_facts(run)
    return {
        "id": own["id"],
        "reason": own["reason"],
        "requested_at": own["requested_at"],
        "concluded_at": instant_text(run.concluded_at) if over else "",
        "outcome": f"{run.get_state_display()}: {run.get_outcome_display()}" if over else "",
        "evidence_digest": own["evidence_digest"] if over else "",
    }


def _manifest(manifest: dict[str, Any]) -> KeyValues:
    """Return what the run recorded of its circumstances, as it recorded it."""
    items = []
    for name, value in _flat(manifest):
        text = _in_words(value)
        items.append(KeyValue(name, text, "digest" if is_sha256(text) else "text"))
    return KeyValues(tuple(items))


def _in_words(value: Any) -> str:
    """Return a recorded value as a person reads it; of many numbers their count and ends, for the evidence has them."""
    if value is None or value in ("", [], {}):
        return NONE
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and all(isinstance(one, int | float) for one in value) and len(value) > MOST_NUMBERS:
        ends = {"count": len(value), "low": number_text(min(value)), "high": number_text(max(value))}
        return _("%(count)s numbers from %(low)s to %(high)s") % ends
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return "; ".join(f"{path.replace('_', ' ')}: {_in_words(leaf)}" for path, leaf in told(value))
    return value if isinstance(value, str) else canonical_json(value).decode("ascii")


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects under the path that leads to them."""
    for name, item in sorted(value.items()):
        at = f"{path}{name.replace('_', ' ')}"
        if isinstance(item, dict) and item:
            yield from _flat(item, f"{at}, ")
        else:
            yield at, item


def _runs(runs: list[dict[str, str]]) -> Table:
    rows = tuple(
        (one["requested_at"], one["reason"], one["concluded_at"] or "–", one["outcome"] or _("not over"), one["id"])
        for one in runs
    )
    columns = (
        Column(_("Requested"), weight=1.4),
        Column(_("Reason")),
        Column(_("Concluded"), weight=1.4),
        Column(_("Outcome"), weight=1.8),
        Column(_("Run"), weight=2, kind="digest"),
    )
    return Table(columns, rows, _("Every validation run of this version"))
