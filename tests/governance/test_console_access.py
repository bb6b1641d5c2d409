"""Who may open which page of the console?"""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from registry.models import User
from tests import builders
from tests.cast import PASSWORD, Cast, give_password, signed_in

pytestmark = pytest.mark.django_db
EVERYBODY = frozenset({"adam", "ada", "olga", "vera", "ravi", "pia", "otto"})
TABLE: dict[str, frozenset[str]] = {
    "index": EVERYBODY,
    "models": EVERYBODY,
    "promotions": EVERYBODY,
    "findings": EVERYBODY,
    "policies": EVERYBODY,
    "policy_draft": frozenset({"ravi"}),
    "portfolio": EVERYBODY - {"adam"},
    "audit": EVERYBODY - {"adam"},
    "items": EVERYBODY - {"adam"},
    "room": frozenset({"otto", "ravi"}),
    "samples": frozenset({"otto", "ravi"}),
    "verifications": EVERYBODY - {"adam"},
    "looks": frozenset({"otto", "ravi", "adam"}),
    "people": frozenset({"adam"}),
    "records": EVERYBODY,
    "password": EVERYBODY,
}


@pytest.mark.parametrize("page", sorted(TABLE))
def test_a_page_opens_to_its_roles_and_to_nobody_else(cast: Cast, page: str) -> None:
    address = reverse(f"admin:{page}")
    opened = {person.username for person in cast.people if signed_in(person).get(address).status_code == 200}
    refused = {person.username for person in cast.people if signed_in(person).get(address).status_code == 403}
    assert opened == TABLE[page]
    assert refused == EVERYBODY - TABLE[page]


@pytest.mark.parametrize("page", sorted(TABLE))
def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(cast: Cast, page: str) -> None:
    answer = Client().get(reverse(f"admin:{page}"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


def test_the_navigation_shows_only_rooms_that_open(cast: Cast) -> None:
    of_the_auditor = signed_in(cast.otto).get(reverse("admin:index")).content.decode()
    of_the_administrator = signed_in(cast.adam).get(reverse("admin:index")).content.decode()
    assert reverse("admin:audit") in of_the_auditor
    assert reverse("admin:people") not in of_the_auditor
    assert reverse("admin:people") in of_the_administrator
    assert f'href="{reverse("admin:audit")}"' not in of_the_administrator


@pytest.mark.parametrize("who", ["ci_bot", "without a role", "shut out"])
def test_machines_and_people_without_a_role_stay_outside(cast: Cast, who: str) -> None:
    from registry.actions.people import deactivate, register_person

    person: User = cast.ci_bot
    if who == "without a role":
        person = register_person(username="nina", display_name="Nina", actor=cast.adam)
    elif who == "shut out":
        person = deactivate(cast.pia, actor=cast.adam)
    answer = signed_in(person).get(reverse("admin:index"))
    assert answer.status_code == 302
    assert reverse("admin:login") in answer["Location"]


def test_the_sign_in_page_lets_a_person_in_by_name_and_password(cast: Cast) -> None:
    give_password(cast.ravi)
    client = Client()
    wrong = client.post(reverse("admin:login"), {"username": "ravi", "password": "not that one"})
    assert wrong.status_code == 200
    assert 'role="alert"' in wrong.content.decode()
    right = client.post(reverse("admin:login"), {"username": "Ravi", "password": PASSWORD, "next": "/console/models/"})
    assert right.status_code == 302
    assert right["Location"] == "/console/models/"


def test_signing_out_takes_a_form_and_ends_the_session(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    assert client.get(reverse("admin:logout")).status_code == 405
    assert "You are signed out" in client.post(reverse("admin:logout")).content.decode()
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize(
    "page", ["promotion", "finding", "run", "decision", "verification", "dossier_pdf", "dossier_bundle"]
)
def test_a_page_of_something_unknown_is_a_plain_404(cast: Cast, page: str) -> None:
    answer = signed_in(cast.ravi).get(reverse(f"admin:{page}", args=[UUID(int=1)]))
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_the_bare_address_leads_to_the_console(cast: Cast) -> None:
    assert Client().get("/")["Location"] == reverse("admin:index")


def test_today_puts_what_waits_for_the_person_first(cast: Cast) -> None:
    asked = builders.an_open_promotion(cast)
    link = reverse("admin:promotion", args=[asked.pk])
    mine = signed_in(cast.ravi).get(reverse("admin:index"))
    assert [one.request for one in mine.context["panels"][0]["rows"]] == [asked]
    assert "One promotion waits for your decision." in mine.content.decode()
    assert link in mine.content.decode()
    builders.an_approval(asked, cast.ravi)
    after = signed_in(cast.ravi).get(reverse("admin:index"))
    assert after.context["panels"][0]["rows"] == []
    assert "You have decided:" in after.content.decode()


def test_today_of_the_auditor_begins_with_dossiers_and_the_ledger(cast: Cast) -> None:
    panels = signed_in(cast.otto).get(reverse("admin:index")).context["panels"]
    assert [panel["name"] for panel in panels][:2] == ["dossiers", "ledger"]


def test_today_of_the_administrator_is_about_people_and_machines(cast: Cast) -> None:
    panels = signed_in(cast.adam).get(reverse("admin:index")).context["panels"]
    assert [panel["name"] for panel in panels][:3] == ["accounts", "workers", "ledger"]
