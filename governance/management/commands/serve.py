"""How is the whole service started by one command? Migrates, starts every part, and ends all of it on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from governance.processes.children import NotStarted
from governance.processes.running import running_service


class Command(BaseCommand):
    """Runs console, API, worker and beat, with the embedded queue unless a broker is named by environment."""

    help = "Run console, API, worker and beat in one command. Ctrl-C ends all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where to listen and how many processes to start."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
        parser.add_argument("--web-processes", type=int, default=2)
        parser.add_argument("--worker-processes", type=int, default=2)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until asked to end (exit 0) or until a part ends on its own (exit 1)."""
        stop = threading.Event()
        previous = {
            number: signal.signal(number, _sets(stop)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            self._serve(stop, options)
        except NotStarted as error:
            if not stop.is_set():
                raise CommandError(str(error)) from error
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _serve(self, stop: threading.Event, options: dict[str, Any]) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()
        with running_service(
            host=options["host"],
            port=options["port"],
            web_processes=options["web_processes"],
            worker_processes=options["worker_processes"],
            log=sys.stderr,
            stop=stop,
        ) as service:
            self.stdout.write(f"Cadastre answers at {service.base_url}/ (Ctrl-C ends it)")
            if link := _first_start_link(service.base_url):
                self.stdout.write(
                    f"No person is registered yet. This link works once, to set up the administrator:\n  {link}"
                )
            self.stdout.flush()
            ended = service.group.wait(stop)
            self.stdout.write("Ending.")
        if ended is not None:
            raise CommandError(
                f"The {ended.command.name} ended with exit code {ended.exit_code}; everything was ended."
            )


def _first_start_link(base_url: str) -> str | None:
    from governance.actions.people import first_start_link

    link = first_start_link()
    if link is not None and "CADASTRE_PUBLIC_URL" not in os.environ:
        # Nobody said under which address this service is reached, so it is the one that it listens on.
        return base_url + link.removeprefix(settings.PUBLIC_URL.rstrip("/"))
    return link


def _sets(stop: threading.Event) -> Any:
    def handler(number: int, frame: FrameType | None) -> None:
        stop.set()

    return handler
