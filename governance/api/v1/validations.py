"""What did validation measure? A run with its progress, its results and the measurements behind them."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.actions.comparison import difference_of
from audits.actions.reperformance import WHO_REPERFORMS, reperform_validation
from audits.models import CheckResult, RunStep, ValidationRun
from governance.api.auth import EVERYBODY
from governance.api.resource import Resource
from governance.api.rows import run_called
from governance.api.schema import described
from registry.errors import DomainError

REPERFORMING = frozenset(role.value for role in WHO_REPERFORMS)


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
    """How far a run is, by its steps."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField()


class StepShown(serializers.Serializer[RunStep]):
    """One piece of work of a run; ``seconds`` is how long its last attempt took, once it is over."""

    key = serializers.CharField()
    kind = serializers.ChoiceField(RunStep.Kind.choices)
    state = serializers.ChoiceField(RunStep.State.choices)
    attempts = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    message = serializers.CharField()
    failure = serializers.DictField(allow_null=True)


class AgreementShown(serializers.Serializer[Any]):
    """What came of a re-performance: ``agree`` of the ``of`` measurements, within the relative ``tolerance``."""

    agree = serializers.IntegerField()
    of = serializers.IntegerField()
    tolerance = serializers.FloatField()
    undecided = serializers.CharField()
    difference_sha256 = serializers.CharField()


class ReperformanceShown(serializers.Serializer[ValidationRun]):
    """A re-performance of a run: by whom, when, and what came of it; ``agreement`` is null until it is over."""

    id = serializers.UUIDField()
    requested_by = serializers.CharField(source="requested_by.username")
    requested_at = serializers.DateTimeField()
    state = serializers.ChoiceField(ValidationRun.State.choices)
    concluded_at = serializers.DateTimeField(allow_null=True)
    agreement = AgreementShown(allow_null=True)


class ValidationShown(serializers.Serializer[ValidationRun]):
    """A validation run."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="version.model_id")
    version = serializers.CharField(source="version.version")
    reason = serializers.CharField()
    state = serializers.ChoiceField(ValidationRun.State.choices)
    outcome = serializers.CharField()
    progress = ProgressShown()
    steps = serializers.SerializerMethodField()
    attempts = serializers.IntegerField()
    plan_digest = serializers.CharField()
    evidence_digest = serializers.CharField()
    manifest = serializers.DictField()
    results = ResultShown(many=True)
    failure = serializers.DictField(allow_null=True)
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    concluded_at = serializers.DateTimeField(allow_null=True)
    reperforms = serializers.UUIDField(source="reperforms_id", allow_null=True)
    reperformances = serializers.SerializerMethodField()
    agreement = AgreementShown(allow_null=True)
    difference = serializers.SerializerMethodField()

    @extend_schema_field(StepShown(many=True))
    def get_steps(self, run: ValidationRun) -> Any:
        """Return the steps in their order."""
        return [StepShown(step).data for step in run.steps.all()]

    @extend_schema_field(ReperformanceShown(many=True))
    def get_reperformances(self, run: ValidationRun) -> Any:
        """Return the re-performances of this run, oldest first."""
        rows = run.reperformances.select_related("requested_by").order_by("requested_at", "id")
        return [ReperformanceShown(row).data for row in rows]

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_difference(self, run: ValidationRun) -> dict[str, Any] | None:
        """Return, of a re-performance that is over, the difference measurement by measurement; null when its proof fails."""
        try:
            return difference_of(run)
        except (DomainError, ValueError):
            return None


class ValidationDetail(Resource):
    """One run."""

    scopes = {"GET": "validations:read"}
    roles = {"GET": EVERYBODY}

    @described("Read a validation run", answers={200: ValidationShown})
    def get(self, request: Request, validation: uuid.UUID) -> Response:
        """Return a run with its results in the order of the policy."""
        return Response(ValidationShown(run_called(request, validation)).data)


class ValidationReperformance(Resource):
    """The re-performance of a run."""

    scopes = {"POST": "validations:write"}
    roles = {"POST": REPERFORMING}

    @described("Re-perform a concluded validation run", answers={201: ValidationShown, 200: ValidationShown})
    def post(self, request: Request, validation: uuid.UUID) -> Response:
        """Start a new run on the same frozen plan, or return the one that is under way (200)."""
        run, created = reperform_validation(run_called(request, validation), actor=self.actor)
        return Response(ValidationShown(run).data, status=201 if created else 200)


def _proof(result: CheckResult) -> tuple[dict[str, Any] | None, str]:
    try:
        return result.measurement, ""
    except DomainError as fault:
        return None, fault.code
    except (ValueError, KeyError, TypeError):
        return None, "evidence-unreadable"
