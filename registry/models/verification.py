"""Which verifications of the ledger did somebody ask for, how far are they, and what did they find?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.digests import digest_of
from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id
from registry.models.people import User


class Verification(LedgerSubject):
    """One verification of the whole ledger, carried out by a worker for whoever asked for it.

    ``kept_checkpoint`` and ``trusted_key`` are what that person brought along; without them the installation's own are
    used, and it vouches for itself. Its events say that it was asked for and how it ended, not which worker has it.
    ``checkpoint`` is the newest one when the verification began.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        CONCLUDED = "concluded", _("Concluded")
        ERROR = "error", _("Ended in error")

    class Verdict(models.TextChoices):
        VERIFIED = "verified", _("Verified")
        FALSE = "false", _("Proven false")
        UNKNOWN = "unknown", _("Could not be verified")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="verifications")
    requested_at = models.DateTimeField(_("asked for"))
    kept_checkpoint = models.TextField(_("checkpoint brought along"), blank=True)
    trusted_key = models.TextField(_("key brought along"), blank=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.QUEUED)
    progress = models.PositiveSmallIntegerField(_("progress in percent"), default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    alive_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    verdict = models.CharField(_("verdict"), max_length=8, choices=Verdict, blank=True)
    size = models.BigIntegerField(_("entries"), null=True, blank=True)
    root = models.CharField(_("root"), max_length=64, blank=True)
    checkpoint = models.TextField(_("checkpoint"), blank=True)
    report = models.JSONField(null=True, blank=True)
    failure = models.JSONField(null=True, blank=True)

    ledger_kind = "verification"
    ledger_exclude = frozenset({"state", "progress", "attempts", "alive_at", "report"})

    class Meta:
        verbose_name = _("verification of the ledger")
        verbose_name_plural = _("verifications of the ledger")
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="concluded") | (~Q(verdict="") & Q(report__isnull=False)),
                name="concluded_verification_has_a_verdict",
            ),
            models.UniqueConstraint(
                fields=["requested_by"],
                condition=Q(state__in=["queued", "running"]),
                name="one_verification_under_way_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requested_at:%Y-%m-%d %H:%M} {self.verdict or self.state}"

    @property
    def is_over(self) -> bool:
        """Whether it has a verdict or has ended without one."""
        return self.state in {self.State.CONCLUDED, self.State.ERROR}

    def ledger_state(self) -> dict[str, Any]:
        """Return the row with the digest of its report: the report may be larger than one event can hold."""
        return super().ledger_state() | {"report_digest": digest_of(self.report) if self.report else ""}
