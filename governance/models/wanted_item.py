"""What did an auditor ask to be given, and what came of it? The request list."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audits.models import Dossier
from registry.ledger.subject import LedgerSubject
from registry.models import Model, ModelVersion, User
from registry.models.identity import new_id


class WantedItem(LedgerSubject):
    """One item of the request list. ``returned_reason`` is that of the last return; the earlier ones are in the events."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ANSWERED = "answered", _("Answered")
        ACCEPTED = "accepted", _("Accepted")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(_("title"), max_length=200)
    text = models.TextField(_("what is wanted"))
    model = models.ForeignKey(Model, null=True, blank=True, on_delete=models.PROTECT, related_name="wanted_items")
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="wanted_items"
    )
    due_on = models.DateField(_("due"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="items_wanted")
    asked_at = models.DateTimeField(_("asked"))
    answer = models.TextField(_("answer"), blank=True)
    answer_dossier = models.ForeignKey(
        Dossier, null=True, blank=True, on_delete=models.PROTECT, related_name="answered_items"
    )
    answer_evidence = models.CharField(_("evidence"), max_length=64, blank=True)
    answered_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="items_answered"
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    returned_reason = models.CharField(_("returned because"), max_length=400, blank=True)
    returns = models.PositiveIntegerField(_("times returned"), default=0)
    closed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="items_closed")
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    ledger_kind = "wanted_item"
    ledger_model_path = "model"

    class Meta:
        verbose_name = _("item of the request list")
        verbose_name_plural = _("items of the request list")
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["answered", "accepted"]) | (~Q(answer="") & Q(answered_by__isnull=False)),
                name="answered_item_has_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "answered"], closed_at__isnull=True)
                | Q(state__in=["accepted", "withdrawn"], closed_at__isnull=False),
                name="item_over_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.title
