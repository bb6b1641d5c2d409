"""Which decisions can be looked at as plain records? Read-only windows; people decide on the console's own pages."""

from __future__ import annotations

from django.contrib import admin

from governance.models import (
    ApiCredential,
    Approval,
    DecisionSample,
    GateDecision,
    OneTimeLink,
    PolicyVersion,
    PromotionRequest,
    TierAssessment,
    WantedItem,
)
from registry.admin import WHO_SEES_PEOPLE, ReadOnlyAdmin


@admin.register(TierAssessment)
class TierAssessmentAdmin(ReadOnlyAdmin[TierAssessment]):
    """Risk tiers and how they came about."""

    list_display = ("model", "tier", "rule_version", "assessed_by", "assessed_at")
    list_filter = ("tier",)
    list_select_related = ("model", "assessed_by")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin[PolicyVersion]):
    """Texts of policies."""

    list_display = ("policy", "number", "title", "state", "effective_from", "drafted_by", "published_by")
    list_filter = ("state",)
    list_select_related = ("drafted_by", "published_by")


@admin.register(PromotionRequest)
class PromotionRequestAdmin(ReadOnlyAdmin[PromotionRequest]):
    """Questions whether a version may go to an environment."""

    list_display = ("version", "environment", "tier", "state", "requested_by", "requested_at", "closed_at")
    list_filter = ("state", "environment")
    list_select_related = ("version", "environment", "requested_by")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin[Approval]):
    """Decisions of people."""

    list_display = ("request", "approver", "decision", "role", "decided_at", "expires_at", "withdrawn_at")
    list_filter = ("decision", "role")
    list_select_related = ("request__version", "approver")


@admin.register(GateDecision)
class GateDecisionAdmin(ReadOnlyAdmin[GateDecision]):
    """Answers of the gate."""

    list_display = (
        "decided_at",
        "outcome",
        "version",
        "environment_slug",
        "artifact_sha256",
        "asked_by",
        "valid_until",
    )
    list_filter = ("outcome", "environment_slug")
    list_select_related = ("version", "asked_by")
    search_fields = ("artifact_sha256", "nonce")


@admin.register(ApiCredential)
class ApiCredentialAdmin(ReadOnlyAdmin[ApiCredential]):
    """Tokens of service accounts, without the digest that recognises them."""

    roles = WHO_SEES_PEOPLE
    list_display = ("account", "name", "prefix", "made_by", "made_at", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("account", "made_by")
    exclude = ("digest",)


@admin.register(OneTimeLink)
class OneTimeLinkAdmin(ReadOnlyAdmin[OneTimeLink]):
    """One-time links, without the digest that recognises them."""

    roles = WHO_SEES_PEOPLE
    list_display = ("person", "made_at", "expires_at", "used_at")
    list_select_related = ("person",)
    exclude = ("digest",)


@admin.register(DecisionSample)
class DecisionSampleAdmin(ReadOnlyAdmin[DecisionSample]):
    """Random samples of decisions."""

    list_display = ("drawn_at", "begins_at", "ends_at", "wanted", "population_size", "seed", "drawn_by")
    list_select_related = ("drawn_by",)


@admin.register(WantedItem)
class WantedItemAdmin(ReadOnlyAdmin[WantedItem]):
    """What auditors asked to be given."""

    list_display = ("title", "state", "due_on", "model", "version", "asked_by", "answered_by")
    list_filter = ("state",)
    list_select_related = ("model", "version", "asked_by", "answered_by")
