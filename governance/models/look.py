"""What did an auditor look at or take along, and when?"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models import User
from registry.models.identity import new_id


class Look(LedgerSubject):
    """That an auditor read one address within one hour, or took something along from it. Never changed.

    ``address`` is the path, with the few parameters that are numbers, instants or ids: no search word, so no name of a
    person. ``hour`` is the beginning of the hour.
    """

    class Kind(models.TextChoices):
        VIEW = "view", _("Viewed")
        DOWNLOAD = "download", _("Downloaded")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="looks")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    address = models.CharField(_("address"), max_length=500)
    hour = models.DateTimeField(_("hour"))
    looked_at = models.DateTimeField(_("when"))

    ledger_kind = "look"

    class Meta:
        verbose_name = _("look of an auditor")
        verbose_name_plural = _("looks of auditors")
        ordering = ["-looked_at", "-id"]
        indexes = [
            models.Index(fields=["-looked_at", "-id"], name="newest_looks"),
            models.Index(fields=["person", "-looked_at"], name="newest_looks_of_a_person"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "address", "hour"], condition=Q(kind="view"), name="viewed_once_an_hour"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.looked_at:%Y-%m-%d %H:%M} {self.kind} {self.address}"
