"""Who may come in, who gives roles to whom, and which roles exclude each other?"""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, transaction

from registry.actions.deployments import register_environment
from registry.actions.inventory import assign_owner, edit_model, register_model
from registry.actions.people import (
    DECIDING,
    deactivate,
    end_role,
    grant_role,
    register_person,
    register_service_account,
    set_password,
    set_up_first_person,
)
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Role, RoleGrant, User
from tests import builders
from tests.cast import PASSWORD

pytestmark = [pytest.mark.django_db]


def newcomer(cast, username="nora", **fields):
    return register_person(username=username, display_name="Nora", actor=cast.adam, **fields)


def test_there_is_no_superuser_and_no_way_to_make_one(cast):
    with pytest.raises(NotImplementedError, match="no superuser"):
        User.objects.create_superuser(username="root", password=PASSWORD)
    for field in ("is_superuser", "user_permissions", "groups"):
        with pytest.raises(FieldDoesNotExist):
            User._meta.get_field(field)
    for person in (*cast.people, cast.ci_bot):
        assert not person.has_perm("registry.change_model")
        assert not person.has_perm("governance.add_approval")
        assert not person.has_perm("registry.delete_user")
    assert cast.otto.has_perm("registry.view_model")
    assert not cast.ci_bot.is_staff


def test_nobody_has_a_password_until_they_set_one_themselves(cast):
    for person in (*cast.people, cast.ci_bot):
        assert not person.has_usable_password()
        assert ModelBackend().authenticate(None, username=person.username, password="") is None
    for actor, person in ((cast.adam, cast.ravi), (cast.ravi, cast.pia), (cast.ci_bot, cast.ci_bot)):
        with pytest.raises(DomainError, match="not-your-password"):
            set_password(person, PASSWORD, actor=actor)
    for weak in ("short", "password1234", "elevenchars"):
        with pytest.raises(DomainError, match="weak-password"):
            set_password(cast.ravi, weak, actor=cast.ravi)
    set_password(cast.ravi, PASSWORD, actor=cast.ravi)
    assert ModelBackend().authenticate(None, username="ravi", password=PASSWORD) == cast.ravi
    deactivate(cast.ravi, actor=cast.adam)
    assert ModelBackend().authenticate(None, username="ravi", password=PASSWORD) is None
    cast.ravi.refresh_from_db()
    with pytest.raises(DomainError, match="not-your-password"):
        set_password(cast.ravi, PASSWORD, actor=cast.ravi)


def test_the_first_person_is_made_once(cast):
    with pytest.raises(DomainError, match="already-set-up"):
        set_up_first_person(username="eve", display_name="Eve")


def test_only_an_administrator_brings_people_in_and_names_their_roles(cast):
    grant = cast.ravi.grants.get()
    for actor in (cast.ada, cast.olga, cast.vera, cast.ravi, cast.pia, cast.otto, cast.ci_bot):
        for act in (
            lambda actor=actor: register_person(username="nora", display_name="Nora", actor=actor),
            lambda actor=actor: grant_role(cast.olga, Role.APPROVER, actor=actor),
            lambda actor=actor: end_role(grant, actor=actor),
            lambda actor=actor: deactivate(cast.vera, actor=actor),
            lambda actor=actor: register_service_account(
                username="bot", display_name="Bot", responsible=cast.ada, actor=actor
            ),
        ):
            with pytest.raises(DomainError, match="not-an-administrator"):
                act()


def test_nobody_gives_a_role_to_themselves(cast):
    for role in Role.values:
        with pytest.raises(DomainError, match="role-to-oneself"):
            grant_role(cast.adam, role, actor=cast.adam)
    bot = register_service_account(username="adam-bot", display_name="Bot", responsible=cast.adam, actor=cast.adam)
    with pytest.raises(DomainError, match="role-to-oneself"):
        grant_role(bot, Role.CI, actor=cast.adam)


@pytest.mark.parametrize("role", sorted(DECIDING))
def test_an_administrator_holds_no_role_that_decides(cast, role):
    nora = newcomer(cast)
    grant_role(nora, Role.ADMINISTRATOR, actor=cast.adam)
    with pytest.raises(DomainError, match="administrator-decides-nothing"):
        grant_role(cast.adam, role, actor=nora)
    decider = newcomer(cast, "dora")
    grant_role(decider, role, actor=cast.adam)
    with pytest.raises(DomainError, match="administrator-decides-nothing"):
        grant_role(decider, Role.ADMINISTRATOR, actor=cast.adam)


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.AUDITOR, Role.CI}))
def test_an_auditor_holds_no_other_role(cast, role):
    with pytest.raises(DomainError, match=r"auditor-only-reads|administrator-decides-nothing"):
        grant_role(cast.otto, role, actor=cast.adam)
    nora = newcomer(cast)
    grant_role(nora, role, actor=cast.adam)
    with pytest.raises(DomainError, match="auditor-only-reads"):
        grant_role(nora, Role.AUDITOR, actor=cast.adam)


def test_an_auditor_writes_nothing(cast):
    model = builders.a_model(cast)
    for act in (
        lambda: register_model(slug="x", name="X", actor=cast.otto),
        lambda: edit_model(model, name="X", actor=cast.otto),
        lambda: assign_owner(model, cast.olga, actor=cast.otto),
        lambda: register_environment(slug="x", name="X", gated=False, actor=cast.otto),
        lambda: builders.an_artifact(cast, b"x", actor=cast.otto),
        lambda: builders.a_version(cast, model=model, actor=cast.otto),
    ):
        with pytest.raises(DomainError, match="role-missing"):
            act()


def test_roles_of_people_and_the_role_of_machines_do_not_mix(cast):
    for account, role in ((cast.ci_bot, Role.APPROVER), (cast.ci_bot, Role.ADMINISTRATOR), (cast.vera, Role.CI)):
        with pytest.raises(DomainError, match="role-not-for-this-account"):
            grant_role(account, role, actor=cast.adam)
    with pytest.raises(DomainError, match="unknown-role"):
        grant_role(cast.vera, "superuser", actor=cast.adam)


@pytest.mark.postgres
def test_a_role_is_held_once_and_ends_once(cast):
    grant = cast.ravi.grants.get()
    assert grant_role(cast.ravi, Role.RISK_MANAGER, actor=cast.adam) == grant
    end_role(grant, actor=cast.adam)
    with pytest.raises(DomainError, match="role-already-ended"):
        end_role(grant, actor=cast.adam)
    assert User.objects.get(pk=cast.ravi.pk).roles() == frozenset()
    grant_role(cast.ravi, Role.RISK_MANAGER, actor=cast.adam)
    assert RoleGrant.objects.filter(person=cast.ravi).count() == 2, "the history stays"
    assert differences() == []


@pytest.mark.postgres
def test_the_last_administrator_stays(cast):
    with pytest.raises(DomainError, match="last-administrator"):
        end_role(cast.adam.grants.get(), actor=cast.adam)
    with pytest.raises(DomainError, match="not-oneself"):
        deactivate(cast.adam, actor=cast.adam)
    nora = newcomer(cast)
    grant_role(nora, Role.ADMINISTRATOR, actor=cast.adam)
    end_role(cast.adam.grants.get(), actor=User.objects.get(pk=nora.pk))
    assert not User.objects.get(pk=cast.adam.pk).is_staff


def test_who_left_holds_no_role_and_acts_no_more(cast):
    deactivate(cast.ravi, actor=cast.adam)
    ravi = User.objects.get(pk=cast.ravi.pk)
    assert (ravi.roles(), ravi.is_staff) == (frozenset(), False)
    with pytest.raises(DomainError, match="already-inactive"):
        deactivate(ravi, actor=cast.adam)
    with pytest.raises(DomainError, match="role-missing"):
        register_environment(slug="x", name="X", gated=True, actor=ravi)
    with pytest.raises(DomainError, match="responsible-not-a-person"):
        register_service_account(username="bot", display_name="Bot", responsible=ravi, actor=cast.adam)
    with pytest.raises(DomainError, match="responsible-not-a-person"):
        register_service_account(username="bot", display_name="Bot", responsible=cast.ci_bot, actor=cast.adam)


@pytest.mark.postgres
def test_a_service_account_without_a_person_is_refused_by_the_database(cast):
    for change in ({"responsible": None}, {"kind": "person"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=cast.ci_bot.pk).update(**change)


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("ravi", "username-taken"),
        ("RAVI", "username-taken"),
        ("rаvi", "bad-slug"),  # a Cyrillic а
        ("ravi ", "bad-slug"),
        ("ravi\u200b", "bad-slug"),
        ("-ravi", "bad-slug"),
        ("n" * 65, "bad-slug"),
        ("", "bad-slug"),
        (None, "bad-slug"),
        (7, "bad-slug"),
    ],
)
def test_a_user_name_is_one_of_a_kind(cast, username, code):
    with pytest.raises(DomainError, match=code):
        newcomer(cast, username)


def test_one_e_mail_is_one_person(cast):
    assert newcomer(cast, email="Nora@Example.org").email == "nora@example.org"
    for email, code in (
        ("NORA@example.ORG", "email-taken"),
        ("nobody", "bad-email"),
        ("a@b.c\nBcc: x@y.z", "text-has-control-characters"),
    ):
        with pytest.raises(DomainError, match=code):
            newcomer(cast, "dora", email=email)


def test_names_stay_out_of_the_ledger(cast):
    newcomer(cast, email="nora@example.org")
    told = "".join(bytes(event.body).decode() for event in LedgerEvent.objects.all())
    for personal in ("nora", "Nora", "example.org", "Ravi", "argon2"):
        assert personal not in told


def test_the_owner_is_an_active_person_who_holds_the_role(cast):
    model = builders.a_model(cast)
    deactivate(cast.olga, actor=cast.adam)
    for somebody in (cast.vera, cast.ci_bot, User.objects.get(pk=cast.olga.pk)):
        with pytest.raises(DomainError, match="not-an-owner"):
            assign_owner(model, somebody, actor=cast.ravi)
    for actor in (cast.ada, cast.ci_bot, cast.adam, cast.pia):
        with pytest.raises(DomainError, match="role-missing"):
            assign_owner(model, cast.olga, actor=actor)
