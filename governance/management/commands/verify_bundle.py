"""Does the service itself verify a bundle? Exit 0 verified, 1 proven false, 2 could not be verified."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Verifies a bundle with the service's own code; the tables have no part in it."""

    help = "Verify the bundle of a dossier. Exit 0: verified; 1: proven false; 2: could not be verified."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("bundle", type=Path, help="the zip")
        parser.add_argument("--key", type=Path, metavar="FILE", help="file with the trusted verifier key (name+id+key)")
        parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a signed checkpoint that was kept outside")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, print, and exit with the verdict."""
        from audits.dossier.bundle_check import verify_bundle

        try:
            data = options["bundle"].read_bytes()
            key, kept = (
                path.read_text(encoding="utf-8") if (path := options[name]) else None for name in ("key", "checkpoint")
            )
        except (OSError, ValueError) as error:
            self.stderr.write(f"It cannot be read: {error}")
            sys.exit(2)
        report = verify_bundle(data, key=key.strip() if key else None, checkpoint=kept)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2, ensure_ascii=True))
        else:
            self.stdout.write("\n".join(report.lines()))
        if report.exit_code:
            sys.exit(report.exit_code)
