"""Which facts can be looked at as plain records? Read-only windows: nothing is added, changed or deleted in a row."""

from __future__ import annotations

import json
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model as Row
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from registry.ledger.models import LedgerCheckpoint, LedgerEvent
from registry.ledger.subject import LedgerSubject
from registry.models import (
    Artifact,
    Contribution,
    Dataset,
    DatasetVersion,
    Deployment,
    Environment,
    LineageEdge,
    Model,
    ModelVersion,
    Role,
    RoleGrant,
    User,
)

R = TypeVar("R", bound=Row)
MOST_EVENTS = 200
WHO_SEES_PEOPLE = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})


class ReadOnlyAdmin(admin.ModelAdmin[R]):
    """A window on one table. ``roles`` narrows who may look through it; no action, bulk or single, exists."""

    roles: ClassVar[frozenset[str] | None] = None
    actions = None
    list_per_page = 50
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow only the filters that are shown: a list narrowed by a hidden column would tell that column."""
        shown = {one for one in self.list_filter if isinstance(one, str)}
        return lookup.split("__", 1)[0] in shown and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Refuse: rows come in through actions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: R | None = None) -> bool:
        """Refuse: rows change through actions."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: R | None = None) -> bool:
        """Refuse: nothing is deleted."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: R | None = None) -> bool:
        """Allow whoever may open the console, or whom ``roles`` names."""
        if not isinstance(request.user, User) or not request.user.is_staff:
            return False
        return self.roles is None or request.user.holds(*self.roles)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List the window to whoever may look through it."""
        return self.has_view_permission(request)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the ledger says of a row, newest first."""
        found = self.get_object(request, object_id)
        if found is None or not self.has_view_permission(request, found):
            raise PermissionDenied
        events = LedgerEvent.objects.none()
        if isinstance(found, LedgerSubject):
            events = LedgerEvent.objects.filter(
                subject_kind=found.ledger_kind, subject_key=found.ledger_key()
            ).order_by("-subject_seq")
        context = {
            **self.admin_site.each_context(request),
            "title": str(found),
            "object": found,
            "opts": self.opts,
            "events": events[:MOST_EVENTS],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/object_history.html", context)


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin[Model]):
    """The inventory."""

    list_display = ("slug", "name", "kind", "origin", "owner", "affects_people", "registered_at")
    list_filter = ("kind", "origin", "affects_people")
    list_select_related = ("owner",)
    search_fields = ("slug", "name")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin[ModelVersion]):
    """Versions and where they stand."""

    list_display = ("__str__", "stage", "registered_by", "registered_at")
    list_filter = ("stage",)
    list_select_related = ("registered_by",)
    search_fields = ("version", "model__slug", "manifest_digest")


@admin.register(Contribution)
class ContributionAdmin(ReadOnlyAdmin[Contribution]):
    """Who had a hand in which version."""

    list_display = ("version", "person", "kind", "recorded_at")
    list_filter = ("kind",)
    list_select_related = ("version", "person")


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin[Artifact]):
    """Bytes by digest."""

    list_display = ("sha256", "size", "uploaded_by", "uploaded_at")
    list_select_related = ("uploaded_by",)
    search_fields = ("sha256",)


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin[Dataset]):
    """Datasets."""

    list_display = ("slug", "name", "registered_by", "registered_at")
    list_select_related = ("registered_by",)
    search_fields = ("slug", "name")


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin[DatasetVersion]):
    """Snapshots of datasets."""

    list_display = ("__str__", "split", "format", "row_count", "registered_at")
    list_filter = ("split", "format")
    search_fields = ("dataset__slug", "version", "digest")


@admin.register(LineageEdge)
class LineageEdgeAdmin(ReadOnlyAdmin[LineageEdge]):
    """What came from what."""

    list_display = ("source_kind", "source_key", "relation", "target_kind", "target_key", "recorded_at")
    list_filter = ("relation",)
    search_fields = ("source_key", "target_key")


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin[Environment]):
    """Places to run."""

    list_display = ("slug", "name", "gated")


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin[Deployment]):
    """What runs and ran where."""

    list_display = ("version", "environment", "gated", "started_at", "ended_at", "reported_by")
    list_filter = ("environment", "gated")
    list_select_related = ("version", "environment", "reported_by")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin[User]):
    """People and service accounts; for those who look after or audit them."""

    roles = WHO_SEES_PEOPLE
    list_display = ("username", "display_name", "kind", "responsible", "is_active", "ends_at", "created_at")
    list_filter = ("kind", "is_active")
    list_select_related = ("responsible",)
    search_fields = ("username", "display_name")
    fields = (
        "username",
        "display_name",
        "email",
        "kind",
        "responsible",
        "is_active",
        "outside",
        "ends_at",
        "created_at",
        "last_login",
    )


@admin.register(RoleGrant)
class RoleGrantAdmin(ReadOnlyAdmin[RoleGrant]):
    """Who holds and held which role."""

    roles = WHO_SEES_PEOPLE
    list_display = ("person", "role", "granted_by", "granted_at", "ended_at", "ended_by")
    list_filter = ("role",)
    list_select_related = ("person", "granted_by", "ended_by")


@admin.register(LedgerEvent)
class LedgerEventAdmin(ReadOnlyAdmin[LedgerEvent]):
    """The ledger, event by event."""

    roles = frozenset({Role.AUDITOR, Role.RISK_MANAGER, Role.ADMINISTRATOR})
    list_display = ("instant", "action", "subject_kind", "subject_key", "subject_seq", "actor_id")
    list_filter = ("subject_kind",)
    search_fields = ("subject_key", "action", "actor_id")
    ordering = ("-instant", "-id")
    fields = ("id", "instant", "action", "subject_kind", "subject_key", "subject_seq", "actor_id", "canonical")
    readonly_fields = ("canonical",)

    @admin.display(description=_("exact content"))
    def canonical(self, row: LedgerEvent) -> str:
        """Return the event's JSON, indented for reading."""
        return json.dumps(json.loads(bytes(row.body)), indent=2, sort_keys=True, ensure_ascii=True)


@admin.register(LedgerCheckpoint)
class LedgerCheckpointAdmin(ReadOnlyAdmin[LedgerCheckpoint]):
    """Signed statements of the ledger's size and root."""

    list_display = ("size", "instant")
    fields = ("size", "instant", "note")
