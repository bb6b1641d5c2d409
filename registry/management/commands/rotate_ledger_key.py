"""How does the key that signs checkpoints retire? By an administrator, from the shell of the machine that has it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.actions.ledger import rotate_ledger_key
from registry.errors import DomainError
from registry.ledger.event import read
from registry.models import User


class Command(BaseCommand):
    """Lets a new key sign checkpoints from here on, and records it with the signatures of both."""

    help = "Retire the key that signs checkpoints; a new one signs from here on. Prints the new verifier key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare who does it."""
        parser.add_argument("username", help="the administrator who retires the key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, and print the verifier key to hand to auditors."""
        person = User.objects.filter(username=options["username"].casefold()).first()
        if person is None:
            raise CommandError(f"There is no account {options['username']!r}.")
        try:
            event = rotate_ledger_key(actor=person)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(str(read(bytes(event.body)).state["key"]))
