"""How does a refusal look from outside? One document for every error: application/problem+json with a stable code."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf

from governance.api.context import request_id_of
from registry.errors import DomainError

log = logging.getLogger("cadastre.api")

MEDIA_TYPE = "application/problem+json"
STATUS_OF_KIND = {
    "invalid": 422,
    "conflict": 409,
    "not-found": 404,
    "forbidden": 403,
    "too-large": 413,
    "unavailable": 503,
}
RETRY_SECONDS = 5
RESERVED = frozenset({"type", "title", "status", "detail", "code", "request_id"})


class Refusal(Exception):
    """A refusal that concerns HTTP itself: the shape of a body, a header, a token. Raised before any action runs."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.members = members


class LaxEncoder(DjangoJSONEncoder):
    """Writes what a context may hold; anything else becomes its text, so that an error never fails to be told."""

    def default(self, o: Any) -> Any:
        """Return a JSON value for ``o``."""
        try:
            return super().default(o)
        except TypeError:
            return sorted(map(str, o)) if isinstance(o, set | frozenset) else str(o)


def problem_response(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Translate any exception of a view into its problem document (DRF's EXCEPTION_HANDLER)."""
    request = context["request"]._request
    refusal = refusal_of(error)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s: %s (%s)", request.method, request.path, refusal.code, request_id_of(request), exc_info=error)
    if isinstance(error, drf.APIException) and (challenge := getattr(error, "auth_header", None)):
        refusal.headers["WWW-Authenticate"] = challenge
    return problem(request, refusal)


def problem(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Return the document of a refusal: type, title, status, detail, code, request_id and what the refusal adds."""
    document = {name: value for name, value in refusal.members.items() if name not in RESERVED} | {
        "type": f"urn:cadastre:problem:{refusal.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
        "request_id": request_id_of(request),
    }
    body = json.dumps(document, cls=LaxEncoder, ensure_ascii=True)
    return HttpResponse(body, status=refusal.status, content_type=MEDIA_TYPE, headers=refusal.headers)


def refusal_of(error: Exception) -> Refusal:
    """Return what to answer for an exception; one that nobody expected tells nothing of itself."""
    match error:
        case Refusal():
            return error
        case DomainError():
            headers = {"Retry-After": str(RETRY_SECONDS)} if error.kind == "unavailable" else {}
            return Refusal(STATUS_OF_KIND[error.kind], error.code, error.message, headers=headers, **_members(error))
        case drf.ValidationError():
            return Refusal(422, "invalid-body", _("The body does not fit."), errors=list(_faults(error.detail)))
        case drf.APIException():
            return _of_framework(error)
        case Http404():
            return Refusal(404, "not-found", _("There is nothing at this address."))
        case PermissionDenied():
            return Refusal(403, "not-permitted", _("You may not do this."))
        case RequestDataTooBig():
            return Refusal(413, "body-too-large", _("The body is too large."))
        case SuspiciousOperation():
            return Refusal(400, "bad-request", _("The request is malformed."))
        case UnreadablePostError():
            return Refusal(400, "upload-truncated", _("The body ended before it was complete."))
        case RecursionError():
            return Refusal(422, "nested-too-deeply", _("The body is nested too deeply."))
    return _of_database(error)


def _of_database(error: Exception) -> Refusal:
    soon = {"Retry-After": "1"}
    match error:
        case IntegrityError():
            return Refusal(409, "written-meanwhile", _("Somebody wrote the same thing meanwhile."), headers=soon)
        case DataError() | ValidationError():
            return Refusal(422, "bad-value", _("A value cannot be stored."))
        case OperationalError() | InterfaceError():
            wait = {"Retry-After": str(RETRY_SECONDS)}
            return Refusal(503, "database-unavailable", _("The database does not answer now."), headers=wait)
    return Refusal(500, "internal-error", _("The service failed. The request id leads to the log."))


def _of_framework(error: drf.APIException) -> Refusal:
    known = {
        drf.NotAuthenticated: "not-authenticated",
        drf.MethodNotAllowed: "method-not-allowed",
        drf.UnsupportedMediaType: "unsupported-media-type",
        drf.ParseError: "malformed-json",
        drf.PermissionDenied: "not-permitted",
        drf.NotFound: "not-found",
    }
    code = known.get(type(error)) or str(getattr(error.detail, "code", "") or error.default_code)
    return Refusal(error.status_code, code.replace("_", "-"), str(error.detail))


def _members(error: DomainError) -> dict[str, Any]:
    taken = {"status", "code", "message", "headers", "self"} | RESERVED
    return {name: value for name, value in error.context.items() if name not in taken}


def _faults(detail: Any, path: str = "") -> Any:
    """Yield ``{field, code, message}`` for each fault of a body, ``field`` as a path such as ``artifacts.0.sha256``."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _faults(inner, here)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _faults(inner, f"{path}.{position}" if nested else path)
    else:
        code = str(getattr(detail, "code", "invalid")).replace("_", "-")
        yield {"field": path, "code": code, "message": str(detail)}


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that no route knows, or a page that found nothing (handler404)."""
    from django.views.defaults import page_not_found

    if speaks_json(request):
        return problem(request, refusal_of(Http404()))
    return page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refused, such as one for another host (handler400)."""
    from django.views.defaults import bad_request as page

    if speaks_json(request):
        return problem(request, refusal_of(exception))
    return page(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure outside the views of the API (handler500)."""
    from django.views.defaults import server_error as page

    if speaks_json(request):
        return problem(request, refusal_of(Exception()))
    return page(request)


def speaks_json(request: HttpRequest) -> bool:
    """Tell whether an address belongs to machines, who get a document and not a page."""
    return request.path.startswith(("/api/", "/health/", "/metrics"))
