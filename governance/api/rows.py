"""Which row does a name in an address or a body mean? Unknown names are 404, and tokens see their own models only."""

from __future__ import annotations

import uuid

from django.utils.translation import gettext as _
from rest_framework.request import Request

from audits.models import Dossier, Finding, ValidationRun
from governance.api.auth import require_model
from governance.models import Approval, GateDecision, PromotionRequest
from registry import texts
from registry.errors import DomainError
from registry.models import Dataset, Deployment, Environment, Model, ModelVersion


def model_named(request: Request, slug: str) -> Model:
    """Return a model; raises ``unknown-model`` or ``token-not-for-this-model``."""
    if not texts.SLUG.match(slug):
        raise _unknown("unknown-model", _("There is no model of that name."))
    require_model(request, slug)
    found = Model.objects.select_related("owner", "registered_by").filter(pk=slug).first()
    if found is None:
        raise _unknown("unknown-model", _("There is no model %s.") % slug)
    return found


def version_named(request: Request, model: str, version: str) -> ModelVersion:
    """Return a version of a model; raises ``unknown-model`` or ``unknown-version``."""
    owner = model_named(request, model)
    found = None
    if texts.VERSION.match(version):
        related = ("model__owner", "registered_by", "predecessor")
        found = ModelVersion.objects.select_related(*related).filter(model=owner, version=version).first()
    if found is None:
        raise _unknown("unknown-version", _("There is no such version of %s.") % model)
    return found


def dataset_named(slug: str) -> Dataset:
    """Return a dataset; raises ``unknown-dataset``."""
    found = Dataset.objects.filter(pk=slug).first() if texts.SLUG.match(slug) else None
    if found is None:
        raise _unknown("unknown-dataset", _("There is no dataset of that name."))
    return found


def environment_named(slug: str) -> Environment:
    """Return an environment; raises ``unknown-environment``."""
    found = Environment.objects.filter(pk=slug).first() if texts.SLUG.match(slug) else None
    if found is None:
        raise _unknown("unknown-environment", _("There is no environment of that name."))
    return found


def promotion_called(request: Request, pk: uuid.UUID) -> PromotionRequest:
    """Return a promotion request; raises ``unknown-promotion``."""
    related = ("model__owner", "version__model", "environment", "policy", "run", "requested_by", "requested_for")
    found = PromotionRequest.objects.select_related(*related).filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-promotion", _("There is no such promotion request."))
    require_model(request, found.model_id)
    return found


def approval_called(request: Request, pk: uuid.UUID) -> Approval:
    """Return an approval; raises ``unknown-approval``."""
    found = Approval.objects.select_related("request__version", "approver").filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-approval", _("There is no such approval."))
    require_model(request, found.request.model_id)
    return found


def run_called(request: Request, pk: uuid.UUID) -> ValidationRun:
    """Return a validation run; raises ``unknown-validation``."""
    # asked again and again while a run lasts; the plan may be large and is not shown
    found = ValidationRun.objects.select_related("version").defer("plan").with_steps().filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-validation", _("There is no such validation run."))
    require_model(request, found.version.model_id)
    return found


def decision_called(request: Request, pk: uuid.UUID) -> GateDecision:
    """Return a gate decision; raises ``unknown-decision``. One about unknown bytes belongs to no model."""
    found = GateDecision.objects.select_related("version", "policy", "asked_by").filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-decision", _("There is no such gate decision."))
    if found.version is not None or found.asked_by_id != getattr(request.user, "pk", None):
        require_model(request, found.version.model_id if found.version else None)
    return found


def deployment_called(request: Request, pk: uuid.UUID) -> Deployment:
    """Return a deployment; raises ``unknown-deployment``."""
    found = Deployment.objects.select_related("version__model", "environment", "reported_by").filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-deployment", _("There is no such deployment."))
    require_model(request, found.version.model_id)
    return found


def finding_called(request: Request, pk: uuid.UUID) -> Finding:
    """Return a finding; raises ``unknown-finding``."""
    found = (
        Finding.objects.select_related("model", "version", "owner", "opened_by", "resolved_by").filter(pk=pk).first()
    )
    if found is None:
        raise _unknown("unknown-finding", _("There is no such finding."))
    require_model(request, found.model_id)
    return found


def dossier_called(request: Request, pk: uuid.UUID) -> Dossier:
    """Return a dossier; raises ``unknown-dossier``."""
    found = Dossier.objects.select_related("version", "requested_by").filter(pk=pk).first()
    if found is None:
        raise _unknown("unknown-dossier", _("There is no such dossier."))
    require_model(request, found.version.model_id if found.version else None)
    return found


def _unknown(code: str, message: str) -> DomainError:
    return DomainError(code, message, kind="not-found")
