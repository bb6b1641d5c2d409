"""Does the administrator look after people, links and tokens, each secret shown once?"""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from governance.actions.credentials import credential_of
from governance.models import ApiCredential, OneTimeLink
from registry.models import Role, User
from tests.cast import PASSWORD, Cast, signed_in

pytestmark = pytest.mark.django_db


def person_page(person: User) -> str:
    return reverse("admin:person", args=[person.pk])


def secret_in(page: str) -> str:
    found = re.search(r'<code class="secret">([^<]+)</code>', page)
    assert found, "no secret is shown"
    return found[1]


def test_a_person_is_registered_gets_a_role_and_comes_in_by_a_link_that_works_once(cast: Cast) -> None:
    adam = signed_in(cast.adam)
    typed = {"act": "person", "person-username": "nina", "person-display_name": "Nina", "person-email": ""}
    assert adam.post(reverse("admin:people"), typed).status_code == 302
    nina = User.objects.get(username="nina")
    assert adam.post(person_page(nina), {"act": "role", "role-role": Role.APPROVER}).status_code == 302
    made = adam.post(person_page(nina), {"act": "link"}).content.decode()
    link = secret_in(made)
    assert link not in adam.get(person_page(nina)).content.decode()
    path = link[link.index("/enter/") :]
    newcomer = Client(enforce_csrf_checks=True)
    shown = newcomer.get(path)
    assert shown.status_code == 200
    assert "Nina" in shown.content.decode()
    form = {"csrfmiddlewaretoken": newcomer.cookies["csrftoken"].value, "password": PASSWORD, "again": PASSWORD}
    assert newcomer.post(path, form).status_code == 302
    assert newcomer.get(reverse("admin:index")).status_code == 200
    again = Client().get(path)
    assert again.status_code == 404
    assert "This link is not valid" in again.content.decode()
    assert OneTimeLink.objects.get().used_at is not None


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short", "short", "too short"),
        (PASSWORD, PASSWORD + "!", "differ"),
        ("nina-nina-nina", "nina-nina-nina", "similar"),
    ],
    ids=["short", "different", "like-the-name"],
)
def test_a_weak_password_is_refused_and_the_link_stays_good(cast: Cast, password: str, again: str, said: str) -> None:
    from governance.actions.people import make_link
    from registry.actions.people import register_person

    nina = register_person(username="nina-nina-nina", display_name="Nina", actor=cast.adam)
    link = make_link(nina, actor=cast.adam)
    path = link[link.index("/enter/") :]
    answer = Client().post(path, {"password": password, "again": again})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert OneTimeLink.objects.get().used_at is None
    nina.refresh_from_db()
    assert not nina.has_usable_password()


def test_a_role_ends_by_a_button_and_stays_in_the_history(cast: Cast) -> None:
    grant = cast.pia.grants.get()
    assert signed_in(cast.adam).post(person_page(cast.pia), {"act": "end-role", "grant": grant.pk}).status_code == 302
    grant.refresh_from_db()
    assert grant.ended_by == cast.adam


def test_a_role_is_not_ended_on_the_page_of_somebody_else(cast: Cast) -> None:
    grant = cast.pia.grants.get()
    answer = signed_in(cast.adam).post(person_page(cast.ravi), {"act": "end-role", "grant": grant.pk})
    assert answer.status_code == 404
    grant.refresh_from_db()
    assert grant.ended_at is None


@pytest.mark.parametrize(
    ("who", "role", "said"),
    [
        ("adam", Role.APPROVER, "Nobody gives a role to themselves."),
        ("otto", Role.APPROVER, "An auditor holds no other role."),
        ("pia", Role.ADMINISTRATOR, "An administrator holds no role that decides."),
    ],
)
def test_a_role_that_does_not_go_together_is_refused_and_said(cast: Cast, who: str, role: str, said: str) -> None:
    person: User = getattr(cast, who)
    before = person.grants.count()
    answer = signed_in(cast.adam).post(person_page(person), {"act": "role", "role-role": role})
    assert answer.status_code in {400, 403}
    if who != "adam":  # one's own page has no form to say it beside
        assert said in answer.content.decode()
    assert person.grants.count() == before


def test_a_token_is_shown_once_and_works_until_it_is_taken_away(cast: Cast) -> None:
    adam = signed_in(cast.adam)
    typed = {"act": "token", "token-name": "new pipeline", "token-days": "30", "token-scopes": ["gate:decide"]}
    answer = adam.post(person_page(cast.ci_bot), typed)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    token = secret_in(answer.content.decode())
    assert token not in adam.get(person_page(cast.ci_bot)).content.decode()
    found = credential_of(token)
    assert found is not None
    assert found.scopes == ["gate:decide"]
    adam.post(person_page(cast.ci_bot), {"act": "revoke", "credential": found.pk})
    assert credential_of(token) is None


def test_a_token_needs_a_scope_and_is_only_for_machines(cast: Cast) -> None:
    adam = signed_in(cast.adam)
    before = ApiCredential.objects.count()
    assert (
        adam.post(person_page(cast.ci_bot), {"act": "token", "token-name": "x", "token-days": "3"}).status_code == 400
    )
    typed = {"act": "token", "token-name": "x", "token-days": "3", "token-scopes": ["gate:decide"]}
    assert adam.post(person_page(cast.pia), typed).status_code == 400
    assert ApiCredential.objects.count() == before


def test_an_account_is_shut_out_and_its_session_ends(cast: Cast) -> None:
    pia = signed_in(cast.pia)
    assert signed_in(cast.adam).post(person_page(cast.pia), {"act": "deactivate"}).status_code == 302
    assert pia.get(reverse("admin:index")).status_code == 302
    assert signed_in(cast.adam).post(person_page(cast.adam), {"act": "deactivate"}).status_code == 403


@pytest.mark.parametrize("act", ["role", "end-role", "link", "token", "revoke", "deactivate"])
def test_nobody_but_an_administrator_does_any_of_it(cast: Cast, act: str) -> None:
    for person in cast.people[1:]:
        assert signed_in(person).post(person_page(cast.pia), {"act": act}).status_code == 403
    cast.pia.refresh_from_db()
    assert cast.pia.is_active
    assert OneTimeLink.objects.count() == 0


def test_a_person_changes_their_own_password_with_the_present_one(cast: Cast) -> None:
    from tests.cast import give_password

    give_password(cast.ravi)
    cast.ravi.refresh_from_db()
    ravi = signed_in(cast.ravi)
    new = {"password": "a new and longer sentence", "again": "a new and longer sentence"}
    assert ravi.post(reverse("admin:password"), new | {"present": "wrong"}).status_code == 400
    assert ravi.post(reverse("admin:password"), new | {"present": PASSWORD}).status_code == 302
    cast.ravi.refresh_from_db()
    assert cast.ravi.check_password("a new and longer sentence")
    assert ravi.get(reverse("admin:index")).status_code == 200
