"""Which models are there, now or at an earlier instant? Read, enter and edit entries of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.tiers import current_tier
from governance.api.auth import EVERYBODY, may_see, models_seen, require_model
from governance.api.bodies import Flag, Strict, Text, instant
from governance.api.resource import Resource
from governance.api.rows import model_named
from governance.api.schema import described
from registry.actions.inventory import edit_model, register_model
from registry.errors import DomainError
from registry.ledger.event import Event
from registry.ledger.replay import all_as_of, as_of
from registry.models import Model, Role, User

PAST_PAGE = 1000


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
        """Return the newest risk tier; None before the first assessment."""
        assessment = current_tier(model)
        return assessment.tier if assessment else None


class ModelList(Resource):
    """The inventory."""

    scopes = {"GET": "inventory:read", "POST": "inventory:write"}
    roles = {"GET": EVERYBODY, "POST": frozenset({Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER})}
    parameters = frozenset({"as_of", "after"})
    ordering = ("slug",)

    @described("List models", answers={200: ModelShown}, listed=True, query=("as_of", "after"), operation="models_list")
    def get(self, request: Request) -> Response:
        """Return a page of models, or with ``as_of`` the models of that instant (next ones with ``after``)."""
        if "as_of" in request.query_params:
            return self._past(request)
        rows = Model.objects.select_related("owner", "registered_by")
        limited = models_seen(request)
        return self.page(rows if limited is None else rows.filter(pk__in=limited), _shown)

    @described("Enter a model", body=ModelEntry, answers={200: ModelShown, 201: ModelShown})
    def post(self, request: Request) -> Response:
        """Enter a model; the same statement again is 200 and the same row."""
        values = self.body(ModelEntry)
        require_model(request, values["slug"])
        model, created = register_model(actor=self.actor, **values)
        return Response(_shown(model), status=201 if created else 200)

    def _past(self, request: Request) -> Response:
        moment, after = _moment(request), request.query_params.get("after", "")
        events = (event for event in all_as_of(Model.ledger_kind, moment) if event.subject_key > after)
        seen = list(islice((event for event in events if may_see(request, event.subject_key)), PAST_PAGE + 1))
        shown, follow = seen[:PAST_PAGE], None
        if len(seen) > PAST_PAGE:
            query = request.query_params.copy()
            query["after"] = shown[-1].subject_key
            follow = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        results = _as_they_were(shown, request.query_params["as_of"])
        return Response({"next": follow, "previous": None, "results": results})


class ModelDetail(Resource):
    """One entry."""

    scopes = {"GET": "inventory:read", "PATCH": "inventory:write"}
    roles = {"GET": EVERYBODY, "PATCH": frozenset({Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER})}
    parameters = frozenset({"as_of"})

    @described("Read a model", answers={200: ModelShown}, query=("as_of",))
    def get(self, request: Request, model: str) -> Response:
        """Return an entry as it is, or as it was at ``as_of``; 404 when it did not exist then."""
        found = model_named(request, model)
        if "as_of" not in request.query_params:
            return Response(_shown(found))
        event = as_of(Model.ledger_kind, found.slug, _moment(request))
        if event is None:
            raise DomainError("unknown-model", _("The model was not registered yet."), kind="not-found")
        return Response(_as_they_were([event], request.query_params["as_of"])[0])

    @described("Edit a model", body=ModelEdit, answers={200: ModelShown})
    def patch(self, request: Request, model: str) -> Response:
        """Change descriptive fields. Changing the intended use voids the approvals that cover it."""
        found = model_named(request, model)
        return Response(_shown(edit_model(found, actor=self.actor, **self.body(ModelEdit))))


def _shown(model: Model) -> Mapping[str, Any]:
    return ModelShown(model).data


def _moment(request: Request) -> Any:
    moment = instant(request.query_params["as_of"])
    if moment is None:
        raise DomainError(
            "bad-instant", _("An instant is written like 2026-11-21T12:00:00Z, with its time zone."), field="as_of"
        )
    return moment


def _as_they_were(events: list[Event], instant_asked: str) -> list[dict[str, Any]]:
    """Return entries from the states that the ledger recorded, in the shape of the present ones without the tier."""
    fields = [name for name in ModelShown._declared_fields if name != "tier"]
    ids = {str(event.state[name]) for event in events for name in ("owner", "registered_by") if event.state[name]}
    names = {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "username")}
    return [
        {name: event.state[name] for name in fields}
        | {name: names.get(str(event.state[name])) for name in ("owner", "registered_by")}
        | {"as_of": instant_asked}
        for event in events
    ]
