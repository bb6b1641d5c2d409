"""Do the tables say what the ledger says, and what did they say at an earlier instant?"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import router
from django.db.models import Exists, OuterRef, QuerySet

from registry.ledger.append import LEDGER_KIND
from registry.ledger.event import BodyInvalid, Event, read
from registry.ledger.models import LedgerEvent
from registry.ledger.plain import plain
from registry.ledger.snapshot import snapshot
from registry.ledger.subject import LedgerSubject, subject_models

ABSENT = "(absent)"
BATCH = 500


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


def differences(*, model: str | None = None) -> list[Difference]:
    """Compare the last event of every subject with its row, over every governed model, a batch at a time.

    An empty list means that replaying the ledger gives the tables as they are. Rows without an event and events
    without a row are differences. With ``model``, only the subjects that belong to that model.
    """
    using = router.db_for_read(LedgerEvent)
    with snapshot(using):
        kinds = subject_models()
        if model is not None:
            return [
                one for kind, rows in kinds.items() if rows.ledger_model_path for one in _of(model, kind, rows, using)
            ]
        found = [difference for kind, rows in kinds.items() for difference in _of_kind(kind, rows, using)]
        strangers = _last_events(using).exclude(subject_kind__in=[*kinds, LEDGER_KIND])
        found.extend(Difference(row.subject_kind, row.subject_key, "", row.action, ABSENT) for row in strangers)
    return found


def row_differences(kind: str, key: str) -> list[Difference]:
    """Compare one subject."""
    using = router.db_for_write(LedgerEvent)
    model = subject_models().get(kind)
    row = model.ledger_rows(using).filter(**model.ledger_lookup(key)).first() if model else None
    recorded = _recorded(kind, [key], using)
    if row is not None:
        return list(_of_row(kind, row, recorded))
    return [Difference(kind, key, "", "an event", ABSENT)] if recorded else []


def last_event(kind: str, key: str) -> Event | None:
    """Return the newest event of a subject; None when it has none, or when its bytes are not an event."""
    using = router.db_for_read(LedgerEvent)
    rows = LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_key=key)
    row = rows.order_by("-subject_seq").first()
    try:
        return read(bytes(row.body)) if row else None
    except BodyInvalid:
        return None


def _last_events(using: str) -> QuerySet[Any]:
    later = LedgerEvent.objects.using(using).filter(
        subject_kind=OuterRef("subject_kind"),
        subject_key=OuterRef("subject_key"),
        subject_seq__gt=OuterRef("subject_seq"),
    )
    rows: QuerySet[Any] = LedgerEvent.objects.using(using).filter(~Exists(later))
    return rows.order_by("subject_kind", "subject_key")


def _of_kind(kind: str, model: type[LedgerSubject], using: str) -> Iterator[Difference]:
    """Compare every row of a kind; keys are gathered only where an event has no row, which is seen by counting."""
    matched = 0
    for batch in _batches(model.ledger_rows(using).iterator(chunk_size=BATCH)):
        recorded = _recorded(kind, [subject.ledger_key() for subject in batch], using)
        matched += len(recorded)
        for subject in batch:
            yield from _of_row(kind, subject, recorded)
    if matched < LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_seq=1).count():
        present = {subject.ledger_key() for subject in model.ledger_rows(using).iterator(chunk_size=BATCH)}
        yield from _without_row(kind, present, using)


def _of(slug: str, kind: str, model: type[LedgerSubject], using: str) -> Iterator[Difference]:
    """Compare the rows of one model, and look for events of it whose row is gone or belongs to another model now."""
    rows = model.ledger_rows(using).filter(**{model.ledger_model_path: slug})
    for batch in _batches(rows.iterator(chunk_size=BATCH)):
        recorded = _recorded(kind, [subject.ledger_key() for subject in batch], using)
        for subject in batch:
            yield from _of_row(kind, subject, recorded)
    if (
        LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_seq=1).count()
        != model.ledger_rows(using).count()
    ):
        present = {subject.ledger_key() for subject in model.ledger_rows(using).iterator(chunk_size=BATCH)}
        yield from _without_row(kind, present, using)


def _batches(subjects: Iterator[LedgerSubject]) -> Iterator[list[LedgerSubject]]:
    while batch := list(islice(subjects, BATCH)):
        yield batch


def _recorded(kind: str, keys: Sequence[str], using: str) -> dict[str, Mapping[str, Any] | str]:
    """Return the newest recorded state of each key, or in words why it cannot be read."""
    found: dict[str, Mapping[str, Any] | str] = {}
    for row in _last_events(using).filter(subject_kind=kind, subject_key__in=keys):
        try:
            found[row.subject_key] = read(bytes(row.body)).state
        except BodyInvalid as error:
            found[row.subject_key] = f"(damaged: {error})"
    return found


def _of_row(kind: str, subject: LedgerSubject, recorded: Mapping[str, Mapping[str, Any] | str]) -> Iterator[Difference]:
    key = subject.ledger_key()
    said = recorded.get(key)
    if said is None:
        yield Difference(kind, key, "", ABSENT, "a row")
    elif isinstance(said, str):
        yield Difference(kind, key, "", said, "a row")
    else:
        for field, value in sorted(subject.ledger_state().items()):
            before = said.get(field, _default(subject, field))
            if not _same(before, value):
                yield Difference(kind, key, field, before, value)


def _default(subject: LedgerSubject, name: str) -> Any:
    """Return what a field holds that a later release added to rows whose event is older than the field."""
    field = next((one for one in subject._meta.concrete_fields if one.name == name), None)
    if field is None or field.primary_key or not (field.has_default() or field.null or field.empty_strings_allowed):
        return ABSENT
    return plain(field.get_default())


def _without_row(kind: str, present: Container[str], using: str) -> Iterator[Difference]:
    keys = LedgerEvent.objects.using(using).filter(subject_kind=kind, subject_seq=1).order_by("subject_key")
    for key in keys.values_list("subject_key", flat=True).iterator(chunk_size=BATCH):
        if key not in present:
            yield Difference(kind, key, "", "an event", ABSENT)


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
