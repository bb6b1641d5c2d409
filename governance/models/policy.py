"""Which rules hold, for which tiers and environments, since when?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import User
from registry.models.identity import new_id


class PolicyVersion(LedgerSubject):
    """One text of a policy. Immutable once published; published by somebody else than its drafter."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    policy = models.CharField(_("policy"), max_length=80)
    number = models.PositiveIntegerField(_("version"))
    title = models.CharField(_("title"), max_length=200)
    body = models.JSONField(_("rules"))
    digest = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    effective_from = models.DateTimeField(_("effective from"), null=True, blank=True)
    drafted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="policies_drafted")
    drafted_at = models.DateTimeField()
    published_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="policies_published"
    )
    published_at = models.DateTimeField(null=True, blank=True)

    ledger_kind = "policy"
    ledger_exclude = frozenset({"body"})

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        ordering = ["policy", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_numbered_once"),
            models.CheckConstraint(
                condition=Q(published_by__isnull=True) | ~Q(published_by=F("drafted_by")),
                name="policy_published_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state="draft", published_by__isnull=True)
                | Q(state="published", published_by__isnull=False, effective_from__isnull=False),
                name="published_policy_has_a_publisher",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"

    def ledger_key(self) -> str:
        """Return policy and number."""
        return f"{self.policy}/{self.number}"

    @classmethod
    def ledger_lookup(cls, key: str) -> dict[str, Any]:
        """Return the query by policy and number."""
        before, _slash, after = key.partition("/")
        return {"policy": before, "number": after}
