"""In which tables is the ledger kept? Events, pending ones, leaves, nodes, checkpoints and receipts; insert-only."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from registry.errors import DomainError

__all__ = ["LedgerAnchor", "LedgerCheckpoint", "LedgerEvent", "LedgerLeaf", "LedgerNode", "LedgerPending"]


def _refuse(what: str) -> NoReturn:
    raise DomainError("ledger-append-only", f"The ledger is append-only: {what} is refused.", kind="forbidden")


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Rows that can be read and inserted; a friendlier wall in front of the triggers."""

    def update(self, **kwargs: Any) -> int:
        """Refuse."""
        _refuse("a change")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse."""
        _refuse("a deletion")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        """Refuse."""
        _refuse("a change")


class AppendOnly(models.Model):
    """A row that is written once."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row; a second save is refused."""
        if not self._state.adding:
            _refuse("a change")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse."""
        _refuse("a deletion")


class LedgerEvent(AppendOnly):
    """One act: the exact bytes that are hashed, and beside them columns to search by, which ``verify`` re-derives."""

    id = models.UUIDField(primary_key=True, editable=False)
    body = models.BinaryField()
    action = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=64)
    subject_key = models.CharField(max_length=255)
    subject_seq = models.PositiveBigIntegerField()
    actor_id = models.CharField(max_length=64)
    instant = models.DateTimeField()

    class Meta:
        app_label = "registry"
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_key", "subject_seq"], name="registry_event_once_per_seq"
            )
        ]
        indexes = [
            models.Index(fields=["instant"], name="registry_event_instant"),
            models.Index(fields=["actor_id", "instant"], name="registry_event_actor"),
            models.Index(fields=["action", "instant"], name="registry_event_action"),
            # the newest event of each subject up to an instant, without a sort and without looking at later ones
            models.Index(
                fields=["subject_kind", "subject_key", "-subject_seq", "instant", "id"], name="registry_event_as_of"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on {self.subject_kind} {self.subject_key} ({self.subject_seq})"


class LedgerPending(models.Model):
    """An event that is committed and has no place in the tree yet; deletable once its leaf exists."""

    event_id = models.UUIDField(primary_key=True, editable=False)
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        app_label = "registry"

    def __str__(self) -> str:
        return str(self.event_id)


class LedgerLeaf(AppendOnly):
    """The place of an event in the tree, counted from 0."""

    index = models.PositiveBigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        app_label = "registry"

    def __str__(self) -> str:
        return f"leaf {self.index}"


class LedgerNode(AppendOnly):
    """The hash over 256**k leaves that are complete (level 8, 16, ...), so that a proof reads a few hundred rows."""

    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    node_hash = models.BinaryField(max_length=32)

    class Meta:
        app_label = "registry"
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="registry_node_once")]

    def __str__(self) -> str:
        return f"node {self.level}/{self.index}"


class LedgerCheckpoint(AppendOnly):
    """A signed statement of the tree's size and root; ``compact_range`` lets the next batch go on from here."""

    size = models.PositiveBigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    compact_range = models.BinaryField()
    note = models.TextField()
    instant = models.DateTimeField()

    class Meta:
        app_label = "registry"

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class LedgerAnchor(AppendOnly):
    """The receipt of an anchor for a checkpoint; ``reference`` names the dossier where the anchor is one."""

    size = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=16)
    reference = models.CharField(max_length=64, blank=True)
    note = models.TextField()
    receipt = models.JSONField()
    instant = models.DateTimeField()

    class Meta:
        app_label = "registry"
        constraints = [
            models.UniqueConstraint(fields=["kind", "size", "reference"], name="registry_anchor_once_per_size")
        ]

    def __str__(self) -> str:
        return f"{self.kind} anchor over {self.size}"
