"""How does the first administrator, or one who lost their password, get in? By a one-time link from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.actions.people import first_start_link, make_link
from registry.errors import DomainError
from registry.models import Role, User


class Command(BaseCommand):
    """Prints a one-time link: for the first start, or for an administrator who is named."""

    help = "Print a one-time link for the first administrator, or for the administrator named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare whom the link is for."""
        parser.add_argument("username", nargs="?", help="an administrator; nobody else gets in from the shell")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link; it is recorded in the ledger like any other."""
        username = options["username"]
        if username is None:
            link = first_start_link()
            if link is None:
                raise CommandError("People are registered already. Name the administrator the link is for.")
        else:
            person = User.objects.filter(username=username.casefold()).first()
            if person is None or not person.holds(Role.ADMINISTRATOR):
                raise CommandError(f"{username!r} is not an administrator. An administrator makes links for others.")
            try:
                link = make_link(person, actor=person)
            except DomainError as error:
                raise CommandError(error.message) from error
        self.stdout.write(link)
