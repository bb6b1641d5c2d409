"""Which random samples of decisions were drawn, from what, by which seed?"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registry.digests import digest_of
from registry.ledger.subject import LedgerSubject
from registry.models import User
from registry.models.identity import new_id


class DecisionSample(LedgerSubject):
    """A sample that anybody can draw again: the population's size and digest, the seed, and what came out. Never changed.

    ``items`` are "kind:id", in the order drawn. ``population_digest`` is the SHA-256 of the sorted lines "kind:id".
    """

    class Kind(models.TextChoices):
        APPROVAL = "approval", _("Approval")
        GATE_DECISION = "gate_decision", _("Gate decision")
        PROMOTION = "promotion", _("Promotion request")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kinds = models.JSONField(_("kinds"))
    begins_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to, not included"))
    seed = models.CharField(_("seed"), max_length=200)
    seed_drawn = models.BooleanField(_("seed drawn by the service"))
    wanted = models.PositiveIntegerField(_("size"))
    population_size = models.PositiveIntegerField(_("population"))
    population_digest = models.CharField(_("digest of the population"), max_length=64)
    items = models.JSONField(_("items"))
    drawn_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="samples_drawn")
    drawn_at = models.DateTimeField(_("drawn"))

    ledger_kind = "decision_sample"
    ledger_exclude = frozenset({"items"})

    class Meta:
        verbose_name = _("sample of decisions")
        verbose_name_plural = _("samples of decisions")
        ordering = ["-drawn_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(begins_at__lt=F("ends_at")), name="sample_of_a_period"),
            models.CheckConstraint(condition=~Q(seed=""), name="sample_has_a_seed"),
        ]

    def __str__(self) -> str:
        return f"{self.drawn_at:%Y-%m-%d %H:%M} {len(self.items)}/{self.population_size}"

    def ledger_state(self) -> dict[str, Any]:
        """Return the row with the digest of its items: there may be more of them than one event can hold."""
        return super().ledger_state() | {"items_digest": digest_of(self.items), "items_count": len(self.items)}
