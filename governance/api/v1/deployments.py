"""What really runs where? Reported facts are never refused, and one that no gate allowed opens a finding."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.deployments import report_deployment
from governance.api import past as then
from governance.api.auth import EVERYBODY, models_seen
from governance.api.bodies import Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import deployment_called, environment_named, version_named
from governance.api.schema import described
from registry.actions.deployments import end_deployment
from registry.ledger.past import Past
from registry.models import Deployment, Role

REPORTING = frozenset({Role.DEVELOPER, Role.OWNER, Role.RISK_MANAGER})


class DeploymentReport(Strict):
    """What was deployed, where, and by which gate decision."""

    model = Text()
    version = Text()
    environment = Text()
    artifact_sha256 = Text()
    decision = serializers.UUIDField(required=False, allow_null=True)


class Empty(Strict):
    """A body without fields."""


class DeploymentShown(serializers.Serializer[Deployment]):
    """A deployment."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="version.model_id")
    version = serializers.CharField(source="version.version")
    environment = serializers.CharField(source="environment_id")
    artifact_sha256 = serializers.CharField()
    decision = serializers.UUIDField(source="gate_decision", allow_null=True)
    gated = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reported_by = serializers.CharField(source="reported_by.username")


class DeploymentReported(DeploymentShown):
    """A deployment just reported; ``finding`` is the issue it opened, if any."""

    finding = serializers.UUIDField(allow_null=True)


class DeploymentList(Resource):
    """What runs or ran."""

    scopes = {"GET": "inventory:read", "POST": "deployments:write"}
    roles = {"GET": EVERYBODY, "POST": REPORTING}
    parameters = frozenset({"model", "environment"}) | then.PARAMETERS
    ordering = ("-started_at", "-id")

    @described(
        "List deployments",
        answers={200: DeploymentShown},
        listed=True,
        query=("model", "environment", "as_of", "after"),
        operation="deployments_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of deployments, newest first; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            return self._past(request)
        rows = Deployment.objects.select_related("version", "reported_by")
        limited = models_seen(request)
        rows = rows if limited is None else rows.filter(version__model__in=limited)
        if model := request.query_params.get("model"):
            rows = rows.filter(version__model=model)
        if environment := request.query_params.get("environment"):
            rows = rows.filter(environment=environment)
        return self.page(rows, lambda page: many(DeploymentShown, page))

    def _past(self, request: Request) -> Response:
        model, environment = request.query_params.get("model"), request.query_params.get("environment")
        with then.past_of(request) as past:
            rows = past.rows(Deployment, where={"environment": [environment]} if environment else {})
            past.follow(rows, "version")
            limited = models_seen(request)
            rows = [
                row
                for row in rows
                if (limited is None or row.version.model_id in limited) and model in (None, "", row.version.model_id)
            ]
            page = then.behind(request, then.in_order(rows, *self.ordering))
            return then.listed(request, past, page, lambda page: deployments_then(past, page))

    @described(
        "Report a deployment",
        body=DeploymentReport,
        answers={200: DeploymentReported, 201: DeploymentReported},
    )
    def post(self, request: Request) -> Response:
        """Record that a version runs; running already is 200 and the same row."""
        values = self.body(DeploymentReport)
        row, created, finding = report_deployment(
            version_named(request, values["model"], values["version"]),
            environment=environment_named(values["environment"]),
            artifact_sha256=values["artifact_sha256"],
            decision_id=values.get("decision"),
            actor=self.actor,
        )
        answer: dict[str, Any] = dict(DeploymentShown(row).data)
        answer["finding"] = str(finding.pk) if finding else None
        return Response(answer, status=201 if created else 200)


class DeploymentEnd(Resource):
    """The end of a deployment."""

    scopes = {"POST": "deployments:write"}
    roles = {"POST": REPORTING}

    @described("Report the end of a deployment", body=Empty, answers={200: DeploymentShown})
    def post(self, request: Request, deployment: uuid.UUID) -> Response:
        """Record that a version runs no longer; ended already is the same row."""
        self.body(Empty)
        row = end_deployment(deployment_called(request, deployment), actor=self.actor)
        return Response(DeploymentShown(row).data)


def deployments_then(past: Past, rows: list[Deployment]) -> list[Mapping[str, Any]]:
    """Return deployments as they were."""
    past.follow(rows, "version", "reported_by")
    return many(DeploymentShown, rows)
