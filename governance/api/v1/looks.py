"""What did auditors look at and take along? Each sees their own; the risk manager, the administrator and tokens all."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.looks import WHO_SEES_LOOKS
from governance.api.resource import many
from governance.api.schema import described
from governance.api.v1.ledger import LedgerResource
from governance.models import Look
from registry.errors import DomainError
from registry.models import Role


class LookShown(serializers.Serializer[Look]):
    """One look: within which hour an auditor was first shown the address, or when they took something along."""

    id = serializers.UUIDField()
    person = serializers.CharField(source="person.username")
    kind = serializers.ChoiceField(Look.Kind.choices)
    address = serializers.CharField()
    looked_at = serializers.DateTimeField()


class LookList(LedgerResource):
    """What auditors looked at."""

    roles = {"GET": frozenset(role.value for role in WHO_SEES_LOOKS)}
    parameters = frozenset({"person", "kind"})
    ordering = ("-looked_at", "-id")

    @described(
        "List what auditors looked at",
        answers={200: LookShown},
        listed=True,
        query=("person", "kind"),
        operation="looks_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of looks, the newest first; ``person`` is a user name."""
        rows = Look.objects.select_related("person")
        if self.actor.holds(Role.AUDITOR):
            rows = rows.filter(person=self.actor)
        if person := request.query_params.get("person"):
            rows = rows.filter(person__username=person)
        if kind := request.query_params.get("kind"):
            if kind not in Look.Kind.values:
                raise DomainError("unknown-look-kind", _("A look is a view or a download."), kinds=Look.Kind.values)
            rows = rows.filter(kind=kind)
        return self.page(rows, lambda found: many(LookShown, found))
