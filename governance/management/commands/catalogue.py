"""Which checks, controls, sections and sources does this installation know? Prints every registered plug-in."""

from __future__ import annotations

import importlib
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry import catalogue

HOMES = (
    "registry.sources.contract",
    "audits.checks.contract",
    "audits.dossier.contract",
    "audits.sandbox.formats.contract",
    "governance.gate.control",
)


def listing() -> dict[str, list[dict[str, str]]]:
    """Return ``{kind: [{slug, summary, module}]}`` for every catalogue, kinds and slugs in alphabetical order."""
    for home in HOMES:
        importlib.import_module(home)
    return {
        kind: [
            {"slug": entry.slug, "summary": str(entry.summary), "module": entry.module} for entry in catalogue.ALL[kind]
        ]
        for kind in sorted(catalogue.ALL)
    }


class Command(BaseCommand):
    """Prints the catalogues, as text or as JSON."""

    help = "List every registered check, control, section and source."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the output format."""
        parser.add_argument("--json", action="store_true", help="print {kind: [{slug, summary, module}]}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the listing."""
        found = listing()
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=True))
            return
        for kind, entries in found.items():
            self.stdout.write(f"{kind} ({len(entries)})")
            for entry in entries:
                self.stdout.write(f"  {entry['slug']:<40} {entry['summary']}")
