"""How does a machine or a newcomer prove who they are? Hashed tokens, one-time links, and calls already answered."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import User
from registry.models.identity import new_id


class ApiCredential(LedgerSubject):
    """A token of a service account: stored as a SHA-256, scoped, expiring, shown once when it is made."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(User, on_delete=models.PROTECT, related_name="credentials")
    name = models.CharField(_("name"), max_length=120)
    prefix = models.CharField(_("begins with"), max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(_("scopes"))
    models_allowed = models.JSONField(_("models"), null=True, blank=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="credentials_made")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    ledger_kind = "credential"
    ledger_exclude = frozenset({"digest", "last_used_at"})

    class Meta:
        verbose_name = _("API credential")
        verbose_name_plural = _("API credentials")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.account}: {self.name}"


class OneTimeLink(LedgerSubject):
    """A link that lets a person in once to set a password; stored as a SHA-256, shown once, expiring."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    ledger_kind = "one_time_link"
    ledger_exclude = frozenset({"digest"})

    class Meta:
        verbose_name = _("one-time link")
        verbose_name_plural = _("one-time links")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"link for {self.person_id}"


class IdempotentCall(models.Model):
    """A write that carried an Idempotency-Key: what was asked, and the answer to repeat. Working data, not a record."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    lease_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="idempotency_key_once_per_account")]

    def __str__(self) -> str:
        return f"{self.key} ({self.status or 'running'})"
