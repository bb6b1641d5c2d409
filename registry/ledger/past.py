"""What did the rows say at an instant? Rows of the governed models, built from the ledger's events and never saved."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import connections, models, router
from django.db.models import Exists, F, Func, OuterRef, QuerySet, TextField

from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.plain import plain
from registry.ledger.subject import LedgerSubject
from registry.models.people import User

Row = TypeVar("Row", bound=LedgerSubject)
State = Mapping[str, Any]


class Past:
    """The governed rows as of an instant. Names of people are not in the ledger: they are those of today."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant
        self.using = router.db_for_read(LedgerEvent)
        self.people: dict[str, User] = {}

    def row(self, model: type[Row], key: str) -> Row | None:
        """Return one row as it was; None when it was not there yet."""
        return next(iter(self.rows(model, keys=[key])), None)

    def rows(
        self,
        model: type[Row],
        *,
        keys: Collection[str] | None = None,
        after: str = "",
        most: int | None = None,
        where: Mapping[str, Collection[str]] | None = None,
    ) -> list[Row]:
        """Return the rows of a kind by their ledger keys, at most ``most`` from behind ``after``.

        ``where`` names fields that never change, each with the values that are wanted, as the ledger writes them.
        """
        if keys is not None and not keys:
            return []
        events = self._until().filter(subject_kind=model.ledger_kind)
        if keys is not None:
            events = events.filter(subject_key__in=keys)
        if after:
            events = events.filter(subject_key__gt=after)
        newest = self._newest(events, most)
        for name, values in (where or {}).items():
            newest = newest.annotate(**{f"said_{name}": self._said(name)}).filter(**{f"said_{name}__in": values})
        found = newest.order_by("subject_key").values_list("subject_key", "body")
        return [_built(model, key, _state(model.ledger_kind, key, body)) for key, body in found]

    def states(self, model: type[LedgerSubject]) -> Iterator[tuple[str, State]]:
        """Yield key and state of each row of a kind by their keys, without holding or building more than a few."""
        newest = self._newest(self._until().filter(subject_kind=model.ledger_kind), None)
        for key, body in newest.order_by("subject_key").values_list("subject_key", "body").iterator(chunk_size=1000):
            yield key, _state(model.ledger_kind, key, body)

    def follow(self, rows: Iterable[Any], *names: str) -> None:
        """Give rows of one kind the rows they point to, as they were, in one query for each name."""
        rows = list(rows)
        if not rows:
            return
        for name in names:
            related: Any = type(rows[0])._meta.get_field(name).related_model
            keys = {str(key) for row in rows if (key := said(row)[name]) is not None}
            found = self._people(keys) if issubclass(related, User) else self._by_key(related, keys)
            for row in rows:
                key = said(row)[name]
                setattr(row, name, None if key is None else found[str(key)])

    def vouch(self, rows: Iterable[Any], **digests: str) -> None:
        """Give rows of one kind what the ledger only vouches for, from the tables, where it is what was recorded.

        A field that is mapped to "" is in the ledger with its fractions as text, and is taken from the table where it is
        the same; one that is mapped to another field is there as the digest which that field holds. A text that is not
        what was recorded stays away: the ledger's own value, or nothing, is shown.
        """
        rows = list(rows)
        if not rows:
            return
        table = type(rows[0])._base_manager.using(self.using).filter(pk__in=[row.pk for row in rows])
        stored = {one["pk"]: one for one in table.values("pk", *digests)}
        for row in rows:
            for name, digest in digests.items():
                value = stored[row.pk][name] if row.pk in stored else None
                if value is None:
                    continue
                same = digest_of(value) == said(row)[digest] if digest else plain(value) == said(row)[name]
                if same:
                    setattr(row, name, value)

    def _until(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = LedgerEvent.objects.using(self.using).filter(instant__lte=self.instant)
        return rows

    def _newest(self, events: QuerySet[Any], most: int | None) -> QuerySet[Any]:
        """Return the newest of some events of each subject, of at most the first ``most`` subjects by key."""
        if connections[self.using].vendor == "postgresql":
            # the ids come from the index alone; only the bodies that are wanted are read
            ids = events.order_by("subject_key", "-subject_seq").distinct("subject_key").values("pk")[:most]
            return self._until().filter(pk__in=ids)
        later = self._until().filter(
            subject_kind=OuterRef("subject_kind"),
            subject_key=OuterRef("subject_key"),
            subject_seq__gt=OuterRef("subject_seq"),
        )
        ids = events.filter(~Exists(later)).order_by("subject_key").values("pk")[:most]
        return self._until().filter(pk__in=ids)

    def _said(self, name: str) -> Any:
        """Return the expression for a field of the state in an event's body, worked out by the database."""
        if connections[self.using].vendor == "postgresql":
            template = f"json_extract_path_text(convert_from(%(expressions)s, 'UTF8')::json, 'state', '{name}')"
        else:
            template = f"json_extract(CAST(%(expressions)s AS TEXT), '$.state.{name}')"
        return Func(F("body"), template=template, output_field=TextField())

    def _by_key(self, model: type[LedgerSubject], keys: set[str]) -> dict[str, Any]:
        found = {key_of(row): row for row in self.rows(model, keys=keys)}
        if absent := keys - set(found):
            # between two events of one act: what is pointed to enters the ledger a moment later
            first = LedgerEvent.objects.using(self.using).filter(
                subject_kind=model.ledger_kind, subject_key__in=absent, subject_seq=1
            )
            for key, body in first.values_list("subject_key", "body"):
                found[key] = _built(model, key, _state(model.ledger_kind, key, body))
        if absent := keys - set(found):
            raise _damaged(model.ledger_kind, min(absent))
        return found

    def _people(self, keys: set[str]) -> dict[str, User]:
        unknown = keys - set(self.people)
        if unknown:
            rows = User.objects.using(self.using).filter(pk__in=unknown)
            self.people.update((str(row.pk), row) for row in rows)
        return self.people


def said(row: LedgerSubject) -> State:
    """Return the state from which a row of the past was built."""
    state: State = row.__dict__["said"]
    return state


def key_of(row: LedgerSubject) -> str:
    """Return the ledger key of a row of the past, whether or not what it points to was followed."""
    return str(row.__dict__["key_then"])


def first_instant() -> datetime | None:
    """Return when the register began; None while its ledger is empty."""
    using = router.db_for_read(LedgerEvent)
    first: datetime | None = (
        LedgerEvent.objects.using(using).order_by("instant").values_list("instant", flat=True).first()
    )
    return first


def _state(kind: str, key: str, body: Any) -> State:
    """Return the state in the body of an event, which is about the subject that its columns name."""
    try:
        value = json.loads(bytes(body))
        if value["subject"] == {"kind": kind, "key": key} and isinstance(value["state"], dict):
            state: State = value["state"]
            return state
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(kind, key) from error
    raise _damaged(kind, key)


def _built(model: type[Row], key: str, state: State) -> Row:
    """Return an unsaved row with the fields that the ledger records; a field it leaves out keeps its default."""
    row = model()
    row.__dict__["said"], row.__dict__["key_then"] = state, key
    for field in model._meta.concrete_fields:
        if field.name not in state:
            continue
        value = state[field.name]
        if isinstance(field, models.ForeignKey):
            if value is None or "/" not in value:  # else the key is of several names, and only the row knows its id
                row.__dict__[field.attname] = None if value is None else field.target_field.to_python(value)
        else:
            row.__dict__[field.attname] = None if value is None else field.to_python(value)
    return row


def _damaged(kind: str, key: str) -> DomainError:
    return DomainError(
        "ledger-damaged",
        f"What the ledger holds about {kind} {key} cannot be read, so the past cannot be told. Verify the ledger.",
        kind="unavailable",
        subject_kind=kind,
        subject_key=key,
    )
