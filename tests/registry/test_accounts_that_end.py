"""Does an account that has an end stop at it, everywhere, and can only an administrator move it?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from governance.actions.approvals import obstacles
from governance.actions.credentials import credential_of, make_credential
from governance.actions.people import make_link, person_of_link
from governance.gate.contract import Asked
from governance.gate.eligibility import INACTIVE
from governance.gate.facts import gather_facts
from governance.plans import rules_of
from registry.actions.people import (
    deactivate,
    end_role,
    grant_role,
    register_person,
    register_service_account,
    set_end,
)
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Role, User
from tests import builders
from tests.cast import PASSWORD, Cast, a_client, give_password, in_session_of, signed_in

pytestmark = pytest.mark.django_db
SOON = timedelta(days=30)


def an_outside_auditor(cast: Cast) -> User:
    """Return an auditor from outside who may look for thirty days."""
    made = register_person(
        username="vicky", display_name="Vicky", outside=True, ends_at=database_now() + SOON, actor=cast.adam
    )
    grant_role(made, Role.AUDITOR, actor=cast.adam)
    return made


def let_it_end(account: User) -> User:
    """Let the end have come, as time does; the ledger says the same."""
    from django.db import transaction

    from registry.ledger.append import append

    with transaction.atomic():
        account.ends_at = database_now() - timedelta(seconds=1)
        account.save(update_fields=["ends_at"])
        append("person.end_set", account, actor=account)
    return User.objects.get(pk=account.pk)


def test_someone_from_outside_has_an_end_within_a_year(cast: Cast) -> None:
    for ends_at, code in (
        (None, "outside-without-end"),
        (database_now() - timedelta(seconds=1), "end-in-the-past"),
        (database_now() + timedelta(days=367), "end-too-far"),
    ):
        with pytest.raises(DomainError, match=code):
            register_person(username="vicky", display_name="V", outside=True, ends_at=ends_at, actor=cast.adam)
    assert not User.objects.filter(username="vicky").exists()
    vicky = an_outside_auditor(cast)
    for ends_at, code in ((None, "outside-without-end"), (database_now() + timedelta(days=400), "end-too-far")):
        with pytest.raises(DomainError, match=code):
            set_end(vicky, ends_at, actor=cast.adam)
    event = LedgerEvent.objects.get(action="person.registered", subject_key=str(vicky.pk))
    assert b'"outside":true' in bytes(event.body)
    assert b'"ends_at":"' in bytes(event.body)
    assert differences() == []


def test_only_an_administrator_sets_an_end_and_not_their_own(cast: Cast) -> None:
    later = database_now() + SOON
    for actor, account, code in (
        (cast.ravi, cast.otto, "not-an-administrator"),
        (cast.otto, cast.otto, "not-an-administrator"),
        (cast.adam, cast.adam, "not-oneself"),
    ):
        with pytest.raises(DomainError, match=code):
            set_end(account, later, actor=actor)
    set_end(cast.otto, later, actor=cast.adam)
    assert LedgerEvent.objects.filter(action="person.end_set", subject_key=str(cast.otto.pk)).count() == 1
    set_end(cast.otto, later, actor=cast.adam)
    assert LedgerEvent.objects.filter(action="person.end_set", subject_key=str(cast.otto.pk)).count() == 1
    assert set_end(cast.otto, None, actor=cast.adam).ends_at is None
    assert differences() == []


def test_an_administrator_whose_account_has_no_end_stays(cast: Cast) -> None:
    limited = register_person(
        username="eve", display_name="Eve", ends_at=database_now() + timedelta(days=1), actor=cast.adam
    )
    grant_role(limited, Role.ADMINISTRATOR, actor=cast.adam)
    grant = cast.adam.grants.get(role=Role.ADMINISTRATOR)
    with pytest.raises(DomainError, match="last-administrator"):
        set_end(cast.adam, database_now() + SOON, actor=limited)
    with pytest.raises(DomainError, match="last-administrator"):
        end_role(grant, actor=limited)
    with pytest.raises(DomainError, match="last-administrator"):
        deactivate(cast.adam, actor=limited)


def test_sign_in_is_refused_at_the_end_and_says_so_only_to_whoever_knows_the_password(cast: Cast) -> None:
    vicky = an_outside_auditor(cast)
    give_password(vicky)
    client = a_client()
    typed = {"username": "vicky", "password": PASSWORD}
    assert client.post(reverse("admin:login"), typed).status_code == 302
    let_it_end(vicky)
    fresh = a_client()
    refused = fresh.post(reverse("admin:login"), typed)
    assert refused.status_code == 200
    assert refused.context["form"].errors.as_data()["__all__"][0].code == "account-ended"
    guessed = fresh.post(reverse("admin:login"), typed | {"password": "another one"})
    assert "has ended" not in guessed.content.decode()
    assert "_auth_user_id" not in fresh.session


def test_a_session_is_closed_with_the_first_request_after_the_end(cast: Cast) -> None:
    vicky = an_outside_auditor(cast)
    page, api = signed_in(vicky), signed_in(vicky)
    assert page.get(reverse("admin:audit")).status_code == 200
    assert api.get("/api/v1/ledger/standing/").status_code == 200
    let_it_end(vicky)
    refused = page.get(reverse("admin:audit"))
    assert (refused.status_code, refused["X-Cadastre-Code"]) == (403, "account-ended")
    assert "Your account has ended" in refused.content.decode()
    assert page.get(reverse("admin:audit")).status_code == 302
    answer = api.get("/api/v1/ledger/standing/")
    assert (answer.status_code, answer.json()["code"]) == (401, "account-ended")
    assert api.get("/api/v1/ledger/standing/").json()["code"] == "not-authenticated"


def test_tokens_and_links_end_with_the_account_and_with_whoever_answers_for_it(cast: Cast) -> None:
    bot = register_service_account(username="bot-two", display_name="Bot", responsible=cast.olga, actor=cast.adam)
    _, token = make_credential(bot, name="t", scopes=["inventory:read"], days=30, actor=cast.adam)
    call = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    client = a_client()
    assert client.get("/api/v1/models/", **call).status_code == 200
    link = make_link(cast.olga, actor=cast.adam).rsplit("/", 2)[1]
    let_it_end(cast.olga)
    with pytest.raises(DomainError, match="account-ended"):
        credential_of(token)
    answer = client.get("/api/v1/models/", **call)
    assert (answer.status_code, answer.json()["code"]) == (401, "account-ended")
    with pytest.raises(DomainError, match="link-not-valid"):
        person_of_link(link)
    with pytest.raises(DomainError, match="account-ended"):
        make_link(User.objects.get(pk=cast.olga.pk), actor=cast.adam)
    set_end(cast.olga, database_now() + SOON, actor=cast.adam)
    assert client.get("/api/v1/models/", **call).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_an_approval_does_not_outlive_the_account_that_gave_it(cast: Cast) -> None:
    asked = builders.an_open_promotion(cast)
    with in_session_of(cast.ravi):
        builders.an_approval(asked, cast.ravi)
    ended = let_it_end(cast.ravi)
    rules = rules_of(asked.policy)
    assert rules is not None
    assert INACTIVE in obstacles(asked, ended, rules)
    link = asked.version.model_artifact()
    facts = gather_facts(Asked("production", link.artifact_id, "nonce-0001"), database_now())
    assert [one.approver_active for one in facts.approvals] == [False]
    assert [one.approver_roles for one in facts.approvals] == [frozenset()]


def test_the_administrator_registers_and_extends_on_the_page_of_people(cast: Cast) -> None:
    adam = signed_in(cast.adam)
    day = (database_now() + SOON).date()
    sent = {
        "act": "person",
        "person-username": "vicky",
        "person-display_name": "Vicky",
        "person-outside": "on",
    }
    assert adam.post(reverse("admin:people"), sent).status_code == 400
    assert adam.post(reverse("admin:people"), sent | {"person-ends_at": day.isoformat()}).status_code == 302
    vicky = User.objects.get(username="vicky")
    assert vicky.ends_at is not None
    assert vicky.ends_at.date() == day
    where = reverse("admin:person", args=[vicky.pk])
    page = adam.get(where).content.decode()
    assert "ends on" in page
    assert "from outside" in page
    assert "ends on" in adam.get(reverse("admin:people")).content.decode()
    later = (database_now() + 2 * SOON).date()
    assert adam.post(where, {"act": "end", "end-ends_at": later.isoformat()}).status_code == 302
    assert adam.post(where, {"act": "end", "end-ends_at": ""}).status_code == 400
    vicky.refresh_from_db()
    assert vicky.ends_at.date() == later
