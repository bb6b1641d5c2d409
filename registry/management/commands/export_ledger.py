"""Where does the whole ledger go that an auditor takes along? Into an empty folder, for verify.py --ledger."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import router

from registry.errors import DomainError
from registry.ledger.export import export_ledger
from registry.ledger.models import LedgerEvent
from registry.ledger.snapshot import snapshot


class Command(BaseCommand):
    """Writes every placed event in its exact bytes, and the signed checkpoints, into a folder."""

    help = "Export the whole ledger into an empty folder; verify.py --ledger verifies it without the register."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Export and say how much."""
        try:
            with snapshot(router.db_for_read(LedgerEvent)):
                size = export_ledger(options["folder"])
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{size} events in {options['folder']}")
