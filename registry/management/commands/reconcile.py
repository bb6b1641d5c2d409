"""Are the tables what the ledger says? Exit 0 when nothing is open, 1 when something is."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from registry.actions.divergences import reconcile
from registry.models import Divergence


class Command(BaseCommand):
    """Compares every governed row with the ledger, records what differs, and names what nobody has resolved."""

    help = "Compare the tables with the ledger. Exit 0: nothing is open; 1: a divergence waits for a person."

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, print what is open, and exit."""
        found = reconcile()
        waiting = list(Divergence.objects.filter(resolved_at__isnull=True).order_by("found_at", "id"))
        for row in waiting:
            self.stdout.write(f"{row.subject_kind} {row.subject_key}: {', '.join(row.fields)}")
        self.stdout.write(f"{len(found)} found now, {len(waiting)} open")
        if waiting:
            sys.exit(1)
