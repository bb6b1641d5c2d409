"""How does it enter the ledger what an auditor looked at? Before the answer is handed out, or there is no answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlencode

from django.db import DatabaseError, transaction

from governance.models import Look
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Role, User

VIEWED = declare_action("auditor.viewed", "An auditor looked at something, the first time within an hour.", always=True)
DOWNLOADED = declare_action("auditor.downloaded", "An auditor took something along.", always=True)
WHO_SEES_LOOKS = (Role.AUDITOR, Role.RISK_MANAGER, Role.ADMINISTRATOR)
NAMED = frozenset({"as_of", "start", "limit", "event", "size", "old", "new"})
"""Parameters that are numbers, instants or ids, and say what was seen. Any other may be a name or a search word."""
LONGEST = 500

log = logging.getLogger("cadastre.looks")


def address_of(path: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """Return the address of what is looked at: the path with the parameters that ``NAMED`` allows, in their order."""
    kept = sorted((name, value[:40]) for name, value in parameters if name in NAMED)
    return f"{path}?{urlencode(kept)}"[:LONGEST] if kept else path[:LONGEST]


@transaction.atomic
def record_look(*, actor: User, address: str, downloaded: bool = False) -> Look:
    """Record that an auditor looks at ``address``, once an hour, or takes something along from it, each time.

    It is recorded also while the register is read-only. Raises ``role-missing``: others are not watched.
    """
    require_role(actor, Role.AUDITOR)
    now = database_now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    if downloaded:
        look = Look.objects.create(person=actor, kind=Look.Kind.DOWNLOAD, address=address, hour=hour, looked_at=now)
        append(DOWNLOADED, look, actor=actor)
        return look
    look, created = Look.objects.get_or_create(
        person=actor, kind=Look.Kind.VIEW, address=address, hour=hour, defaults={"looked_at": now}
    )
    if created:
        append(VIEWED, look, actor=actor)
    return look


def require_recorded(*, actor: User, address: str, downloaded: bool = False) -> None:
    """Record a look of an auditor; ``look-not-recorded`` when that cannot be done: then nothing may be shown."""
    try:
        record_look(actor=actor, address=address, downloaded=downloaded)
    except (DatabaseError, DomainError) as error:
        log.exception("A look of an auditor could not be recorded.")
        message = "What auditors look at is recorded, and this could not be. So it is not shown; try again."
        raise DomainError("look-not-recorded", message, kind="unavailable") from error
