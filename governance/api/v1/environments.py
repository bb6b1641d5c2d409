"""Where can a version run? Named places, and whether the gate guards them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import past as then
from governance.api.auth import EVERYBODY
from governance.api.bodies import Flag, Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import environment_named
from governance.api.schema import described
from registry.actions.deployments import register_environment, set_environment_limits
from registry.models import Environment, Role


class EnvironmentEntry(Strict):
    """A new place."""

    slug = Text()
    name = Text()
    gated = Flag()


class LimitsStated(Strict):
    """What a place can bear of an artifact; a limit left out or null is none."""

    artifact_bytes = serializers.JSONField(required=False, allow_null=True)
    load_seconds = serializers.JSONField(required=False, allow_null=True)
    peak_memory_bytes = serializers.JSONField(required=False, allow_null=True)
    latency_seconds = serializers.JSONField(required=False, allow_null=True)


class EnvironmentShown(serializers.Serializer[Environment]):
    """A place a version can run."""

    slug = serializers.CharField()
    name = serializers.CharField()
    gated = serializers.BooleanField()
    limits = serializers.DictField()


class EnvironmentList(Resource):
    """All places. People name them, in a signed-in session; no token does."""

    scopes = {"GET": "inventory:read"}
    roles = {"GET": EVERYBODY, "POST": frozenset({Role.RISK_MANAGER, Role.ADMINISTRATOR})}
    parameters = then.PARAMETERS
    ordering = ("slug",)

    @described(
        "List environments",
        answers={200: EnvironmentShown},
        listed=True,
        query=("as_of", "after"),
        operation="environments_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of environments; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            with then.past_of(request) as past:
                rows = then.behind(request, then.in_order(past.rows(Environment), *self.ordering))
                return then.listed(request, past, rows, lambda page: [_then(row) for row in page])
        return self.page(Environment.objects.all(), lambda page: many(EnvironmentShown, page))

    @described("Name an environment", body=EnvironmentEntry, answers={200: EnvironmentShown, 201: EnvironmentShown})
    def post(self, request: Request) -> Response:
        """Name a place; the same statement again is 200 and the same row."""
        row, created = register_environment(actor=self.actor, **self.body(EnvironmentEntry))
        return Response(_environment(row), status=201 if created else 200)


class EnvironmentLimits(Resource):
    """What a place can bear of an artifact. People state it, in a signed-in session; no token does."""

    roles = {"POST": frozenset({Role.RISK_MANAGER, Role.ADMINISTRATOR})}

    @described("State the limits of an environment", body=LimitsStated, answers={200: EnvironmentShown})
    def post(self, request: Request, environment: str) -> Response:
        """Replace the limits of a place; the same statement again changes nothing."""
        place = environment_named(environment)
        limits = {name: value for name, value in self.body(LimitsStated).items() if value is not None}
        row, _changed = set_environment_limits(place, limits=limits, actor=self.actor)
        return Response(_environment(row))


def _environment(row: Environment) -> Mapping[str, Any]:
    return EnvironmentShown(row).data


def _then(row: Environment) -> Mapping[str, Any]:
    """Return a place as it was; the ledger writes fractions as text, and every limit is a number."""
    row.limits = {name: float(one) if isinstance(one, str) else one for name, one in row.limits.items()}
    return _environment(row)
