"""How is a row made again what the ledger says? Only its governed fields, and only where the ledger holds them whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.db.models import ProtectedError

from registry.errors import DomainError
from registry.ledger.replay import last_event, row_differences
from registry.ledger.subject import LedgerSubject, subject_models


def restore_row(kind: str, key: str) -> list[str]:
    """Write, insert or delete the row of a subject as its newest event says, and return the fields written.

    Raises ``divergence-not-restorable`` where the ledger does not hold what the row needs, or the database refuses; the
    row then stays as it was.
    """
    model = subject_models().get(kind)
    if model is None:
        raise _refusal(kind, key, "no table of this installation holds it")
    event = last_event(kind, key)
    try:
        with transaction.atomic():
            row = model.ledger_rows("default").filter(**model.ledger_lookup(key)).first()
            written = _put(model, row, event.state if event else None)
            left = row_differences(kind, key)
            if left:
                names = ", ".join(sorted({one.field or "the row" for one in left}))
                raise _refusal(kind, key, f"the ledger does not hold all of it ({names})")
    except (DatabaseError, ProtectedError, ValidationError) as error:
        raise _refusal(kind, key, f"the database refuses it ({type(error).__name__})") from error
    return written


def _put(model: type[LedgerSubject], row: LedgerSubject | None, state: Mapping[str, Any] | None) -> list[str]:
    if state is None:
        if row is not None:
            model._base_manager.filter(pk=row.pk).delete()
        return []
    values = {
        field.attname: _value(field, state[field.name])
        for field in model._meta.concrete_fields
        if field.name in state and (row is None or row.ledger_state()[field.name] != state[field.name])
    }
    if row is None:
        needed = [field.name for field in model._meta.concrete_fields if field.name in model.ledger_exclude]
        if needed:
            message = (
                f"The ledger does not hold {', '.join(sorted(needed))}, without which the row cannot be made again."
            )
            raise DomainError("divergence-not-restorable", message, kind="conflict")
        model(**values).save(force_insert=True)
    elif values:
        model._base_manager.filter(pk=row.pk).update(**values)
    return sorted(values)


def _value(field: models.Field[Any, Any], recorded: Any) -> Any:
    """Return the value of a column from its recorded form."""
    if recorded is None:
        return None
    if isinstance(field, models.ForeignKey):
        related: Any = field.related_model
        if issubclass(related, LedgerSubject):
            found = related._base_manager.filter(**related.ledger_lookup(recorded)).values_list("pk", flat=True).first()
            if found is None:
                message = f"The row needs another that is not there either: {related.ledger_kind} {recorded}."
                raise DomainError("divergence-not-restorable", message, kind="conflict")
            return found
    if isinstance(field, models.JSONField):
        if _may_have_been_a_number(recorded):
            message = (
                f"The ledger writes the fractions in {field.name} as text, so the value cannot be put back exactly."
            )
            raise DomainError("divergence-not-restorable", message, kind="conflict")
        return recorded
    return field.to_python(recorded)


def _may_have_been_a_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_may_have_been_a_number, value.values()))
    if isinstance(value, list):
        return any(map(_may_have_been_a_number, value))
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _refusal(kind: str, key: str, why: str) -> DomainError:
    message = f"The row of {kind} {key} cannot be put back: {why}. Restore it from a backup, or record an explanation."
    return DomainError("divergence-not-restorable", message, kind="conflict", subject_kind=kind, subject_key=key)
