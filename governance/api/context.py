"""Under which circumstances does a request act? Its id, its session or token, and for whom a service account acts."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from governance.models import ApiCredential
from registry.ledger.context import ActContext, acting
from registry.models import User

REQUEST_ID = re.compile(r"\A[A-Za-z0-9._-]{8,64}\Z")
HEADER = "X-Request-ID"


class ActContextMiddleware:
    """Gives every request an id, echoes it, and lets what a page does be recorded as an act of its session.

    Whoever is not signed in acts under "token": a decision, which needs a session, is refused to them. The API sets the
    circumstances again once it knows the token (``Resource.initial``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request within its circumstances."""
        asked = request.headers.get(HEADER, "")
        request.request_id = asked if REQUEST_ID.match(asked) else str(uuid4())  # type: ignore[attr-defined]  # ours
        with acting(circumstances_of(request, None)):
            response = self.get_response(request)
        response[HEADER] = request_id_of(request)
        return response


def request_id_of(request: HttpRequest) -> str:
    """Return the id of a request; a new one where the middleware has not run."""
    found = getattr(request, "request_id", None)
    return found if isinstance(found, str) else str(uuid4())


def circumstances_of(request: HttpRequest, credential: ApiCredential | None) -> ActContext:
    """Return what the ledger records about acts of this request."""
    if credential is not None:
        return ActContext(
            request_id=request_id_of(request),
            credential_id=str(credential.pk),
            authentication="token",
            on_behalf_of=str(credential.account.responsible_id),
        )
    user = getattr(request, "user", None)
    in_session = isinstance(user, User) and user.is_person
    return ActContext(request_id=request_id_of(request), authentication="session" if in_session else "token")
