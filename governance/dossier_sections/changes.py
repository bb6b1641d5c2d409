"""What changed from version to version, who let it, and what changed about the model itself? From the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, Paragraph, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import State, instant_iso, names_of, state_at
from governance.models import Approval, PromotionRequest
from registry.ledger.replay import history
from registry.models import Model, ModelVersion

PLANNED = BY_SLUG["changes"]
SHOWN = 50
COMPARED = ("artifacts", "datasets", "scoring", "hyperparameters", "library_versions", "code_commit", "seed")


@SECTIONS.register(PLANNED.slug)
class Changes(DossierSection):
    """Each version with what differs from the one before it and the decisions on it; each edit of the inventory entry."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("registration of the version")
    asks = (
        Ask(gettext_lazy("The class of each change (material or not), with its reasons"), "PRA SS1/23 P3.4"),
        Ask(gettext_lazy("Changes determined in advance"), "EU AI Act Annex IV(2)(f)"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the newest versions up to the instant with their states, and every edit of the model."""
        known = version.model.versions.filter(registered_at__lte=as_of)
        rows = list(known.select_related("predecessor").order_by("-registered_at", "-id")[:SHOWN])[::-1]
        names = names_of(row.registered_by_id for row in rows)
        told: list[dict[str, Any]] = []
        before: State | None = None
        for row in rows:
            state = state_at(row, as_of)
            if state is None:
                continue
            base = (state_at(row.predecessor, as_of) if row.predecessor else None) or before
            told.append(
                {
                    "version": row.version,
                    "registered_at": instant_iso(row.registered_at),
                    "registered_by": names.get(str(row.registered_by_id), ""),
                    "stage": state["stage"],
                    "summary": state["change_summary"],
                    "before": str(base["version"]) if base else "",
                    "changed": [name for name in COMPARED if state.get(name) != base.get(name)] if base else [],
                }
                | _decided(row, as_of)
            )
            before = state
        return {
            "count": known.count(),
            "versions": told,
            "edits": _edits(version.model, as_of),
            "subjects": [["model", version.model.ledger_key()]] + [["version", row.ledger_key()] for row in rows],
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether a version is recorded."""
        return bool(facts.get("versions"))

    def compose(self, facts: Facts) -> Section:
        """Return the versions and the edits in order."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        blocks: list[Block] = [_versions(facts)]
        for one in facts["versions"]:
            if one["summary"]:
                about = _("%(version)s, as its registration says:") % {"version": one["version"]}
                blocks += [Paragraph(about, "small"), Paragraph(one["summary"], "quote")]
        blocks.append(Subheading(_("Changes of the inventory entry")))
        blocks.append(_edited(facts["edits"]) if facts["edits"] else Paragraph(_("None since it was registered.")))
        return self.with_asks(facts, *blocks)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also each version that does not say what changed."""
        found = super().gaps(facts)
        for one in facts.get("versions", ()):
            if not one["summary"]:
                what = _("What changed in version %(version)s") % {"version": one["version"]}
                found.append(Gap(what, "EU AI Act Annex IV(6); PRA SS1/23 P3.3", _("registration of the version")))
        return found


def _decided(version: ModelVersion, as_of: datetime) -> dict[str, int]:
    """Count the requests for a version, and the decisions on them that stood at the instant."""
    asked = PromotionRequest.objects.filter(version=version, requested_at__lte=as_of)
    given = Approval.objects.filter(request__in=asked, decided_at__lte=as_of)
    states = [state for one in given if (state := state_at(one, as_of)) is not None and not state["withdrawn_at"]]
    said = [state["decision"] for state in states]
    return {"requests": asked.count(), "yes": said.count("approve"), "no": said.count("reject")}


def _edits(model: Model, as_of: datetime) -> list[dict[str, Any]]:
    """Return each event that changed a field of the inventory entry, with the names of the fields."""
    found: list[dict[str, Any]] = []
    before: Mapping[str, Any] | None = None
    for event in history(model.ledger_kind, model.ledger_key()):
        if event.instant > as_of:
            break
        if before is not None:
            fields = sorted(name for name in event.state if event.state[name] != before.get(name))
            found.append({"at": instant_iso(event.instant), "actor": event.actor_id, "fields": fields})
        before = event.state
    names = names_of(one["actor"] for one in found)
    return [one | {"actor": names.get(one["actor"], one["actor"])} for one in found if one["fields"]]


def _versions(facts: Facts) -> Table:
    words = {
        "artifacts": _("artifacts"),
        "datasets": _("data"),
        "scoring": _("scoring"),
        "hyperparameters": _("hyperparameters"),
        "library_versions": _("libraries"),
        "code_commit": _("code"),
        "seed": _("seed"),
    }
    rows = tuple(
        (
            one["version"],
            when(one["registered_at"]),
            one["registered_by"],
            str(one["stage"]).replace("_", " "),
            one["before"] or "–",
            (", ".join(words[name] for name in one["changed"]) or _("nothing")) if one["before"] else "–",
            _("requests: %(requests)s; yes: %(yes)s, no: %(no)s") % one,
        )
        for one in facts["versions"]
    )
    columns = (
        Column(_("Version"), weight=0.8),
        Column(_("Registered"), weight=1.2),
        Column(_("Recorded by"), weight=0.9),
        Column(_("Stage"), weight=1),
        Column(_("Held against"), weight=0.8),
        Column(_("What differs"), weight=1.6),
        Column(_("Decisions that stood"), weight=1.3),
    )
    shown, count = len(rows), facts["count"]
    note = "" if shown == count else _("The newest %(shown)s of %(count)s.") % {"shown": shown, "count": count}
    return Table(columns, rows, _("Versions of the model, in order"), note=note)


def _edited(edits: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (when(one["at"]), one["actor"], ", ".join(name.replace("_", " ") for name in one["fields"])) for one in edits
    )
    columns = (Column(_("When"), weight=1.2), Column(_("Recorded by"), weight=1), Column(_("Fields"), weight=2))
    return Table(columns, rows, _("Edits, from the ledger"))
