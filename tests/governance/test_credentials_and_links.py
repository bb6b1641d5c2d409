"""How do machines and newcomers prove who they are? Tokens and links: shown once, kept as digests, ended in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.actions.credentials import SCOPES, credential_of, make_credential, revoke_credential
from governance.actions.people import first_start_link, make_link, person_of_link, use_link
from governance.models import ApiCredential, OneTimeLink
from registry.actions.people import deactivate, register_service_account
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.ledger.clock import database_now
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import User
from tests import builders
from tests.cast import PASSWORD

pytestmark = [pytest.mark.django_db]


def made(cast, **fields):
    stated = {"name": "pipeline", "scopes": ["gate:decide"], "days": 30, "actor": cast.adam}
    return make_credential(cast.ci_bot, **stated | fields)


def everything_written():
    """Return all that the register keeps of credentials and links: rows and ledger."""
    rows = [repr(row) for kind in (ApiCredential, OneTimeLink, User) for row in kind.objects.values()]
    return "".join(rows) + "".join(bytes(event.body).decode() for event in LedgerEvent.objects.all())


@pytest.mark.postgres
def test_a_token_is_kept_as_its_digest_alone(cast):
    credential, token = made(cast)
    assert credential_of(token) == credential
    assert credential.digest == sha256_hex(token.encode())
    assert len(token) > 40
    written = everything_written()
    assert token not in written
    assert token[12:] not in written
    assert credential.digest not in "".join(bytes(event.body).decode() for event in LedgerEvent.objects.all())


@pytest.mark.parametrize("wrong", ["", "cad_", "cad_" + "x" * 43, "x" * 300, "cad_\ud800", "Bearer cad_x", "cad_\0"])
def test_what_is_no_token_lets_nobody_in(cast, wrong):
    _, token = made(cast)
    assert credential_of(wrong) is None
    assert credential_of(token.upper()) is None
    assert credential_of(token + " ") is None
    assert credential_of(token[:-1]) is None


def test_a_token_ends_when_revoked_and_at_its_hour(cast, monkeypatch):
    credential, token = made(cast, days=1)
    other, other_token = made(cast)
    revoke_credential(other, actor=cast.ada)
    assert credential_of(other_token) is None
    with pytest.raises(DomainError, match="already-revoked"):
        revoke_credential(other, actor=cast.adam)
    for at, lives in ((credential.expires_at - timedelta(seconds=1), True), (credential.expires_at, False)):
        monkeypatch.setattr("governance.actions.credentials.database_now", lambda at=at: at)
        assert (credential_of(token) is not None) == lives


def test_a_token_ends_with_its_account_and_with_the_person_who_answers_for_it(cast):
    bot = register_service_account(username="other-bot", display_name="Bot", responsible=cast.vera, actor=cast.adam)
    _, token = make_credential(bot, name="x", scopes=["gate:decide"], days=1, actor=cast.adam)
    deactivate(cast.vera, actor=cast.adam)
    assert credential_of(token) is None, "nobody answers for it any more"
    assert credential_of(cast.token) is not None
    deactivate(cast.ci_bot, actor=cast.adam)
    assert credential_of(cast.token) is None
    with pytest.raises(DomainError, match="token-for-a-person"):
        made(cast)


def test_only_an_administrator_makes_a_token_and_only_for_a_service_account(cast):
    for person in (cast.ada, cast.ravi, cast.pia, cast.otto, cast.ci_bot):
        with pytest.raises(DomainError, match="not-an-administrator"):
            made(cast, actor=person)
    with pytest.raises(DomainError, match="token-for-a-person"):
        make_credential(cast.ravi, name="x", scopes=["gate:decide"], days=1, actor=cast.adam)
    credential, _ = made(cast)
    for person in (cast.ravi, cast.olga, cast.ci_bot):
        with pytest.raises(DomainError, match="not-an-administrator"):
            revoke_credential(credential, actor=person)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"scopes": []}, "unknown-scope"),
        ({"scopes": ["approvals:write"]}, "unknown-scope"),
        ({"scopes": ["*"]}, "unknown-scope"),
        ({"days": 0}, "bad-expiry"),
        ({"days": 367}, "bad-expiry"),
        ({"models": ["no-such-model"]}, "unknown-model"),
        ({"name": ""}, "text-empty"),
    ],
)
def test_a_token_that_says_too_much_or_too_little_is_not_made(cast, fields, code):
    before = ApiCredential.objects.count()
    with pytest.raises(DomainError, match=code):
        made(cast, **fields)
    assert ApiCredential.objects.count() == before


def test_no_scope_lets_a_machine_decide_what_people_decide():
    assert not {scope for scope in SCOPES if scope.split(":")[0] in {"approvals", "policies", "people", "findings"}}


def test_a_token_for_no_model_is_for_no_model(cast):
    builders.a_model(cast)
    assert made(cast, models=[])[0].models_allowed == []
    assert made(cast, models=["consumer-credit-default"])[0].models_allowed == ["consumer-credit-default"]
    assert made(cast)[0].models_allowed is None


def token_in(address):
    return address.rstrip("/").rpartition("/")[2]


@pytest.mark.postgres
def test_a_link_lets_in_once_and_the_password_is_nobody_elses(cast):
    token = token_in(make_link(cast.vera, actor=cast.adam))
    assert person_of_link(token) == cast.vera
    assert token not in everything_written()
    with pytest.raises(DomainError, match="weak-password"):
        use_link(token, password="password1234")
    assert use_link(token, password=PASSWORD) == cast.vera
    cast.vera.refresh_from_db()
    assert cast.vera.check_password(PASSWORD)
    for again in (lambda: use_link(token, password=PASSWORD), lambda: person_of_link(token)):
        with pytest.raises(DomainError, match="link-not-valid"):
            again()
    written = everything_written()
    assert PASSWORD not in written
    assert "argon2" in cast.vera.password
    assert differences() == []


def test_a_link_runs_out(cast, monkeypatch):
    token = token_in(make_link(cast.vera, actor=cast.adam))
    expiry = OneTimeLink.objects.get().expires_at
    assert expiry - database_now() <= timedelta(hours=24)
    monkeypatch.setattr("governance.actions.people.database_now", lambda: expiry)
    with pytest.raises(DomainError, match="link-not-valid"):
        use_link(token, password=PASSWORD)


def test_a_new_link_makes_the_older_ones_useless(cast):
    older = token_in(make_link(cast.vera, actor=cast.adam))
    newer = token_in(make_link(cast.vera, actor=cast.adam))
    with pytest.raises(DomainError, match="link-not-valid"):
        use_link(older, password=PASSWORD)
    use_link(newer, password=PASSWORD)
    assert not OneTimeLink.objects.filter(used_at__isnull=True).exists()
    assert differences() == []


def test_a_link_of_somebody_who_left_lets_nobody_in(cast):
    token = token_in(make_link(cast.vera, actor=cast.adam))
    deactivate(cast.vera, actor=cast.adam)
    with pytest.raises(DomainError, match="link-not-valid"):
        use_link(token, password=PASSWORD)
    with pytest.raises(DomainError, match="not-a-person"):
        make_link(cast.vera, actor=cast.adam)


def test_only_an_administrator_makes_a_link_and_only_for_a_person(cast):
    for person in (cast.ravi, cast.ada, cast.ci_bot):
        with pytest.raises(DomainError, match="not-an-administrator"):
            make_link(cast.vera, actor=person)
    with pytest.raises(DomainError, match="not-a-person"):
        make_link(cast.ci_bot, actor=cast.adam)


@pytest.mark.parametrize("wrong", ["", "x", "\ud800", "../../", "0" * 5000])
def test_what_is_no_link_is_told_nothing(cast, wrong):
    with pytest.raises(DomainError, match="link-not-valid") as refusal:
        person_of_link(wrong)
    assert refusal.value.kind == "not-found"


@pytest.mark.postgres
def test_the_first_start_gives_one_link_and_none_once_somebody_got_in():
    first = token_in(first_start_link())
    second = token_in(first_start_link())
    administrator = User.objects.get()
    assert not administrator.has_usable_password(), "there is no default password"
    with pytest.raises(DomainError, match="link-not-valid"):
        use_link(first, password=PASSWORD)
    use_link(second, password=PASSWORD)
    assert first_start_link() is None
    assert administrator.roles() == {"administrator"}
    assert differences() == []
