"""Who answers for the model, who had a hand in it, and who is therefore not eligible to decide?"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from audits.dossier.content import Column, KeyValue, KeyValues, Section, Table
from audits.dossier.contract import SECTIONS, DossierSection, Facts, Gap
from audits.dossier.measures import when
from audits.dossier.outline import BY_SLUG
from audits.dossier.record import names_of, state_at, states_at
from registry.models import Contribution, ModelVersion, Role, RoleGrant, User

PLANNED = BY_SLUG["roles"]


@SECTIONS.register(PLANNED.slug)
class Roles(DossierSection):
    """The owner, the contributors, and the roles they held at the instant."""

    slug, number, title, required_by = PLANNED.slug, PLANNED.number, PLANNED.title, PLANNED.required_by

    def gather(self, version: ModelVersion, as_of: datetime) -> Facts:
        """Read owner and contributions, and the role grants in force at the instant."""
        model = state_at(version.model, as_of) or {}
        rows = list(version.contributions.order_by("recorded_at", "id"))
        contributions = states_at(rows, as_of)
        involved = sorted({str(model.get("owner") or ""), *(str(one["person"]) for one in contributions)} - {""})
        people = list(User.objects.filter(pk__in=involved).select_related("responsible"))
        responsible = {str(user.pk): str(user.person.pk) for user in people}
        names = names_of([*involved, *responsible.values()])
        held: dict[str, list[str]] = {}
        for grant in RoleGrant.objects.filter(person__in=people, granted_at__lte=as_of).order_by("granted_at", "id"):
            if grant.ended_at is None or grant.ended_at > as_of:
                held.setdefault(str(grant.person_id), []).append(str(Role(grant.role).label))
        kinds = dict(Contribution.Kind.choices)
        return {
            "owner": str(model.get("owner") or ""),
            "people": names,
            "responsible": {one: other for one, other in sorted(responsible.items()) if one != other},
            "roles": {one: sorted(roles) for one, roles in sorted(held.items())},
            "contributions": [
                {"person": str(one["person"]), "kind": str(kinds[one["kind"]]), "at": one["recorded_at"]}
                for one in contributions
            ],
            "subjects": [["contribution", one.ledger_key()] for one in rows],
        }

    def has_evidence(self, facts: Facts) -> bool:
        """Tell whether an owner or a contribution is recorded."""
        return bool(facts.get("owner") or facts.get("contributions"))

    def compose(self, facts: Facts) -> Section:
        """Return the owner and the table of hands."""
        if not self.has_evidence(facts):
            return self.section()
        people, roles = facts["people"], facts["roles"]
        owner = facts["owner"]
        answered = ", ".join(roles.get(owner, ())) or _("no role")
        items = (KeyValue(_("Owner"), f"{people[owner]} ({answered})" if owner else _("not recorded")),)
        rows = tuple(
            (
                self._name(facts, one["person"]),
                ", ".join(roles.get(one["person"], ())) or "–",
                one["kind"],
                when(one["at"]),
            )
            for one in facts["contributions"]
        )
        columns = (
            Column(_("Person or service account"), weight=1.6),
            Column(_("Roles held at the instant"), weight=1.4),
            Column(_("What they did"), weight=1.4),
            Column(_("Recorded"), weight=1.5),
        )
        note = _("Whoever is named here had a hand in the version and is not eligible to decide about it.")
        table = Table(columns, rows, _("Hands in this version"), note=note)
        return self.section(KeyValues(items), table) if rows else self.section(KeyValues(items))

    @staticmethod
    def _name(facts: Facts, person: str) -> str:
        people = facts["people"]
        name = people.get(person, person)
        other = facts["responsible"].get(person)
        return _("%(account)s, for %(person)s") % {"account": name, "person": people[other]} if other else name

    def gaps(self, facts: Facts) -> list[Gap]:
        """Return the missing owner and contributors."""
        found = []
        if not facts.get("owner"):
            found.append(Gap(_("An accountable owner"), "PRA SS1/23 P2.2; OSFI E-23 Appendix 1", _("inventory entry")))
        kinds = {one["kind"] for one in facts.get("contributions", ())}
        if str(Contribution.Kind.TRAINED.label) not in kinds:
            found.append(Gap(_("Who trained the version"), "PRA SS1/23 P2.4", _("registration of the version")))
        return found
