"""What are the bytes that run, what was seen of them without running them, and where did they run first?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.measures import evidence_id
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import instant_text, latest_run
from audits.sandbox.formats.contract import FORMATS
from registry.models import ModelVersion, VersionArtifact

PLANNED = BY_SLUG["security"]
MOST_GLOBALS = 60


@SECTIONS.register(PLANNED.slug)
class Security(DossierSection):
    """Formats and digests of the artifacts, what reading the file showed, the sandbox it ran in, and the libraries."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("registration of the version")
    asks = (
        Ask(
            gettext_lazy("Measures against poisoned data, adversarial inputs and theft of the model"),
            "EU AI Act Art. 15(5); EU AI Act Annex IV(2)(h)",
        ),
        Ask(gettext_lazy("A bill of materials with the known vulnerabilities of each part"), "ISO/IEC 42001 A.10"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the artifacts, and what the latest run that was over recorded of its sandbox."""
        links = list(version.artifact_links.select_related("artifact").order_by("role", "artifact_id"))
        run = latest_run(version, as_of)
        manifest: Mapping[str, Any] = run.manifest if run else {}
        sandbox = manifest.get("sandbox")
        stored = str(manifest.get("manifest_sha256") or "")
        known = {entry.slug: entry.item for entry in FORMATS}
        return {
            "artifacts": [
                {
                    "role": link.role,
                    "role_text": str(link.get_role_display()),
                    "format": link.format,
                    "sha256": link.artifact_id,
                    "size": link.artifact.size,
                    "executes_code": known[link.format].executes_code if link.format in known else None,
                }
                for link in links
            ],
            "libraries": version.library_versions,
            "run": str(run.pk) if run else "",
            "concluded_at": instant_text(run.concluded_at) if run else "",
            "sandbox": sandbox if isinstance(sandbox, dict) else {},
            "manifest": stored,
            "evidence": [[stored, _("Manifest of the run")]] if stored else [],
            "subjects": [["version", version.ledger_key()]]
            + [["artifact", link.artifact_id] for link in links]
            + ([["run", run.ledger_key()]] if run else []),
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether there is an artifact."""
        return bool(facts.get("artifacts"))

    def compose(self, facts: Facts) -> Section:
        """Return the bytes, the inspection, the sandbox and the libraries."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        return self.with_asks(facts, _artifacts(facts), *_sandbox(facts), *_libraries(facts))

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also a missing lock of the environment and a missing run in a sandbox."""
        found = super().gaps(facts)
        roles = {one["role"] for one in facts.get("artifacts", ())}
        if VersionArtifact.Role.ENVIRONMENT.value not in roles:
            what = _("A lock of the environment: every library with its digest")
            found.append(Gap(what, "ISO/IEC 42001 A.10", _("registration of the version")))
        if not facts.get("sandbox"):
            what = _("A run of the artifact in a sandbox that says what it confines")
            found.append(Gap(what, "EU AI Act Art. 15(5)", _("validation run")))
        return found


def _artifacts(facts: Facts) -> Table:
    words = {True: _("yes"), False: _("no"), None: "–"}
    rows = tuple(
        (one["role_text"], one["format"] or "–", words[one["executes_code"]], f"{one['size']:,}", one["sha256"])
        for one in facts["artifacts"]
    )
    columns = (
        Column(_("Role"), weight=1),
        Column(_("Format"), weight=0.8),
        Column(_("Loading can run code"), weight=0.9),
        Column(_("Bytes"), "right", 0.8, "number"),
        Column("SHA-256", weight=3, kind="digest"),
    )
    named = tuple(evidence_id(one["sha256"]) for one in facts["artifacts"])
    return Table(columns, rows, _("Artifacts of the version"), named)


def _sandbox(facts: Facts) -> tuple[Block, ...]:
    sandbox = facts["sandbox"]
    heading = Subheading(_("What was seen of the file, and where it ran"))
    if not sandbox:
        text = _("No run up to the instant recorded the sandbox it ran in.")
        return (heading, Notice(text, "missing", "EU AI Act Art. 15(5)"))
    seen: Mapping[str, Any] = sandbox.get("inspection") or {}
    items = [
        KeyValue(_("Validation run"), facts["run"]),
        KeyValue(_("Concluded"), facts["concluded_at"]),
        KeyValue(_("Rung of the sandbox"), str(sandbox.get("rung") or _("not recorded"))),
        KeyValue(_("What the sandbox confines, digest"), str(sandbox.get("probe_digest") or "–"), "digest"),
        KeyValue(_("Estimator"), str(sandbox.get("estimator") or _("not recorded"))),
    ]
    if isinstance(sandbox.get("peak_memory_bytes"), int):
        items.append(KeyValue(_("Largest memory, bytes"), f"{sandbox['peak_memory_bytes']:,}", "number"))
    if seen:
        wanted = [str(name) for name in seen.get("globals", ())]
        more = len(wanted) - MOST_GLOBALS
        shown = ", ".join(wanted[:MOST_GLOBALS]) + (_(" and %(count)s more") % {"count": more} if more > 0 else "")
        items += [
            KeyValue(_("Container, read without loading"), str(seen.get("container") or "–")),
            KeyValue(_("Followed to its end"), _("no") if seen.get("opaque") else _("yes")),
            KeyValue(_("Names the file asks for"), shown or _("none")),
        ]
        items += [KeyValue(_("Note"), str(note)) for note in seen.get("notes", ())]
    if facts["manifest"]:
        items.append(KeyValue(_("Evidence"), evidence_id(facts["manifest"]), "digest"))
    return (heading, KeyValues(tuple(items)))


def _libraries(facts: Facts) -> tuple[Block, ...]:
    """Return each library with the version registered, the one the file names, and the one it ran with."""
    stated, sandbox = facts["libraries"] or {}, facts["sandbox"]
    made, ran = sandbox.get("made_with") or {}, sandbox.get("libraries") or {}
    names = sorted({*stated, *made, *ran})
    if not names:
        return (Notice(_("No library is named."), "missing", "ISO/IEC 42001 A.10"),)
    rows = tuple((name, *(str(side.get(name) or "–") for side in (stated, made, ran))) for name in names)
    columns = (
        Column(_("Library"), weight=1.4),
        Column(_("As registered")),
        Column(_("As the file says")),
        Column(_("As it ran")),
    )
    named = (evidence_id(facts["manifest"]),) if facts["manifest"] else ()
    return (Table(columns, rows, _("Versions of libraries"), named),)
