"""May this register be written to? Not while its database is older than, or forked from, what was anchored outside."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from django.db import router

from registry.errors import DomainError
from registry.ledger import anchors
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.models import LedgerEvent
from registry.ledger.plain import instant_text

CLOSING = frozenset({"ledger-rolled-back", "ledger-forked", "ledger-damaged", "ledger-succession-invalid"})
"""The faults that close the register: what is written now would be written onto a history that is not the true one."""
LOOK_AGAIN_SECONDS = 5.0

log = logging.getLogger("cadastre.ledger")


@dataclass(frozen=True)
class Standing:
    """Whether the register is read-only, by which fault, and why in a sentence; both empty while it is not."""

    code: str = ""
    reason: str = ""

    @property
    def read_only(self) -> bool:
        """Whether every act is refused but those that change nothing and those that lead back."""
        return bool(self.code)


_known: tuple[float, Standing] | None = None


def standing() -> Standing:
    """Return how the register stands. Looked at when the process first asks, and anew every few seconds.

    Reads the anchor file and a row or two; a remote anchor is judged by what it gave back last.
    """
    global _known  # noqa: PLW0603  (a process remembers for seconds what it found)
    known = _known
    if known is None or time.monotonic() - known[0] > LOOK_AGAIN_SECONDS:
        found = _look()
        if found.read_only and (known is None or known[1] != found):
            log.error("The register is read-only: %s", found.reason)
        known = _known = (time.monotonic(), found)
    return known[1]


def look_again() -> None:
    """Forget what was found, after something that may have changed it."""
    global _known  # noqa: PLW0603  (as above)
    _known = None


def require_writable() -> None:
    """Refuse with ``register-read-only`` while the register is closed."""
    found = standing()
    if found.read_only:
        message = (
            f"This register is read-only. {found.reason} Restore the newer database, or have two people declare the "
            "rollback."
        )
        raise DomainError("register-read-only", message, kind="unavailable", fault=found.code)


def ask_remote_anchors() -> None:
    """Read the newest checkpoint of every remote anchor back, before this process takes work; waits a limited time.

    What one of them holds and the anchor file lacks is carried into the file, where every process sees it.
    """
    for place in anchors.places():
        if not place.remote:
            continue
        try:
            note = place.newest()
        except (AnchorDown, LedgerFault) as error:
            log.warning("%s", error.message)
            continue
        anchors.remember(place.slug, note)
        if note is not None:
            _carry_into_file(note)
    look_again()


def _carry_into_file(note: str) -> None:
    """Tell the other processes of a checkpoint that this database does not extend."""
    using = router.db_for_write(LedgerEvent)
    place = anchors.configured()
    try:
        anchors.refuse_if_forked(using)
    except LedgerFault as fault:
        if fault.code not in CLOSING:
            return
        from registry.ledger.clock import database_now

        try:
            if place.newest() != note:
                place.keep(note, instant=instant_text(database_now(using)))
        except AnchorDown as error:
            log.warning("%s", error.message)
    except DomainError as error:
        log.warning("%s", error.message)


def _look() -> Standing:
    try:
        anchors.refuse_if_forked(router.db_for_write(LedgerEvent))
    except LedgerFault as fault:
        if fault.code in CLOSING:
            return Standing(fault.code, fault.message)
    except DomainError as error:
        log.warning("How the register stands cannot be told: %s", error.message)
    return Standing()
