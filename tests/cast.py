"""Who plays in the tests? A fixed cast, made through the real actions, each with one role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from django.test.client import ClientHandler

    from registry.models import User

PASSWORD = "correct horse battery staple"


@dataclass
class Cast:
    """Everybody, by first name. ``token`` is ci-bot's, with every scope; Ada answers for ci-bot."""

    adam: User
    ada: User
    olga: User
    vera: User
    ravi: User
    pia: User
    otto: User
    ci_bot: User
    token: str

    @property
    def people(self) -> tuple[User, ...]:
        """Return the human beings."""
        return (self.adam, self.ada, self.olga, self.vera, self.ravi, self.pia, self.otto)


def make_cast() -> Cast:
    """Register everybody on an empty register and give each their role and ci-bot a token."""
    from governance.actions.credentials import SCOPES, make_credential
    from registry.actions.people import grant_role, register_person, register_service_account, set_up_first_person
    from registry.models import Role

    adam = set_up_first_person(username="adam", display_name="Adam")

    def person(username: str, role: Role) -> User:
        made = register_person(username=username, display_name=username.capitalize(), actor=adam)
        grant_role(made, role, actor=adam)
        return made

    ada = person("ada", Role.DEVELOPER)
    olga = person("olga", Role.OWNER)
    vera = person("vera", Role.VALIDATOR)
    ravi = person("ravi", Role.RISK_MANAGER)
    pia = person("pia", Role.APPROVER)
    otto = person("otto", Role.AUDITOR)
    ci_bot = register_service_account(username="ci-bot", display_name="CI", responsible=ada, actor=adam)
    _, token = make_credential(ci_bot, name="pipeline", scopes=sorted(SCOPES), days=30, actor=adam)
    return Cast(adam, ada, olga, vera, ravi, pia, otto, ci_bot, token)


@pytest.fixture
def cast(db: None) -> Cast:
    """Return the cast in the test's database."""
    return make_cast()


@contextmanager
def in_session_of(person: User) -> Iterator[User]:
    """Act as ``person`` in a signed-in session for the length of a ``with`` block, as the web would record it."""
    from registry.ledger.context import ActContext, acting

    with acting(ActContext(request_id=f"test-{uuid4()}", authentication="session", on_behalf_of=None)):
        yield person


def signed_in(person: User, *, enforce_csrf_checks: bool = False) -> Client:
    """Return a browser-like client with a signed-in session of ``person``."""
    client = a_client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(person)
    return client


def a_client(*, enforce_csrf_checks: bool = False) -> Client:
    """Return a client of nobody yet. All share the loaded middleware, which takes longer than most requests."""
    from django.test import Client

    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.handler = _handler(enforce_csrf_checks=enforce_csrf_checks)
    return client


@cache
def _handler(*, enforce_csrf_checks: bool) -> ClientHandler:
    from django.test.client import ClientHandler

    return ClientHandler(enforce_csrf_checks=enforce_csrf_checks)


def give_password(person: User) -> str:
    """Set ``PASSWORD`` for a person by the real action and return it, for tests that sign in through the form."""
    from registry.actions.people import set_password

    set_password(person, PASSWORD, actor=person)
    return PASSWORD
