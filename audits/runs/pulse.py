"""Is the worker still alive? A thread renews the lease while a long step runs, and dies with its process."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, connection

from audits.actions.validation import Lease, heartbeat
from registry.errors import DomainError

log = logging.getLogger("cadastre.runs")


class Pulse:
    """Renews a lease every third of its length for the time of a ``with`` block."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{lease.run_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def require(self) -> None:
        """Raise ``lease-lost`` when a renewal was refused: whatever is computed from here on would not count."""
        if self.lost:
            raise DomainError("lease-lost", "Another worker has this run.", kind="conflict")

    def _beat(self) -> None:
        try:
            while not self._over.wait(settings.RUN_LEASE_SECONDS / 3):
                try:
                    heartbeat(self.lease)
                except DomainError:
                    self.lost = True
                    return
                except DatabaseError as error:
                    log.warning("The lease of run %s could not be renewed: %s", self.lease.run_id, error)
        finally:
            connection.close()
