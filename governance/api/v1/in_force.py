"""What decided at an instant, on which data, validated how, and who let it? One answer for each model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import past as then
from governance.api.auth import EVERYBODY
from governance.api.resource import Resource
from governance.api.rows import model_named
from governance.api.schema import described
from governance.api.v1.deployments import DeploymentShown
from governance.api.v1.findings import FindingShown
from governance.api.v1.inventory import ModelShown
from governance.api.v1.policies import PolicyListed
from governance.api.v1.promotions import ApprovalShown, PromotionListed
from governance.api.v1.versions import VersionShown
from governance.in_force import InForce, in_force
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.past import Past
from registry.ledger.snapshot import snapshot


class RunThen(serializers.Serializer[Any]):
    """How a version was validated: the end of a run as the ledger has it."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    outcome = serializers.CharField()
    plan_digest = serializers.CharField()
    evidence_digest = serializers.CharField()
    requested_at = serializers.DateTimeField()
    concluded_at = serializers.DateTimeField(allow_null=True)


class DecisionThen(serializers.Serializer[Any]):
    """What the gate had answered; its reasons are in the ledger as a digest."""

    id = serializers.UUIDField()
    decision = serializers.CharField(source="outcome")
    facts_digest = serializers.CharField()
    asked_by = serializers.CharField(source="asked_by.username")
    decided_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()


class RunningShown(serializers.Serializer[Any]):
    """A version that ran somewhere, and everything that let it. What was not there is null or empty, never left out."""

    deployment = DeploymentShown()
    version = VersionShown()
    validation = RunThen(allow_null=True)
    gate = DecisionThen(allow_null=True)
    promotion = PromotionListed(allow_null=True)
    approvals = ApprovalShown(many=True)
    policy = PolicyListed(allow_null=True)


class PersonNamed(serializers.Serializer[Any]):
    """A person or service account: the id that the ledger holds, and the names of today."""

    id = serializers.UUIDField()
    person = serializers.CharField()
    name = serializers.CharField()


class InForceShown(serializers.Serializer[Any]):
    """What of a model was in force at ``as_of``: what ran, and the findings that were not closed."""

    as_of = serializers.DateTimeField()
    model = ModelShown()
    running = RunningShown(many=True)
    findings = FindingShown(many=True)
    people = PersonNamed(many=True)


class ModelInForce(Resource):
    """What of a model is or was in force."""

    scopes = {"GET": "inventory:read"}
    roles = {"GET": EVERYBODY}
    parameters = frozenset({then.AS_OF})

    @described("Read what of a model is in force", answers={200: InForceShown}, query=("as_of",))
    def get(self, request: Request, model: str) -> Response:
        """Return what ran at ``as_of``, of which bytes and data, validated how, and let by whom; without it, now."""
        slug = model_named(request, model).slug
        asked = request.query_params.get(then.AS_OF)
        past = Past(then.moment_of(asked) if asked is not None else database_now())
        with snapshot(past.using):
            found = in_force(past, slug)
            if found is None:
                raise DomainError("unknown-model", _("The model was not registered yet."), kind="not-found")
            return Response(_shown(past, found))


def _shown(past: Past, found: InForce) -> Mapping[str, Any]:
    return {
        "as_of": serializers.DateTimeField().to_representation(past.instant),
        "model": ModelShown(found.model).data,
        "running": [RunningShown(one).data for one in found.running],
        "findings": [FindingShown(one).data for one in found.findings],
        "people": then.people_of(past),
    }
