"""Which models are there, now or at an earlier instant? Read, enter and edit entries of the inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.tiers import current_tiers
from governance.api import past as then
from governance.api.auth import EVERYBODY, models_seen, require_model
from governance.api.bodies import Flag, Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import model_named
from governance.api.schema import described
from governance.in_force import complete_models
from registry.actions.inventory import edit_model, register_model
from registry.errors import DomainError
from registry.ledger.past import Past
from registry.models import Model, Role


class ModelEdit(Strict):
    """What of an entry can be changed."""

    name = Text(required=False)
    description = Text(required=False)
    intended_use = Text(required=False)
    prohibited_use = Text(required=False)
    business_line = Text(required=False)
    kind = Text(required=False)
    origin = Text(required=False)
    affects_people = Flag(required=False)


class ModelEntry(ModelEdit):
    """A new entry."""

    slug = Text()
    name = Text()


class ModelShown(serializers.Serializer[Model]):
    """An entry of the inventory; ``as_of`` is set when it is shown as it was."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    intended_use = serializers.CharField()
    prohibited_use = serializers.CharField()
    business_line = serializers.CharField()
    kind = serializers.ChoiceField(Model.Kind.choices)
    origin = serializers.ChoiceField(Model.Origin.choices)
    affects_people = serializers.BooleanField()
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    tier = serializers.SerializerMethodField()
    registered_by = serializers.CharField(source="registered_by.username")
    registered_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_tier(self, model: Model) -> int | None:
        """Return the newest risk tier, which was asked for all rows at once; None before the first assessment."""
        tier: int | None = model.__dict__["newest_tier"]
        return tier


class ModelList(Resource):
    """The inventory."""

    scopes = {"GET": "inventory:read", "POST": "inventory:write"}
    roles = {"GET": EVERYBODY, "POST": frozenset({Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER})}
    parameters = then.PARAMETERS
    ordering = ("slug",)

    @described("List models", answers={200: ModelShown}, listed=True, query=("as_of", "after"), operation="models_list")
    def get(self, request: Request) -> Response:
        """Return a page of models, or with ``as_of`` the models of that instant (next ones with ``after``)."""
        if then.is_asked(request):
            return self._past(request)
        rows = Model.objects.select_related("owner", "registered_by")
        limited = models_seen(request)
        return self.page(rows if limited is None else rows.filter(pk__in=limited), models_shown)

    @described("Enter a model", body=ModelEntry, answers={200: ModelShown, 201: ModelShown})
    def post(self, request: Request) -> Response:
        """Enter a model; the same statement again is 200 and the same row."""
        values = self.body(ModelEntry)
        require_model(request, values["slug"])
        model, created = register_model(actor=self.actor, **values)
        return Response(model_shown(model), status=201 if created else 200)

    def _past(self, request: Request) -> Response:
        limited, after = models_seen(request), request.query_params.get("after", "")
        with then.past_of(request) as past:
            rows = past.rows(Model, keys=limited, after=after, most=then.page_size(request) + 1)
            return then.listed(request, past, rows, lambda page: models_then(past, page))


class ModelDetail(Resource):
    """One entry."""

    scopes = {"GET": "inventory:read", "PATCH": "inventory:write"}
    roles = {"GET": EVERYBODY, "PATCH": frozenset({Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER})}
    parameters = frozenset({"as_of"})

    @described("Read a model", answers={200: ModelShown}, query=("as_of",))
    def get(self, request: Request, model: str) -> Response:
        """Return an entry as it is, or as it was at ``as_of``; 404 when it did not exist then."""
        found = model_named(request, model)
        if not then.is_asked(request):
            return Response(model_shown(found))
        with then.past_of(request) as past:
            row = past.row(Model, found.slug)
            if row is None:
                raise DomainError("unknown-model", _("The model was not registered yet."), kind="not-found")
            return then.single(request, past, models_then(past, [row])[0])

    @described("Edit a model", body=ModelEdit, answers={200: ModelShown})
    def patch(self, request: Request, model: str) -> Response:
        """Change descriptive fields. Changing the intended use voids the approvals that cover it."""
        found = model_named(request, model)
        return Response(model_shown(edit_model(found, actor=self.actor, **self.body(ModelEdit))))


def model_shown(model: Model) -> Mapping[str, Any]:
    """Return an entry as the API shows it."""
    return models_shown([model])[0]


def models_shown(rows: Sequence[Model]) -> list[Mapping[str, Any]]:
    """Return entries, each with its newest tier."""
    tiers = current_tiers(rows)
    for row in rows:
        row.__dict__["newest_tier"] = tiers[row.slug].tier if row.slug in tiers else None
    return many(ModelShown, rows)


def models_then(past: Past, rows: list[Model]) -> list[Mapping[str, Any]]:
    """Return entries as they were, each with the tier that was the newest then."""
    complete_models(past, rows)
    return many(ModelShown, rows)
