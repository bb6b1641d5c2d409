"""How does a person get in for the first time? One-time links, shown once, stored as digests."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from governance.models import OneTimeLink
from registry.actions.people import set_password, set_up_first_person
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Role, User

declare_action("link.made", "A one-time link was made for a person.")
declare_action("link.replaced", "An unused one-time link gave way to a new one.")
declare_action("link.used", "A person used their one-time link and set a password.")

LINK_HOURS = 24


@transaction.atomic
def make_link(person: User, *, actor: User) -> str:
    """Make a one-time link for a person and return its address; only an administrator may, and it is shown only now."""
    if not (actor.is_person and actor.holds(Role.ADMINISTRATOR)):
        raise DomainError("not-an-administrator", "Only an administrator may do this.", kind="forbidden")
    if person.has_ended:
        raise DomainError("account-ended", "The account has ended; set another end first.", kind="conflict")
    if not person.is_person or not person.is_active:
        raise DomainError("not-a-person", "A one-time link is for an active person.")
    _replace_links(person, actor=actor)
    token = secrets.token_urlsafe(32)
    now = database_now()
    link = OneTimeLink.objects.create(
        person=person, digest=sha256_hex(token.encode()), made_at=now, expires_at=now + timedelta(hours=LINK_HOURS)
    )
    append("link.made", link, actor=actor)
    return settings.PUBLIC_URL.rstrip("/") + reverse("enter", args=[token])


def first_start_link() -> str | None:
    """Return a one-time link for the first administrator, as long as nobody has ever got in; else None.

    An empty register gets its first person here. A link that was printed and lost is replaced by a new one.
    """
    with transaction.atomic():
        people = list(User.objects.select_for_update()[:2])
        if not people:
            first = set_up_first_person(username="administrator", display_name="Administrator")
        elif len(people) == 1 and not people[0].has_usable_password():
            first = people[0]
        else:
            return None
        return make_link(first, actor=first)


def _replace_links(person: User, *, actor: User) -> None:
    """Use up the links that are left for a person, so that an older one that somebody kept lets nobody in."""
    for link in OneTimeLink.objects.select_for_update().filter(person=person, used_at__isnull=True).order_by("id"):
        link.used_at = database_now()
        link.save(update_fields=["used_at"])
        append("link.replaced", link, actor=actor)


def person_of_link(token: str) -> User:
    """Return whom a link lets in, without using it up. Raises ``link-not-valid`` (not found)."""
    return _live(token).person


@transaction.atomic
def use_link(token: str, *, password: str) -> User:
    """Set the person's password and use the link up. Raises ``link-not-valid`` or ``weak-password``."""
    link = _live(token)
    if OneTimeLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=database_now()) != 1:
        raise _not_valid()
    set_password(link.person, password, actor=link.person)
    link.refresh_from_db()
    append("link.used", link, actor=link.person)
    _replace_links(link.person, actor=link.person)
    return link.person


def _live(token: str) -> OneTimeLink:
    link = (
        OneTimeLink.objects.select_related("person")
        .filter(digest=sha256_hex(token.encode("utf-8", "replace")), used_at__isnull=True, person__is_active=True)
        .first()
    )
    if link is None or link.expires_at <= database_now() or link.person.has_ended:
        raise _not_valid()
    return link


def _not_valid() -> DomainError:
    return DomainError("link-not-valid", "This link has been used, has expired, or never was.", kind="not-found")
