"""Do the tables say what the ledger says, and what did they say at an earlier instant?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import router
from django.db.models import Exists, OuterRef, QuerySet

from registry.ledger.append import LEDGER_KIND
from registry.ledger.event import BodyInvalid, Event, read
from registry.ledger.models import LedgerEvent
from registry.ledger.snapshot import snapshot
from registry.ledger.subject import LedgerSubject, subject_models

ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One field of one subject on which ledger and table disagree; ``field`` is empty when one side has no subject."""

    kind: str
    key: str
    field: str
    ledger_value: Any
    row_value: Any

    def __str__(self) -> str:
        what = f"{self.kind} {self.key}" + (f", {self.field}" if self.field else "")
        return f"{what}: the ledger says {self.ledger_value!r}, the table says {self.row_value!r}"


def differences() -> list[Difference]:
    """Compare the last event of every subject with its row, over every governed model.

    An empty list means that replaying the ledger gives the tables as they are. Rows without an event and events
    without a row are differences.
    """
    using = router.db_for_read(LedgerEvent)
    with snapshot(using):
        kinds = subject_models()
        found = [difference for kind, model in kinds.items() for difference in _of_kind(kind, model, using)]
        strangers = _last_events(using).exclude(subject_kind__in=[*kinds, LEDGER_KIND])
        found.extend(Difference(row.subject_kind, row.subject_key, "", row.action, ABSENT) for row in strangers)
    return found


def _last_events(using: str) -> QuerySet[Any]:
    later = LedgerEvent.objects.using(using).filter(
        subject_kind=OuterRef("subject_kind"),
        subject_key=OuterRef("subject_key"),
        subject_seq__gt=OuterRef("subject_seq"),
    )
    rows: QuerySet[Any] = LedgerEvent.objects.using(using).filter(~Exists(later))
    return rows.order_by("subject_kind", "subject_key")


def _of_kind(kind: str, model: type[LedgerSubject], using: str) -> Iterator[Difference]:
    recorded: dict[str, Mapping[str, Any] | str] = {}
    for row in _last_events(using).filter(subject_kind=kind).iterator(chunk_size=500):
        try:
            recorded[row.subject_key] = read(bytes(row.body)).state
        except BodyInvalid as error:
            recorded[row.subject_key] = f"(damaged: {error})"
    for subject in model.ledger_rows(using).iterator(chunk_size=500):
        key, state = subject.ledger_key(), subject.ledger_state()
        said = recorded.pop(key, None)
        if said is None:
            yield Difference(kind, key, "", ABSENT, "a row")
        elif isinstance(said, str):
            yield Difference(kind, key, "", said, "a row")
        else:
            for field in sorted({*said, *state}):
                if not _same(said.get(field, ABSENT), state.get(field, ABSENT)):
                    yield Difference(kind, key, field, said.get(field, ABSENT), state.get(field, ABSENT))
    yield from (Difference(kind, key, "", "an event", ABSENT) for key in sorted(recorded))


def _same(left: Any, right: Any) -> bool:
    """Tell whether two values of the ledger are equal; True is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right)


def as_of(kind: str, key: str, instant: datetime) -> Event | None:
    """Return the last event of a subject up to and including ``instant``; None before its first."""
    using = router.db_for_read(LedgerEvent)
    rows = LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_key=key, instant__lte=instant)
    row = rows.order_by("-subject_seq").first()
    return read(bytes(row.body)) if row else None


def all_as_of(kind: str, instant: datetime) -> Iterator[Event]:
    """Yield the last event up to ``instant`` of every subject of a kind, by key."""
    using = router.db_for_read(LedgerEvent)
    until = LedgerEvent.objects.using(using).filter(subject_kind=kind, instant__lte=instant)
    later = until.filter(subject_key=OuterRef("subject_key"), subject_seq__gt=OuterRef("subject_seq"))
    for row in until.filter(~Exists(later)).order_by("subject_key").iterator(chunk_size=500):
        yield read(bytes(row.body))


def history(kind: str, key: str) -> Iterator[Event]:
    """Yield every event of a subject, oldest first."""
    using = router.db_for_read(LedgerEvent)
    rows = LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_key=key).order_by("subject_seq")
    for row in rows.iterator(chunk_size=500):
        yield read(bytes(row.body))
