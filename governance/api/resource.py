"""What does every address of the API have in common? Who may, under which circumstances, and which body is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.actions.looks import address_of, require_recorded
from governance.api import idempotency
from governance.api.auth import credential_in
from governance.api.bodies import Strict, require_readable
from governance.api.context import circumstances_of
from governance.api.errors import problem, refusal_of
from governance.api.pages import PARAMETERS, CursorPages
from governance.api.past import require_reading
from registry.errors import DomainError
from registry.ledger.context import acting
from registry.ledger.standing import require_writable
from registry.models import Role, User

WRITES = frozenset({"POST", "PATCH"})
READS = frozenset({"GET", "HEAD"})


class AlwaysJSON(BaseContentNegotiation):
    """One form of answer; no header and no parameter changes it."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser of JSON."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer of JSON."""
        return renderers[0], renderers[0].media_type


class Resource(APIView):
    """One address. ``scopes`` (for tokens) and ``roles`` (for people) say per method who may; nothing said is no.

    ``parameters`` are the names that may stand in the query, ``ordering`` is that of its list. ``repeats_answers`` says
    whether a write with an Idempotency-Key gets its first answer again. ``always_open`` is for what may be done while the
    register is read-only. ``hands_out`` says that its answers are taken along, and not only read.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    roles: ClassVar[Mapping[str, frozenset[str]]] = {}
    public: ClassVar[frozenset[str]] = frozenset()
    parameters: ClassVar[frozenset[str]] = frozenset()
    ordering: ClassVar[tuple[str, ...]] = ()
    repeats_answers: ClassVar[bool] = True
    always_open: ClassVar[bool] = False
    hands_out: ClassVar[bool] = False
    open_call: idempotency.OpenCall | None = None
    content_negotiation_class = AlwaysJSON
    http_method_names = ["get", "head", "post", "put", "patch"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, keeping the answer of a write that carries an Idempotency-Key."""
        with ExitStack() as self.circumstances:
            response = self._recorded(super().dispatch(request, *args, **kwargs))
            if self.open_call is not None and isinstance(response, HttpResponse):
                if isinstance(response, Response):
                    response.render()
                self.open_call.end(response)
            return response

    def _recorded(self, response: HttpResponseBase) -> HttpResponseBase:
        """Record what an auditor reads before it is handed out; 503 ``look-not-recorded`` in the place of it if not."""
        request = self.request
        if request.method not in READS or not 200 <= response.status_code < 300 or request.method in self.public:
            return response
        reader = request.user
        if not isinstance(reader, User) or not reader.is_person or not reader.holds(Role.AUDITOR):
            return response
        try:
            require_recorded(
                actor=reader,
                address=address_of(request.path, [(name, str(value)) for name, value in request.query_params.items()]),
                downloaded=self.hands_out,
            )
        except DomainError as refusal:
            return problem(request._request, refusal_of(refusal))
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Find out who asks and whether they may; then enter the circumstances of the act and look at the body."""
        super().initial(request, *args, **kwargs)
        if unknown := sorted(set(request.query_params) - self.known_parameters()):
            shown = [name[:80] for name in unknown[:20]]
            raise DomainError(
                "unknown-parameter", _("Unknown in the address: %s.") % ", ".join(shown), parameters=shown
            )
        require_reading(request)
        self.circumstances.enter_context(acting(circumstances_of(request._request, credential_in(request))))
        if request.method not in READS and not self.always_open:
            require_writable()
        if request.method in WRITES:
            require_readable(request)
        if request.method in WRITES and self.repeats_answers:
            self.open_call = idempotency.begin(request, self.actor, request._request.body)

    def handle_exception(self, exc: Exception) -> Any:
        """Answer an exception; a write that was answered before gets that answer again."""
        if isinstance(exc, idempotency.AnsweredBefore):
            return exc.response
        return super().handle_exception(exc)

    def known_parameters(self) -> frozenset[str]:
        """Return which parameters the address takes; a list also takes those of its pages."""
        return self.parameters | PARAMETERS if self.ordering else self.parameters

    @property
    def actor(self) -> User:
        """Who acts: the signed-in person or the token's service account."""
        user = self.request.user
        if not isinstance(user, User):
            raise DomainError("actor-required", _("Nobody is signed in."), kind="forbidden")
        return user

    def body(self, form: type[Strict]) -> dict[str, Any]:
        """Return the checked body."""
        checked = form(data=self.request.data)
        checked.is_valid(raise_exception=True)
        values: dict[str, Any] = checked.validated_data
        return values

    def page(self, rows: QuerySet[Any], shown: Callable[[list[Any]], Sequence[Any]]) -> Response:
        """Return one page of ``rows``, which ``shown`` turns into JSON all at once: no query for each of them."""
        pages = CursorPages()
        found = pages.paginate_queryset(rows, self.request, view=self) or []
        return pages.get_paginated_response(shown(found))


def many(serializer: Callable[..., Any], rows: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Return what ``serializer`` shows of each row; one serializer for all, a tenth of the cost of one each."""
    return list(serializer(rows, many=True).data)
