"""What of a row does the ledger record? The contract of every model whose changes are governed."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import models

from registry.ledger.plain import decimal_text, plain

__all__ = ["LedgerSubject", "decimal_text", "subject_models"]


class LedgerSubject(models.Model):
    """A row whose every change is an event that carries the row's new state in full.

    ``ledger_kind`` is the stable word for the kind in events, ``ledger_exclude`` names the fields that are not governed
    or are personal (names, e-mail addresses, passwords), and ``ledger_related`` further ``select_related`` paths that
    ``ledger_key`` or ``ledger_state`` of the subclass follow. ``ledger_model_path`` is the query path to the model the
    row belongs to, empty where it belongs to none.
    """

    ledger_kind: ClassVar[str]
    ledger_exclude: ClassVar[frozenset[str]] = frozenset()
    ledger_related: ClassVar[tuple[str, ...]] = ()
    ledger_model_path: ClassVar[str] = ""

    class Meta:
        abstract = True

    def ledger_key(self) -> str:
        """Return the key that names this row among its kind for ever: the primary key unless a subclass says more."""
        return str(self.pk)

    @classmethod
    def ledger_lookup(cls, key: str) -> dict[str, Any]:
        """Return the query that finds the row of a ledger key; the inverse of ``ledger_key``."""
        return {"pk": key}

    def ledger_state(self) -> dict[str, Any]:
        """Return the governed state of the row, by field name, in the types of the ledger.

        A foreign key is the related row's ledger key (its primary key when it is no ledger subject).
        """
        state = {}
        for field in self._meta.concrete_fields:
            if field.name in self.ledger_exclude:
                continue
            if isinstance(field, models.ForeignKey):
                state[field.name] = self._related_key(field)
            else:
                state[field.name] = plain(field.value_from_object(self))
        return state

    def _related_key(self, field: models.ForeignKey[Any, Any]) -> str | None:
        value = field.value_from_object(self)
        if value is None:
            return None
        if keyed_by_row(field):
            try:
                related = getattr(self, field.name)
            except ObjectDoesNotExist:
                related = None
            # A row that points to one that somebody deleted: its bare primary key is no key of the ledger, and differs.
            return str(value) if related is None else str(related.ledger_key())
        return str(value)

    @classmethod
    def ledger_rows(cls, using: str) -> models.QuerySet[Self]:
        """Return every row of this kind, with what ``ledger_state`` follows fetched in the same query."""
        followed = [
            field.name
            for field in cls._meta.concrete_fields
            if isinstance(field, models.ForeignKey) and field.name not in cls.ledger_exclude and keyed_by_row(field)
        ]
        rows = cls._base_manager.using(using).all()
        related = [*followed, *cls.ledger_related]
        return rows.select_related(*related) if related else rows


def keyed_by_row(field: models.ForeignKey[Any, Any]) -> bool:
    """Tell whether the key of what ``field`` points to needs the row itself and is not simply its primary key."""
    related = field.related_model
    return (
        isinstance(related, type)
        and issubclass(related, LedgerSubject)
        and related.ledger_key is not LedgerSubject.ledger_key
    )


def subject_models() -> dict[str, type[LedgerSubject]]:
    """Return every installed governed model by its kind; two models of one kind raise ImproperlyConfigured."""
    found: dict[str, type[LedgerSubject]] = {}
    for model in apps.get_models():
        if not issubclass(model, LedgerSubject) or model._meta.proxy:
            continue
        if model.ledger_kind in found:
            raise ImproperlyConfigured(f"Two models call themselves {model.ledger_kind!r} in the ledger.")
        found[model.ledger_kind] = model
    return dict(sorted(found.items()))
