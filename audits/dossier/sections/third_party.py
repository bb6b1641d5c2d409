"""Who else had a part in it? Origin of model and data, and the libraries it is made with."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block, Column, KeyValue, KeyValues, Notice, Section, Table
from audits.dossier.contract import SECTIONS, Ask, DossierSection, Facts, Gap
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import names_of, state_at
from registry.models import Contribution, Model, ModelVersion

PLANNED = BY_SLUG["third-party"]


@SECTIONS.register(PLANNED.slug)
class ThirdParties(DossierSection):
    """Where the model and its data come from as stated, who supplied data, and the libraries of other people."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by
    recorded_in = gettext_lazy("inventory entry")
    asks = (
        Ask(gettext_lazy("Who the vendor is, and the contract"), "SR 26-2; OSFI E-23 1.3"),
        Ask(gettext_lazy("Due diligence, and the vendor's own evidence"), "SR 26-2; PRA SS1/23 P2.6"),
        Ask(gettext_lazy("How to leave the vendor"), "OSFI E-23 1.3; ISO/IEC 42001 A.10"),
    )

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read the origins as stated at the instant, the suppliers and the libraries."""
        model = state_at(version.model, as_of) or {}
        origins = dict(Model.Origin.choices)
        links = list(version.dataset_links.select_related("dataset_version__dataset").order_by("-role", "id"))
        supplied = version.contributions.filter(kind=Contribution.Kind.SUPPLIED, recorded_at__lte=as_of)
        people = [row.person_id for row in supplied.order_by("recorded_at", "id")]
        names = names_of(people)
        origin = str(model.get("origin") or "")
        return {
            "origin": origin,
            "origin_text": str(origins.get(origin, origin)),
            "data": [
                {
                    "name": link.dataset_version.ledger_key(),
                    "origin": (state_at(link.dataset_version.dataset, as_of) or {}).get("origin", ""),
                }
                for link in links
            ],
            "suppliers": [names.get(str(person), "") for person in people],
            "libraries": version.library_versions,
            "subjects": [["model", version.model.ledger_key()]]
            + [["dataset", link.dataset_version.dataset.ledger_key()] for link in links],
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether an origin is stated."""
        return bool(facts.get("origin"))

    def compose(self, facts: Facts) -> Section:
        """Return the origins, then the libraries."""
        if not self.has_evidence(facts):
            return self.with_asks(facts)
        none = _("not recorded")
        items = [KeyValue(_("Origin of the model"), facts["origin_text"])]
        items += [
            KeyValue(_("Origin of the data %(name)s") % {"name": one["name"]}, one["origin"] or none)
            for one in facts["data"]
        ]
        items.append(KeyValue(_("Supplied data"), ", ".join(facts["suppliers"]) or none))
        blocks: list[Block] = [KeyValues(tuple(items))]
        if facts["origin"] == Model.Origin.INTERNAL:
            text = _("It is recorded as built here: nothing is asked about a vendor. That is a statement of its owner.")
            blocks.append(Notice(text))
        if facts["libraries"]:
            rows = tuple((name, str(version)) for name, version in sorted(facts["libraries"].items()))
            columns = (Column(_("Library")), Column(_("As registered")))
            blocks.append(Table(columns, rows, _("Parts made by others")))
        return self.with_asks(facts, *blocks)

    def asked(self, facts: Facts) -> tuple[Ask, ...]:
        """Return what is asked of a vendor, unless the model is recorded as built here."""
        return () if facts.get("origin") == Model.Origin.INTERNAL else self.asks

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return also that no library is named."""
        found = super().gaps(facts)
        if not facts.get("libraries"):
            what = _("The libraries of others that it is made with")
            found.append(Gap(what, "ISO/IEC 42001 A.10", _("registration of the version")))
        return found
