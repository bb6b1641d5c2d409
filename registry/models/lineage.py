"""What came from what, and what feeds what? Typed, directed edges between named things."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.identity import new_id
from registry.models.people import User


class LineageEdge(LedgerSubject):
    """One edge, from ``source`` to ``target``; both are named by kind and key, so an edge outlives a rename."""

    class Relation(models.TextChoices):
        TRAINED_ON = "trained_on", _("was training data of")
        EVALUATED_ON = "evaluated_on", _("was evaluation data of")
        SERIALISED_AS = "serialised_as", _("was serialised as")
        REPLACES = "replaces", _("was replaced by")
        DEPLOYED_AS = "deployed_as", _("was deployed as")
        BUILT_BY = "built_by", _("built")
        READ_BY = "read_by", _("was read by")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source_kind = models.CharField(max_length=24)
    source_key = models.CharField(max_length=200)
    relation = models.CharField(max_length=16, choices=Relation)
    target_kind = models.CharField(max_length=24)
    target_key = models.CharField(max_length=200)
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="lineage_recorded")
    recorded_at = models.DateTimeField()

    ledger_kind = "lineage"

    class Meta:
        verbose_name = _("lineage edge")
        verbose_name_plural = _("lineage edges")
        ordering = ["recorded_at"]
        indexes = [
            models.Index(fields=["source_kind", "source_key"], name="lineage_from"),
            models.Index(fields=["target_kind", "target_key"], name="lineage_to"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source_kind", "source_key", "relation", "target_kind", "target_key"],
                name="lineage_edge_recorded_once",
            ),
            models.CheckConstraint(
                condition=~(
                    models.Q(source_kind=models.F("target_kind")) & models.Q(source_key=models.F("target_key"))
                ),
                name="nothing_comes_from_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_key} {self.relation} {self.target_key}"
