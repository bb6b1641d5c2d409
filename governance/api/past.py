"""How does the API answer for an instant that has passed? From the ledger, in the shape of the present answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.bodies import instant
from governance.api.pages import CursorPages
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.past import Past, first_instant, key_of
from registry.ledger.snapshot import snapshot

AS_OF = "as_of"
PARAMETERS = frozenset({AS_OF, "after"})
PAGE = 1000


def is_asked(request: Request) -> bool:
    """Tell whether a request asks about the past."""
    return AS_OF in request.query_params


def moment_of(text: str) -> datetime:
    """Return the instant that is asked about.

    Raises ``bad-instant``, ``as-of-in-the-future`` or ``as-of-before-the-register``.
    """
    moment = instant(text)
    if moment is None:
        raise DomainError(
            "bad-instant", _("An instant is written like 2026-11-21T12:00:00Z, with its time zone."), field=AS_OF
        )
    if moment > database_now():
        raise DomainError("as-of-in-the-future", _("What will be so is not known yet."), field=AS_OF)
    first = first_instant()
    if first is None or moment < first:
        message = _("The register knows nothing from before its first entry.")
        raise DomainError("as-of-before-the-register", message, field=AS_OF, first=first.isoformat() if first else None)
    return moment


def require_reading(request: Request) -> None:
    """Refuse a write that names an instant of the past with ``as-of-only-reads``: nothing is done in the past."""
    if is_asked(request) and request.method not in {"GET", "HEAD"}:
        raise DomainError("as-of-only-reads", _("The past can be read, not changed."), field=AS_OF)


@contextmanager
def past_of(request: Request) -> Iterator[Past]:
    """Read the past that a request asks about, for the length of a ``with`` block in one state of the ledger."""
    past = Past(moment_of(request.query_params[AS_OF]))
    with snapshot(past.using):
        yield past


def in_order(rows: Iterable[Any], *fields: str) -> list[Any]:
    """Return rows by the fields of an API list: ``-requested_at, -id`` is the newest first."""
    ordered = list(rows)
    for field in reversed(fields):
        name = field.lstrip("-")
        ordered.sort(key=lambda row: getattr(row, name), reverse=field.startswith("-"))
    return ordered


def page_size(request: Request) -> int:
    """Return how many entries a page of the past holds; refuses ``bad-page-size``."""
    return CursorPages().get_page_size(request) if "page_size" in request.query_params else PAGE


def behind(request: Request, rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of a list behind the one that ``after`` names, and one more than a page holds."""
    after = request.query_params.get("after")
    if after is None:
        return rows[: page_size(request) + 1]
    keys = [key_of(row) for row in rows]
    if after not in keys:
        raise DomainError("bad-cursor", _("A cursor is taken from an earlier answer."), field="after")
    start = keys.index(after) + 1
    return rows[start : start + page_size(request) + 1]


def listed(
    request: Request, past: Past, rows: Sequence[Any], shown: Callable[[list[Any]], Sequence[Mapping[str, Any]]]
) -> Response:
    """Return a page: ``rows`` hold one more than fit where there are more, and ``shown`` turns those that fit into JSON."""
    size, follow = page_size(request), None
    if len(rows) > size:
        query = request.query_params.copy()
        query["after"] = key_of(rows[size - 1])
        follow = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    asked = request.query_params[AS_OF]
    results = [{**row, AS_OF: asked} for row in shown(list(rows[:size]))]
    return Response({"next": follow, "previous": None, "results": results, "people": people_of(past)})


def single(request: Request, past: Past, shown: Mapping[str, Any]) -> Response:
    """Return one entry as it was."""
    return Response({**shown, AS_OF: request.query_params[AS_OF], "people": people_of(past)})


def people_of(past: Past) -> list[dict[str, str]]:
    """Return who is named in an answer about the past: the id that the ledger holds, and the names of today."""
    people = sorted(past.people.values(), key=lambda one: str(one.pk))
    return [{"id": str(one.pk), "person": one.username, "name": one.display_name} for one in people]
