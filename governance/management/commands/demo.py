"""Does the main job work on this machine? Walks through it on real data and leaves its artifacts."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from governance.demo import people
from governance.demo.pipeline import Pipeline
from governance.demo.story import NotAsItShould, Story
from governance.demo.walk import Walk
from governance.processes.children import NotStarted
from governance.processes.running import running_service
from registry.errors import DomainError


class Command(BaseCommand):
    """Runs the demo on an empty register; exit 0 only if every step did what it should."""

    help = "Walk through the main job on real data, over HTTP, with a real worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where the artifacts go."""
        parser.add_argument(
            "--output", type=Path, default=settings.VAR / "demo", help="folder for what the walk leaves"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Set up, start the service in processes of its own, walk, and print the people's one-time links."""
        folder: Path = options["output"].resolve()
        folder.mkdir(parents=True, exist_ok=True)
        story = Story(self.stdout)  # type: ignore[arg-type]  # Django's wrapper writes like a text stream
        story.chapter("Cadastre: the main job, on real data")
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        try:
            cast = people.set_up()
        except DomainError as error:
            raise CommandError(f"{error.message} The demo needs an empty register.") from error
        story.say("people, roles, environments and policies are set up; no password exists yet")
        connections.close_all()
        try:
            with (folder / "service.log").open("w") as log, running_service(log=log) as service:
                story.say(f"web, worker, beat and queue run as processes of their own at {service.base_url}")
                Walk(story, cast, Pipeline(service.base_url, cast.token, folder), folder).go()
        except (NotAsItShould, NotStarted) as error:
            raise CommandError(f"Not as it should be: {error}\nThe service's log: {folder / 'service.log'}") from error
        self._leave(story, cast, folder)

    def _leave(self, story: Story, cast: people.Cast, folder: Path) -> None:
        story.chapter("Done. Left behind:")
        for name in (
            "gate-denied.json", "gate-allowed.json", "attestation.json", "dossier.pdf", "bundle.zip", "trusted-key.pub",
            "ledger-checkpoint.txt",
        ):  # fmt: skip
            story.say(str(folder / name))
        story.chapter(
            "To look around, run `make serve` and sign in with a one-time link (valid for a day, works once):"
        )
        for username in cast.people:
            story.say(f"{username:6} {cast.link(username)}")
