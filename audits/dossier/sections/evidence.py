"""Which stored bytes stand behind the numbers, and what are their digests?"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.actions.conclusion import evidence_statement
from audits.dossier.content import Column, Paragraph, Section, Table
from audits.dossier.contract import SECTIONS, Facts, LateSection
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of
from audits.models import Evidence, ValidationRun
from registry.digests import canonical_json
from registry.models import Artifact, ModelVersion

PLANNED = BY_SLUG["evidence"]
MEASURED = ("performance", "explainability", "fairness")


@SECTIONS.register(PLANNED.slug)
class EvidenceIndex(LateSection):
    """Every piece of evidence that this dossier names, by the id printed beside the numbers."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("validation run")

    def gather_late(self, version: ModelVersion, as_of: datetime, sections: Mapping[str, Facts]) -> Facts:
        """Read size, kind and time of each piece of evidence and artifact that the other sections name."""
        named: dict[str, list[str]] = {}
        for slug in MEASURED:
            facts = sections.get(slug, {})
            for result in facts.get("results", ()):
                if result["evidence"]:
                    named.setdefault(result["evidence"], []).append(result["key"])
        run = next((sections[slug]["run"] for slug in MEASURED if sections.get(slug, {}).get("run")), None)
        again = _reperformances(run["id"], as_of) if run else []
        for one in again:
            named.setdefault(one["difference_sha256"], []).append(_("re-performance of the run"))
        for one in sections.get("design", {}).get("artifacts", ()):
            named.setdefault(one["sha256"], []).append(one["role"])
        for one in sections.get("data", {}).get("datasets", ()):
            named.setdefault(one["artifact"], []).append(f"{one['dataset']}/{one['version']}")
        for facts in sections.values():
            for sha256, what in facts.get("evidence", ()):
                named.setdefault(sha256, []).append(what)
        ended = ValidationRun.objects.filter(evidence_digest__in=named, concluded_at__lte=as_of)
        stated = {row.evidence_digest: row for row in ended}
        stored = {row.sha256: row for row in Evidence.objects.filter(pk__in=named, stored_at__lte=as_of)}
        uploaded = {row.sha256: row for row in Artifact.objects.filter(pk__in=named, uploaded_at__lte=as_of)}
        items: list[dict[str, Any]] = []
        for sha256, names in named.items():
            item: dict[str, Any] = {"sha256": sha256, "what": list(dict.fromkeys(names)), "kind": "", "size": None}
            if sha256 in stored:
                row = stored[sha256]
                item |= {"kind": str(row.get_kind_display()), "size": row.size, "at": instant_text(row.stored_at)}
            elif sha256 in uploaded:
                item |= {"kind": "", "size": uploaded[sha256].size, "at": instant_text(uploaded[sha256].uploaded_at)}
            elif sha256 in stated:
                size = len(canonical_json(evidence_statement(stated[sha256])))
                item |= {"kind": _("Statement"), "size": size, "at": instant_text(stated[sha256].concluded_at)}
            items.append(item)
        artifacts = [["artifact", sha256] for sha256 in named if sha256 in uploaded]
        return {"evidence": items, "subjects": artifacts, "run": run["id"] if run else "", "reperformances": again}

    def compose(self, facts: Facts) -> Section:
        """Return the index."""
        rows = tuple(
            (
                one["sha256"],
                ", ".join(one["what"]),
                one["kind"] or _("Artifact"),
                _("not stored") if one["size"] is None else f"{one['size']:,}",
                one.get("at") or "–",
            )
            for one in facts.get("evidence", ())
        )
        if not rows:
            return self.section()
        columns = (
            Column(_("Id and SHA-256"), weight=2.6, kind="digest"),
            Column(_("Evidence of"), weight=1.7),
            Column(_("Kind"), weight=1),
            Column(_("Bytes"), "right", 0.7, "number"),
            Column(_("Stored"), weight=1.1),
        )
        note = _(
            "The id beside a number is the first twelve digits of the SHA-256 of the stored bytes; hash the bytes "
            "again to check them."
        )
        table = Table(columns, rows, _("Evidence by digest"), note=note)
        return self.section(table, *([_reperformed(facts["reperformances"])] if facts.get("run") else []))


def _reperformances(run_id: str, as_of: datetime) -> list[dict[str, Any]]:
    """Read who had re-performed the run by the instant, and what came of it."""
    over = ValidationRun.objects.filter(
        reperforms_id=uuid.UUID(run_id), concluded_at__lte=as_of, agreement__isnull=False
    )
    rows = list(over.order_by("concluded_at", "id"))
    names = names_of(row.requested_by_id for row in rows)
    return [
        {"at": instant_text(row.concluded_at), "by": names.get(str(row.requested_by_id), "")} | (row.agreement or {})
        for row in rows
    ]


def _reperformed(found: list[dict[str, Any]]) -> Paragraph:
    """Say in one paragraph who re-performed the run, when, and how many of its measurements came out again."""
    if not found:
        return Paragraph(_("Nobody had re-performed this run."))
    said = []
    for one in found:
        if one["undecided"]:
            said.append(_("Re-performed %(at)s by %(by)s, without an answer: %(undecided)s") % one)
        else:
            said.append(
                _("Reproduced %(at)s by %(by)s: %(agree)d of %(of)d measurements agree within %(tolerance)s.") % one
            )
    return Paragraph(" ".join(said))
