"""What did validation measure? A run with its progress, its results and the measurements behind them."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.models import CheckResult, ValidationRun
from governance.api.auth import EVERYBODY
from governance.api.resource import Resource
from governance.api.rows import run_called
from governance.api.schema import described
from registry.errors import DomainError


class ResultShown(serializers.Serializer[CheckResult]):
    """A measurement judged against a requirement. ``evidence_fault`` says so when the stored proof does not stand."""

    key = serializers.CharField(source="requirement_key")
    check = serializers.CharField(source="check_slug")
    severity = serializers.CharField()
    status = serializers.ChoiceField(CheckResult.Status.choices)
    observed = serializers.CharField()
    required = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    reason = serializers.CharField()
    mend = serializers.CharField()
    evidence_sha256 = serializers.CharField()
    measurement = serializers.SerializerMethodField()
    evidence_fault = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_measurement(self, result: CheckResult) -> dict[str, Any] | None:
        """Return the measurement, re-hashed on reading; None when nothing was measured."""
        return _proof(result)[0]

    @extend_schema_field(serializers.CharField())
    def get_evidence_fault(self, result: CheckResult) -> str:
        """Return why the stored proof cannot be shown; empty when it can."""
        return _proof(result)[1]


class ProgressShown(serializers.Serializer[Any]):
    """How far a run is."""

    done = serializers.IntegerField(source="progress_done")
    total = serializers.IntegerField(source="progress_total")
    message = serializers.CharField(source="progress_message")


class ValidationShown(serializers.Serializer[ValidationRun]):
    """A validation run."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="version.model_id")
    version = serializers.CharField(source="version.version")
    reason = serializers.CharField()
    state = serializers.ChoiceField(ValidationRun.State.choices)
    outcome = serializers.CharField()
    progress = ProgressShown(source="*")
    attempts = serializers.IntegerField()
    plan_digest = serializers.CharField()
    evidence_digest = serializers.CharField()
    manifest = serializers.DictField()
    results = ResultShown(many=True)
    failure = serializers.DictField(allow_null=True)
    requested_at = serializers.DateTimeField()
    concluded_at = serializers.DateTimeField(allow_null=True)


class ValidationDetail(Resource):
    """One run."""

    scopes = {"GET": "validations:read"}
    roles = {"GET": EVERYBODY}

    @described("Read a validation run", answers={200: ValidationShown})
    def get(self, request: Request, validation: uuid.UUID) -> Response:
        """Return a run with its results in the order of the policy."""
        return Response(ValidationShown(run_called(request, validation)).data)


def _proof(result: CheckResult) -> tuple[dict[str, Any] | None, str]:
    try:
        return result.measurement, ""
    except DomainError as fault:
        return None, fault.code
    except (ValueError, KeyError, TypeError):
        return None, "evidence-unreadable"
