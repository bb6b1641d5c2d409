"""Which issues are open, and how do they end? People close them or accept their risk; machines only read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.actions.findings import accept_finding, close_finding
from audits.models import Finding
from governance.api import past as then
from governance.api.auth import EVERYBODY, models_seen
from governance.api.bodies import Instant, Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import finding_called
from governance.api.schema import described
from registry.ledger.past import Past
from registry.models import Role

RESOLVING = frozenset({Role.RISK_MANAGER, Role.VALIDATOR})


class Closure(Strict):
    """Why an issue is closed."""

    statement = Text()


class Acceptance(Strict):
    """Why a risk is accepted, and until when."""

    statement = Text()
    until = Instant()


class FindingShown(serializers.Serializer[Finding]):
    """An issue."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="model_id")
    version = serializers.CharField(source="version.version", default=None, allow_null=True)
    validation = serializers.UUIDField(source="run_id", allow_null=True)
    kind = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()
    severity = serializers.ChoiceField(Finding.Severity.choices)
    blocking = serializers.BooleanField()
    state = serializers.ChoiceField(Finding.State.choices)
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    due_on = serializers.DateField(allow_null=True)
    opened_by = serializers.CharField(source="opened_by.username")
    opened_at = serializers.DateTimeField()
    resolved_by = serializers.CharField(source="resolved_by.username", default=None, allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField()
    accepted_until = serializers.DateTimeField(allow_null=True)


class FindingList(Resource):
    """All issues."""

    scopes = {"GET": "validations:read"}
    roles = {"GET": EVERYBODY}
    parameters = frozenset({"model", "version", "state"}) | then.PARAMETERS
    ordering = ("-opened_at", "-id")

    @described(
        "List findings",
        answers={200: FindingShown},
        listed=True,
        query=("model", "version", "state", "as_of", "after"),
        operation="findings_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of findings, newest first; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            return self._past(request)
        rows = Finding.objects.select_related("version", "owner", "opened_by", "resolved_by")
        limited = models_seen(request)
        rows = rows if limited is None else rows.filter(model__in=limited)
        if model := request.query_params.get("model"):
            rows = rows.filter(model=model)
        if version := request.query_params.get("version"):
            rows = rows.filter(version__version=version)
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return self.page(rows, lambda page: many(FindingShown, page))

    def _past(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name) for name in ("model", "version", "state")}
        with then.past_of(request) as past:
            rows = past.rows(Finding, where={"model": [asked["model"]]} if asked["model"] else {})
            past.follow(rows, "version")
            limited = models_seen(request)
            rows = [
                row
                for row in rows
                if (limited is None or row.model_id in limited)
                and asked["state"] in (None, "", row.state)
                and (not asked["version"] or (row.version is not None and row.version.version == asked["version"]))
            ]
            page = then.behind(request, then.in_order(rows, *self.ordering))
            return then.listed(request, past, page, lambda page: findings_then(past, page))


class FindingClosure(Resource):
    """The closing of an issue."""

    roles = {"POST": RESOLVING}

    @described("Close a finding", body=Closure, answers={200: FindingShown})
    def post(self, request: Request, finding: uuid.UUID) -> Response:
        """Close an issue with a statement."""
        row = finding_called(request, finding)
        return Response(_shown(close_finding(row, actor=self.actor, **self.body(Closure))))


class FindingAcceptance(Resource):
    """The acceptance of an issue's risk."""

    roles = {"POST": RESOLVING}

    @described("Accept the risk of a finding", body=Acceptance, answers={200: FindingShown})
    def post(self, request: Request, finding: uuid.UUID) -> Response:
        """Accept the risk of an issue until a date."""
        row = finding_called(request, finding)
        return Response(_shown(accept_finding(row, actor=self.actor, **self.body(Acceptance))))


def findings_then(past: Past, rows: list[Finding]) -> list[Mapping[str, Any]]:
    """Return findings as they were."""
    past.follow(rows, "version", "owner", "opened_by", "resolved_by")
    return [_shown(row) for row in rows]


def _shown(finding: Finding) -> Mapping[str, Any]:
    return FindingShown(finding).data
