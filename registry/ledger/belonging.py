"""Which models does a subject concern? Told by the ledger, which knows it also when the row is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from registry.ledger.replay import last_event
from registry.ledger.subject import LedgerSubject, subject_models


def models_of(kind: str, key: str) -> list[str]:
    """Return the slugs of the models that a subject belongs to by the ledger or by its row, where the two differ."""
    model = subject_models().get(kind)
    if model is None:
        return []
    states: list[Mapping[str, Any]] = []
    event = last_event(kind, key)
    if event is not None:
        states.append(event.state)
    row = model.ledger_rows("default").filter(**model.ledger_lookup(key)).first()
    if row is not None:
        states.append(row.ledger_state())
    if kind == "divergence":
        return sorted({slug for state in states for slug in state["concerns"]})
    return sorted(set(_slugs(model, key, states)))


def _slugs(model: type[LedgerSubject], key: str, states: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    first, _separator, rest = model.ledger_model_path.partition("__")
    if first == "pk":
        yield key
    elif first:
        for state in states:
            value = state.get(first)
            if isinstance(value, str):
                related: Any = model._meta.get_field(first).related_model
                yield from models_of(related.ledger_kind, value) if rest else [value]
