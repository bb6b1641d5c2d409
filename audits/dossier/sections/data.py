"""On which data was the version trained and evaluated, and what is known of it?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Section, Subheading, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import state_at
from registry.models import ModelVersion, VersionDataset

PLANNED = BY_SLUG["data"]


@SECTIONS.register(PLANNED.slug)
class Data(DossierSection):
    """The dataset versions of the version: origin, basis, size, period, column roles, digests and known gaps."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the dataset versions linked at registration, and their datasets as of the instant."""
        links = version.dataset_links.select_related("dataset_version__dataset").order_by("-role", "id")
        found: list[dict[str, Any]] = []
        subjects = []
        for link in links:
            snapshot = link.dataset_version
            dataset = state_at(snapshot.dataset, as_of) or {}
            found.append(
                {
                    "role": link.role,
                    "role_text": str(link.get_role_display()),
                    "dataset": snapshot.dataset_id,
                    "name": dataset.get("name", snapshot.dataset_id),
                    "version": snapshot.version,
                    "description": dataset.get("description", ""),
                    "origin": dataset.get("origin", ""),
                    "lawful_basis": dataset.get("lawful_basis", ""),
                    "known_gaps": dataset.get("known_gaps", ""),
                    "split": str(snapshot.get_split_display()),
                    "format": snapshot.format,
                    "rows": snapshot.row_count,
                    "columns": len(snapshot.columns),
                    "period_from": snapshot.period_from.isoformat() if snapshot.period_from else "",
                    "period_to": snapshot.period_to.isoformat() if snapshot.period_to else "",
                    "roles": snapshot.roles,
                    "digest": snapshot.digest,
                    "artifact": snapshot.artifact_id,
                }
            )
            subjects += [["dataset", snapshot.dataset.ledger_key()], ["dataset_version", snapshot.ledger_key()]]
        return {"datasets": found, "subjects": subjects}

    def compose(self, facts: Facts) -> Section:
        """Return one part per dataset version."""
        return self.section(*[block for one in facts.get("datasets", ()) for block in self._dataset(one)])

    def _dataset(self, one: dict[str, Any]) -> tuple[Block, ...]:
        none = _("not recorded")
        period = f"{one['period_from']} – {one['period_to']}" if one["period_from"] or one["period_to"] else none
        items = (
            KeyValue(_("Used for"), one["role_text"]),
            KeyValue(_("Split"), one["split"]),
            KeyValue(_("Description"), one["description"] or none),
            KeyValue(_("Origin"), one["origin"] or none),
            KeyValue(_("Lawful basis"), one["lawful_basis"] or none),
            KeyValue(_("Known gaps"), one["known_gaps"] or none),
            KeyValue(_("Period"), period),
            KeyValue(_("Rows"), none if one["rows"] is None else f"{one['rows']:,}"),
            KeyValue(_("Columns"), f"{one['columns']:,}" if one["columns"] else none),
            KeyValue(_("Digest of the snapshot"), one["digest"], "digest"),
            KeyValue(_("Bytes, SHA-256"), one["artifact"], "digest"),
        )
        rows = tuple(
            (str(role).replace("_", " "), _columns(value)) for role, value in sorted(one["roles"].items()) if value
        )
        table = Table((Column(_("Role")), Column(_("Columns"), weight=4)), rows, _("Roles of the columns"))
        return (Subheading(f"{one['name']} ({one['dataset']}/{one['version']})"), KeyValues(items), table)

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return missing datasets and what is not recorded of those there are."""
        datasets = facts.get("datasets", ())
        roles = {one["role"] for one in datasets}
        found = []
        if VersionDataset.Role.TRAINING.value not in roles:
            found.append(
                Gap(_("The training data"), "EU AI Act Annex IV(2)(d); SR 26-2", _("registration of the version"))
            )
        if VersionDataset.Role.EVALUATION.value not in roles:
            found.append(Gap(_("The evaluation data"), "EU AI Act Annex IV(2)(g)", _("registration of the version")))
        asked = {
            "origin": (_("Origin"), "EU AI Act Art. 10(2); OSFI E-23 3.2"),
            "lawful_basis": (_("Lawful basis"), "GDPR Art. 6"),
            "known_gaps": (_("Known gaps and representativeness"), "EU AI Act Art. 10(2) and (3)"),
        }
        for one in datasets:
            where = _("dataset %(dataset)s") % {"dataset": one["dataset"]}
            found += [Gap(what, clause, where) for name, (what, clause) in asked.items() if not one[name]]
            if not (one["period_from"] and one["period_to"]):
                snapshot = _("dataset version %(name)s") % {"name": f"{one['dataset']}/{one['version']}"}
                found.append(Gap(_("The period the data cover"), "SR 26-2; EU AI Act Annex IV(2)(d)", snapshot))
        return list(dict.fromkeys(found))


def _columns(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value)
