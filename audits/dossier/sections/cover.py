"""Which model, which version, which bytes, as of when? The cover."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import KeyValue, KeyValues, Paragraph, Section
from audits.dossier.contract import SECTIONS, Facts, OverviewSection, Whole
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, names_of, state_at
from registry.digests import digest_of
from registry.models import ModelVersion

PLANNED = BY_SLUG["cover"]


@SECTIONS.register(PLANNED.slug)
class Cover(OverviewSection):
    """The identity of the version, the instant, and the digests by which all of it is checked."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read names, digests and the stage as of the instant."""
        state = state_at(version, as_of) or {}
        model = state_at(version.model, as_of) or {}
        owner = str(model.get("owner") or "")
        link = version.model_artifact()
        return {
            "model": version.model_id,
            "version": version.version,
            "stage": state.get("stage", ""),
            "owner": names_of([owner]).get(owner, ""),
            "manifest_digest": version.manifest_digest,
            "artifact": link.artifact_id if link else "",
            "artifact_format": link.format if link else "",
            "registered_at": instant_text(version.registered_at),
            "as_of": instant_text(as_of),
        }

    def compose_over(self, facts: Facts, whole: Whole) -> Section:
        """Return the cover; its digest of the facts lets a reader match the facts stored beside the PDF."""
        none = _("not recorded")
        checkpoint: dict[str, Any] = whole.of("ledger").get("checkpoint") or {}
        items = [
            KeyValue(_("Model"), facts.get("model") or none),
            KeyValue(_("Version"), facts.get("version") or none),
            KeyValue(_("Stage"), str(facts.get("stage") or none).replace("_", " ")),
            KeyValue(_("Owner"), facts.get("owner") or none),
            KeyValue(_("Registered"), facts.get("registered_at") or none),
            KeyValue(_("As of"), facts.get("as_of") or none),
            KeyValue(_("Model artifact, SHA-256"), facts.get("artifact") or none, "digest"),
            KeyValue(_("Manifest digest"), facts.get("manifest_digest") or none, "digest"),
            KeyValue(_("Facts of this dossier, SHA-256"), digest_of(whole.facts), "digest"),
        ]
        asked = whole.facts.get("dossier") or {}
        if asked.get("requested_by_name"):
            items.insert(6, KeyValue(_("Asked for by"), asked["requested_by_name"]))
        if checkpoint:
            size = _("%(size)s entries, %(instant)s") % {"size": checkpoint["size"], "instant": checkpoint["instant"]}
            items.append(KeyValue(_("Ledger checkpoint"), size))
            items.append(KeyValue(_("Ledger root, SHA-256"), checkpoint["root"], "digest"))
        items.append(KeyValue(_("Things missing"), str(len(whole.gaps))))
        text = _(
            "This dossier prints what was recorded and measured up to the instant above, and what was not. It is made "
            "from stored facts alone: the same facts give the same bytes. Clauses are named in short for orientation; "
            "the texts of the editions in force bind. It is not legal advice."
        )
        return self.section(KeyValues(tuple(items)), Paragraph(text, "small"))
