"""Which evidence can be looked at as plain records? Read-only windows on runs, results, findings and dossiers."""

from __future__ import annotations

from django.contrib import admin

from audits.models import CheckResult, Dossier, Evidence, Finding, RunAttempt, RunStep, ValidationRun
from registry.admin import ReadOnlyAdmin


@admin.register(ValidationRun)
class ValidationRunAdmin(ReadOnlyAdmin[ValidationRun]):
    """Validation runs."""

    list_display = ("version", "reason", "state", "outcome", "requested_by", "requested_at", "concluded_at")
    list_filter = ("state", "outcome", "reason")
    list_select_related = ("version", "requested_by")
    search_fields = ("version__version", "version__model__slug", "evidence_digest")


@admin.register(RunStep)
class RunStepAdmin(ReadOnlyAdmin[RunStep]):
    """The pieces of work of runs."""

    list_display = ("run", "position", "key", "kind", "state", "attempts", "started_at", "ended_at")
    list_filter = ("state", "kind")
    list_select_related = ("run__version",)


@admin.register(RunAttempt)
class RunAttemptAdmin(ReadOnlyAdmin[RunAttempt]):
    """Which worker tried which step of which run."""

    list_display = ("run", "step", "number", "worker", "started_at", "ended_at", "ending")
    list_select_related = ("run__version", "step")


@admin.register(CheckResult)
class CheckResultAdmin(ReadOnlyAdmin[CheckResult]):
    """What each requirement came to."""

    list_display = ("run", "requirement_key", "check_slug", "severity", "status", "observed", "required")
    list_filter = ("status", "severity", "check_slug")
    list_select_related = ("run__version",)


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin[Evidence]):
    """Stored proof by digest."""

    list_display = ("sha256", "kind", "media_type", "size", "stored_at")
    list_filter = ("kind",)
    search_fields = ("sha256",)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin[Finding]):
    """Issues and how they ended."""

    list_display = ("title", "model", "version", "severity", "blocking", "state", "owner", "opened_at")
    list_filter = ("state", "severity", "blocking", "kind")
    list_select_related = ("model", "version", "owner")
    search_fields = ("title", "model__slug")


@admin.register(Dossier)
class DossierAdmin(ReadOnlyAdmin[Dossier]):
    """Audit PDFs."""

    list_display = ("version", "state", "as_of", "requested_by", "issued_at")
    list_filter = ("state",)
    list_select_related = ("version", "requested_by")
