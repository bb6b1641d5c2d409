"""May exactly these bytes go to that place? The gate's answers, with reasons or with an attestation."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.gates import decide_gate
from governance.api.auth import EVERYBODY, WORKING, require_model
from governance.api.bodies import Strict, Text
from governance.api.resource import Resource
from governance.api.rows import decision_called
from governance.api.schema import described
from governance.models import GateDecision
from registry.models import VersionArtifact


class GateQuestion(Strict):
    """The question; the nonce is the caller's and makes the answer fresh."""

    artifact_sha256 = Text()
    environment = Text()
    nonce = Text()


class ReasonShown(serializers.Serializer[Any]):
    """Why the answer is no, and how to mend it."""

    control = serializers.CharField()
    clause = serializers.CharField()
    text = serializers.CharField()
    observed = serializers.CharField()
    required = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    mend = serializers.CharField()
    item = serializers.CharField()


class DecisionShown(serializers.Serializer[GateDecision]):
    """A recorded answer. Only ``allow`` carries an attestation, and only until ``valid_until``."""

    id = serializers.UUIDField()
    decision = serializers.ChoiceField(GateDecision.Outcome.choices, source="outcome")
    reasons = ReasonShown(many=True)
    artifact_sha256 = serializers.CharField()
    environment = serializers.CharField(source="environment_slug")
    nonce = serializers.CharField()
    model = serializers.CharField(source="version.model_id", default=None, allow_null=True)
    version = serializers.CharField(source="version.version", default=None, allow_null=True)
    promotion = serializers.UUIDField(source="request_id", allow_null=True)
    policy = serializers.CharField(source="policy.ledger_key", default=None, allow_null=True)
    facts_digest = serializers.CharField()
    asked_by = serializers.CharField(source="asked_by.username")
    decided_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    attestation = serializers.DictField(allow_null=True)


class GateDecisions(Resource):
    """Where the gate is asked. An answer is never repeated: what was allowed a minute ago may be denied now."""

    always_open = True
    scopes = {"POST": "gate:decide"}
    roles = {"POST": WORKING}
    repeats_answers = False

    @described("Ask the gate", body=GateQuestion, answers={200: DecisionShown})
    def post(self, request: Request) -> Response:
        """Answer and record the answer; a denial is an answer too (200)."""
        values = self.body(GateQuestion)
        holders = VersionArtifact.objects.filter(artifact_id=values["artifact_sha256"])
        for model in sorted(set(holders.values_list("version__model_id", flat=True))):
            require_model(request, model)
        return Response(DecisionShown(decide_gate(actor=self.actor, **values)).data)


class GateDecisionDetail(Resource):
    """One answer."""

    scopes = {"GET": "gate:decide"}
    roles = {"GET": EVERYBODY}

    @described("Read a gate decision", answers={200: DecisionShown})
    def get(self, request: Request, decision: uuid.UUID) -> Response:
        """Return a recorded answer."""
        return Response(DecisionShown(decision_called(request, decision)).data)
