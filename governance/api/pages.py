"""How is a long list read? In pages, each with a cursor to the next; a page is never larger than it may be."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from governance.api.bodies import instant
from registry.errors import DomainError

PARAMETERS = frozenset({"cursor", "page_size"})
LARGEST = 200


class CursorPages(CursorPagination):
    """Pages of 50, at most 200, in the order that the view states: ``{next, previous, results}``."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = LARGEST

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return one page; refuses ``bad-cursor`` and ``bad-page-size``."""
        self.by_instant = isinstance(queryset.model._meta.get_field(view.ordering[0].lstrip("-")), DateTimeField)
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValidationError, ValueError, OverflowError) as error:
            raise DomainError("bad-cursor", _("A cursor is taken from an earlier answer.")) from error

    def decode_cursor(self, request: Request) -> Any:
        """Return the place a cursor names; ValueError for one that we never gave out."""
        cursor = super().decode_cursor(request)
        position: str | None = getattr(cursor, "position", None)
        if position is not None and ("\0" in position or (self.by_instant and instant(position) is None)):
            raise ValueError("no position in this list")
        return cursor

    def get_page_size(self, request: Request) -> int:
        """Return how many rows were asked for."""
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= 4 and 1 <= int(asked) <= LARGEST):
            raise DomainError("bad-page-size", _("A page holds 1 to %s entries.") % LARGEST, required=LARGEST)
        return int(asked)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return the order that the view states."""
        return tuple(view.ordering)
