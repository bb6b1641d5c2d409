"""Is what an auditor opens on the console recorded before it is handed out?"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from governance.actions.looks import address_of, require_recorded
from governance.console.access import person_of
from governance.console.acts import said
from governance.console.past import instant_set
from registry.errors import DomainError
from registry.models import Role, User

View = Callable[..., HttpResponse]
SHOW_NOTHING = frozenset({"login", "logout", "jsi18n", "password", "password_change", "password_change_done", "as_of"})
"""Pages that show nothing of the register."""
NOT_SHOWN = frozenset({403, 404, 405})


def recorded(view: View) -> View:
    """Record what an auditor is shown by ``view``, or answer 503 with ``look-not-recorded`` in the place of it."""

    @wraps(view)
    def watched(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = view(request, *args, **kwargs)
        if not _is_look(request, answer):
            return answer
        instant = instant_set(request)
        asked = [("as_of", instant.isoformat())] if instant else []
        try:
            require_recorded(
                actor=person_of(request),
                address=address_of(request.path, asked),
                downloaded=is_download(answer),
            )
        except DomainError as refusal:
            stopped = HttpResponse(said(refusal), status=503, content_type="text/plain; charset=utf-8")
            stopped["X-Cadastre-Code"] = refusal.code
            return stopped
        return answer

    return watched


def is_download(answer: HttpResponse) -> bool:
    """Tell whether an answer is a file to keep and not a page to read."""
    return str(answer.get("Content-Disposition", "")).startswith("attachment")


def _is_look(request: HttpRequest, answer: HttpResponse) -> bool:
    name = request.resolver_match.url_name if request.resolver_match else ""
    if name in SHOW_NOTHING or answer.status_code in NOT_SHOWN or not isinstance(request.user, User):
        return False
    shown = answer.status_code < 300 or 400 <= answer.status_code < 500  # a refused form is shown with its page
    return shown and request.user.holds(Role.AUDITOR)
