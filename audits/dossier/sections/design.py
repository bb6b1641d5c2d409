"""How was the version made? What its registration states of code, parameters and environment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Column, KeyValue, KeyValues, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from registry.digests import canonical_json
from registry.models import ModelVersion

PLANNED = BY_SLUG["design"]


@SECTIONS.register(PLANNED.slug)
class Design(DossierSection):
    """Change summary, code, training run, parameters, libraries and artifacts of the version."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read what the registration of the version states; none of it changes later."""
        links = version.artifact_links.select_related("artifact").order_by("role", "artifact_id")
        return {
            "change_summary": version.change_summary,
            "code_commit": version.code_commit,
            "training_run": version.training_run,
            "seed": version.seed,
            "predecessor": str(version.predecessor) if version.predecessor else "",
            "hyperparameters": version.hyperparameters,
            "library_versions": version.library_versions,
            "scoring": version.scoring,
            "artifacts": [
                {"role": str(link.get_role_display()), "format": link.format, "sha256": link.artifact_id}
                | {"size": link.artifact.size}
                for link in links
            ],
        }

    def compose(self, facts: Facts) -> Section:
        """Return the statement and the tables of parameters, libraries and artifacts."""
        if not self.has_evidence(facts):
            return self.section()
        none = _("not recorded")
        seed = none if facts["seed"] is None else str(facts["seed"])
        items = (
            KeyValue(_("What changed"), facts["change_summary"] or none),
            KeyValue(_("Predecessor"), facts["predecessor"] or _("none")),
            KeyValue(_("Code commit"), facts["code_commit"] or none),
            KeyValue(_("Training run"), facts["training_run"] or none),
            KeyValue(_("Seed"), seed),
            *_scoring(facts["scoring"] or {}),
            *_declarations(facts["scoring"]),
        )
        named = (Column(_("Name")), Column(_("Value"), weight=2))
        blocks = [
            Table(named, tuple((name, _text(value)) for name, value in sorted(facts[key].items())), caption)
            for key, caption in (("hyperparameters", _("Hyperparameters")), ("library_versions", _("Libraries")))
            if facts[key]
        ]
        rows = tuple(
            (one["role"], one["format"] or "–", f"{one['size']:,}", one["sha256"]) for one in facts["artifacts"]
        )
        columns = (
            Column(_("Role"), weight=1.1),
            Column(_("Format"), weight=0.8),
            Column(_("Bytes"), "right", 0.8, "number"),
            Column("SHA-256", weight=3.4, kind="digest"),
        )
        artifacts = (Table(columns, rows, _("Artifacts")),) if rows else ()
        return self.section(KeyValues(items), *artifacts, *blocks)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return what the registration left out."""
        asked = {
            "change_summary": (_("What changed in this version"), "EU AI Act Annex IV(6); PRA SS1/23 P3.3"),
            "code_commit": (_("The commit of the training code"), "EU AI Act Annex IV(1)(c)"),
            "training_run": (_("The training run"), "EU AI Act Annex IV(2)(c)"),
            "hyperparameters": (_("Hyperparameters"), "EU AI Act Annex IV(2)(b)"),
            "library_versions": (_("Versions of the libraries"), "EU AI Act Annex IV(1)(c)"),
            "artifacts": (_("An artifact"), "EU AI Act Annex IV(2)"),
        }
        where = _("registration of the version")
        return [Gap(what, clause, where) for name, (what, clause) in asked.items() if not facts.get(name)]


def _scoring(scoring: dict[str, Any]) -> list[KeyValue]:
    """Return each part of the scoring statement in a line; what is said of features, feature by feature."""
    if not scoring:
        return [KeyValue(_("Scoring"), _("not recorded"))]
    found = []
    for name, value in sorted(scoring.items()):
        if name in ("favourable", "immutable"):
            continue  # told in words below
        text = (
            "; ".join(f"{one}: {_text(what)}" for one, what in sorted(value.items())) if isinstance(value, dict) else ""
        )
        title = _("Scoring, %(part)s") % {"part": name.replace("_", " ")}
        found.append(KeyValue(title, text or (", ".join(value) if _is_texts(value) else _text(value))))
    return found


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _declarations(scoring: dict[str, Any]) -> list[KeyValue]:
    """Return in words which answer counts as the good one, and what nobody can change, where the version says so."""
    found = []
    if scoring.get("favourable"):
        many = scoring.get("task") == "multiclass"
        ends = {"high": _("a score at or above the threshold"), "low": _("a score below the threshold")}
        said = scoring["favourable"]
        found.append(KeyValue(_("Favourable answer"), said if many else ends.get(said, said)))
    if scoring.get("immutable"):
        found.append(KeyValue(_("Features nobody can change"), ", ".join(scoring["immutable"])))
    return found


def _json(value: Any) -> str:
    return canonical_json(value).decode("ascii")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)
