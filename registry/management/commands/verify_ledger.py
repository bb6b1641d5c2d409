"""Is the ledger as it was written? Exit 0 verified, 1 proven false, 2 could not be verified."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from registry.ledger.verify import verify_all


class Command(BaseCommand):
    """Verifies every event, leaf, checkpoint, anchor, chain and trigger, and the tables against the ledger."""

    help = "Verify the ledger. Exit 0: verified; 1: proven false; 2: could not be verified."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--anchors",
            type=Path,
            metavar="PATH",
            help="anchor folder or file, receipt, dossier facts, or a kept signed note",
        )
        parser.add_argument("--ask-remote", action="store_true", help="read back what S3 keeps, too")
        parser.add_argument("--key", type=Path, metavar="PATH", help="file with the trusted verifier key (name+id+key)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and exit with the verdict."""
        try:
            report = verify_all(
                anchor_path=options["anchors"], key_path=options["key"], ask_remote=options["ask_remote"]
            )
        except DatabaseError as error:
            self.stderr.write(f"The database cannot be read: {error}")
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2, ensure_ascii=True))
        else:
            self.stdout.write("\n".join(report.lines()))
        if report.exit_code:
            sys.exit(report.exit_code)
