"""Today: what waits for the person who has just signed in? Panels in the order of their day, by role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from governance.console import desk
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import show
from registry.models import Role, User

DECIDING = ("divergences", "waiting", "others", "running", "denials", "blocking", "ungated", "decisions")
DAYS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (Role.RISK_MANAGER, DECIDING),
    (Role.APPROVER, DECIDING),
    (Role.VALIDATOR, ("waiting", "running", "blocking", "others", "denials", "decisions")),
    (Role.OWNER, ("asked", "owned", "blocking", "denials", "ungated", "others", "decisions")),
    (Role.DEVELOPER, ("asked", "running", "denials", "owned", "others", "decisions")),
    (Role.AUDITOR, ("divergences", "dossiers", "ledger", "ungated", "blocking", "denials", "decisions")),
    (Role.ADMINISTRATOR, ("divergences", "accounts", "workers", "ledger", "running")),
)
READ: dict[str, Callable[[User], Any]] = {
    "divergences": lambda _person: desk.open_divergences(),
    "running": lambda _person: desk.running(),
    "denials": lambda _person: desk.denials(),
    "blocking": lambda _person: desk.blocking_findings(),
    "ungated": lambda _person: desk.ungated_deployments(),
    "decisions": lambda _person: desk.recent_decisions(),
    "asked": desk.asked_for_by,
    "owned": desk.owned_findings,
    "dossiers": lambda _person: desk.recent_dossiers(),
    "ledger": lambda _person: desk.ledger_health(),
    "workers": lambda _person: desk.worker_health(),
    "accounts": lambda _person: desk.account_care(),
}


def panels_for(person: User) -> list[str]:
    """Return the panels for a person's roles: all of the first role's, then what further roles add."""
    held = person.roles()
    return list(dict.fromkeys(panel for role, panels in DAYS if role in held for panel in panels))


@open_to(PEOPLE_WHO_READ)
def today(request: HttpRequest) -> HttpResponse:
    """Show the panels of the person's day."""
    person = person_of(request)
    names = [name for name in panels_for(person) if name != "divergences" or desk.open_divergences().exists()]
    mine, others, unready = desk.split(desk.open_requests(person) if {"waiting", "others"} & set(names) else [])
    rows: dict[str, Any] = {"waiting": mine, "others": {"ready": others, "unready": unready}}
    panels = [
        {
            "name": name,
            "template": f"console/today/{name}.html",
            "rows": rows[name] if name in rows else READ[name](person),
        }
        for name in names
    ]
    return show(request, "today", {"panels": panels, "person": person, "waiting_count": len(mine)}, title=_("Today"))
