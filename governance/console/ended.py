"""What becomes of a session whose account has ended? It is closed with the next request, and the answer says why."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from governance.api.errors import Refusal, problem, speaks_json
from registry.models import User

CODE = "account-ended"


class EndedAccountMiddleware:
    """Signs out whoever's account has ended: 401 for the API and 403 for a page, both with ``account-ended``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, unless its session is of an account that has ended."""
        if not _of_ended_account(request):
            return self.get_response(request)
        logout(request)
        message = _("Your account has ended. An administrator can set another end.")
        if speaks_json(request):
            return problem(request, Refusal(401, CODE, message))
        from governance.console.acts import show

        answer = show(request, "account_ended", {}, title=_("Your account has ended"), status=403).render()
        answer["X-Cadastre-Code"] = CODE
        return answer


def _of_ended_account(request: HttpRequest) -> bool:
    if not request.session.session_key:
        return False
    person = request.user
    return isinstance(person, User) and person.has_ended
