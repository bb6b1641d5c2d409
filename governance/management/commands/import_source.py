"""Which versions does another platform hold? Registers them through a source connector and says what came of each."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audits.sandbox.inspect import require
from registry.actions.imports import ImportResult, import_from_source
from registry.errors import DomainError
from registry.ledger.context import ActContext, acting, current
from registry.models import User
from registry.sources.contract import SOURCES, open_source, shown_settings

LARGEST_SETTINGS = 1 << 20
WRONG_INPUT = 2


class Command(BaseCommand):
    """Imports from one source. Exit 0: all known or registered; 1: some entry was refused; 2: wrong input."""

    help = "Register the versions that a source holds. Exit 0: all taken in; 1: some refused; 2: wrong input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the source, its settings, and who imports."""
        parser.add_argument("source", help="slug of the connector, for instance: folder")
        parser.add_argument("--actor", required=True, help="user name of a developer or CI service account")
        parser.add_argument("--settings-file", type=Path, metavar="FILE", help="settings of the source, as JSON")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=TEXT", help="one setting; not for secrets"
        )
        parser.add_argument("--since", type=_instant, help="leave out what was last written before (ISO 8601)")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, print, and exit with the outcome."""
        try:
            settings = _settings(options["source"], options["settings_file"], options["set"])
            source = open_source(options["source"], settings)
            actor = User.objects.select_related("responsible").filter(username=options["actor"].casefold()).first()
            if actor is None:
                raise CommandError(f"There is no account {options['actor']!r}.", returncode=WRONG_INPUT)
            with acting(_circumstances(actor)):
                result = import_from_source(source, actor=actor, inspect=_as_declared, since=options["since"])
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=WRONG_INPUT) from refusal
        shown = shown_settings(options["source"], settings)
        if options["json"]:
            self.stdout.write(json.dumps(result.as_json() | {"settings": shown}, indent=2, ensure_ascii=True))
        else:
            self._tell(result, shown)
        if result.refused:
            sys.exit(1)

    def _tell(self, result: ImportResult, shown: dict[str, Any]) -> None:
        self.stdout.write(f"source {result.source} {json.dumps(shown, ensure_ascii=True)}")
        for word, versions in (("registered", result.registered), ("known", result.known)):
            for version in versions:
                self.stdout.write(f"  {word:<10} {version}")
        for one in result.refused:
            # ascii() keeps a name with a line break or a control character on its line
            self.stdout.write(f"  refused    {one.entry!a}: {one.code}: {one.message!a}")
        counts = len(result.registered), len(result.known), len(result.refused)
        self.stdout.write("{} registered, {} known already, {} refused".format(*counts))


def _as_declared(path: Path, format: str) -> object:
    return require(path, declared=format)


def _settings(slug: str, file: Path | None, pairs: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            with file.open("rb") as stream:
                settings = json.loads(stream.read(LARGEST_SETTINGS))
        except (OSError, ValueError) as error:
            raise CommandError(f"The settings cannot be read: {error}", returncode=WRONG_INPUT) from error
    if not isinstance(settings, dict):
        raise CommandError("The settings are a JSON object.", returncode=WRONG_INPUT)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name in SOURCES.get(slug).secret_fields:
            raise CommandError(
                "A setting is NAME=TEXT, and a secret belongs into --settings-file.", returncode=WRONG_INPUT
            )
        settings[name] = value
    return settings


def _circumstances(actor: User) -> ActContext:
    behind = None if actor.is_person else str(actor.person.pk)
    return ActContext(request_id=current().request_id, authentication="command", on_behalf_of=behind)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
