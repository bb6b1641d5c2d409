"""Which rooms does the console have, and which roles may enter each?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from governance.console.wording import Words
from registry.models import Role, User

PEOPLE_WHO_READ = frozenset(
    {Role.DEVELOPER, Role.OWNER, Role.VALIDATOR, Role.RISK_MANAGER, Role.APPROVER, Role.AUDITOR, Role.ADMINISTRATOR}
)
READ_EVIDENCE = PEOPLE_WHO_READ - {Role.ADMINISTRATOR}
RUN_THE_SYSTEM = frozenset({Role.ADMINISTRATOR})

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Room:
    """One entry of the navigation; ``pages`` are the names of the pages that lie in it."""

    title: Words
    page: str
    roles: frozenset[Role]
    pages: frozenset[str]


ROOMS = (
    Room(_("Today"), "index", PEOPLE_WHO_READ, frozenset({"index"})),
    Room(_("Models"), "models", PEOPLE_WHO_READ, frozenset({"models", "model", "run"})),
    Room(_("Promotions"), "promotions", PEOPLE_WHO_READ, frozenset({"promotions", "promotion"})),
    Room(_("Findings"), "findings", PEOPLE_WHO_READ, frozenset({"findings", "finding"})),
    Room(_("Policies"), "policies", PEOPLE_WHO_READ, frozenset({"policies", "policy", "policy_draft"})),
    Room(_("Portfolio"), "portfolio", READ_EVIDENCE, frozenset({"portfolio"})),
    Room(
        _("Audit"),
        "audit",
        READ_EVIDENCE,
        frozenset(
            {
                "audit",
                "decision",
                "standing",
                "verifications",
                "verification",
                "divergences",
                "samples",
                "sample",
                "looks",
                "items",
                "item",
            }
        ),
    ),
    Room(
        _("Auditor's room"),
        "room",
        frozenset({Role.AUDITOR}),
        frozenset({"room"}),
    ),
    Room(_("People"), "people", RUN_THE_SYSTEM, frozenset({"people", "person"})),
)


def person_of(request: HttpRequest) -> User:
    """Return the row of who is signed in, not the lazy stand-in of the request; PermissionDenied for anybody else."""
    found = get_user(request)
    if not isinstance(found, User):
        raise PermissionDenied
    return found


def open_to(roles: frozenset[Role]) -> Callable[[View], View]:
    """Let only people in who hold one of ``roles`` now; everybody else gets the 403 page."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not person_of(request).holds(*roles):
                raise PermissionDenied(_("This page is for other roles than yours."))
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def rooms_for(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the rooms the person may enter, the present one marked."""
    if not isinstance(request.user, User):
        return []
    here = request.resolver_match.url_name if request.resolver_match else ""
    return [
        {"title": room.title, "page": f"admin:{room.page}", "current": here in room.pages}
        for room in ROOMS
        if request.user.holds(*room.roles)
    ]
