"""Is an erased person gone from every table while the ledger verifies, and does a legal hold win?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import call_command

from registry.actions.divergences import reconcile
from registry.actions.erasure import commitment_of, erase_person, lift_legal_hold, place_legal_hold
from registry.actions.inventory import assign_owner
from registry.actions.people import deactivate, grant_role, register_person
from registry.errors import DomainError
from registry.ledger import sequencer
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences, history
from registry.ledger.verify import verify_all
from registry.models import CommitmentSalt, LegalHold, User
from tests import builders
from tests.cast import Cast, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
WORDS = ("zenobia", "quetzal")


def everything() -> Iterator[str]:
    """Yield every cell of every table, bytes as text too."""
    for model in apps.get_models(include_auto_created=True):
        for row in model._base_manager.all():
            for field in model._meta.concrete_fields:
                value = field.value_from_object(row)
                text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
                yield f"{model.__name__}.{field.name}: {text}".casefold()


def cells_with_the_name() -> list[str]:
    return [cell for cell in everything() if any(word in cell for word in WORDS)]


@pytest.fixture
def zenobia(cast: Cast) -> User:
    """Somebody who owned a model, and left."""
    person = register_person(
        username="zenobia", display_name="Zenobia Quetzal", email="zenobia@example.org", actor=cast.adam
    )
    model = builders.a_model(cast)
    grant_role(person, "owner", actor=cast.adam)
    assign_owner(model, person, actor=cast.ravi)
    return person


def test_the_ledger_holds_a_commitment_that_opens_with_the_salt_and_no_name(zenobia: User) -> None:
    (event, *_) = history("person", str(zenobia.pk))
    salt = bytes(CommitmentSalt.objects.get(person=zenobia).salt)
    assert len(salt) == 32
    assert event.state["commitment"] == commitment_of(zenobia, salt) == zenobia.commitment
    assert commitment_of(zenobia, bytes(32)) != zenobia.commitment
    zenobia.display_name = "Somebody Else"
    assert commitment_of(zenobia, salt) != event.state["commitment"]
    assert not [word for word in WORDS for row in LedgerEvent.objects.all() if word.encode() in bytes(row.body).lower()]


def test_an_erased_person_is_gone_from_every_table_and_the_ledger_verifies(cast: Cast, zenobia: User) -> None:
    assert cells_with_the_name()
    deactivate(zenobia, actor=cast.adam)
    erase_person(zenobia, reason="Asked for by the person.", actor=cast.adam)
    assert cells_with_the_name() == []
    assert not CommitmentSalt.objects.filter(person=zenobia).exists()
    erased = User.objects.get(pk=zenobia.pk)
    assert erased.erased_at is not None
    assert str(erased) == f"[erased, {erased.erased_at:%Y-%m-%d}]"
    assert not erased.has_usable_password()
    assert erased.commitment == zenobia.commitment, "what was committed to stays recorded"
    assert [event.action for event in history("person", str(zenobia.pk))][-1] == "person.erased"
    sequencer.sequence_all()
    report = verify_all()
    assert not [one.as_dict() for one in report.statements if one.outcome == "false"]
    assert differences() == []
    assert reconcile() == []
    page = signed_in(cast.ravi).get("/console/models/consumer-credit-default/").content.decode()
    assert "[erased," in page
    assert "Zenobia" not in page
    with pytest.raises(DomainError) as refusal:
        erase_person(erased, reason="Again.", actor=cast.adam)
    assert refusal.value.code == "already-erased"


def test_a_legal_hold_wins_over_erasure_until_it_is_lifted(cast: Cast, zenobia: User) -> None:
    hold = place_legal_hold(zenobia, reason="Proceedings are pending.", actor=cast.ravi)
    deactivate(zenobia, actor=cast.adam)
    with pytest.raises(DomainError) as refusal:
        erase_person(zenobia, reason="Asked for.", actor=cast.adam)
    assert (refusal.value.code, refusal.value.kind) == ("legal-hold", "conflict")
    assert User.objects.get(pk=zenobia.pk).display_name == "Zenobia Quetzal"
    with pytest.raises(DomainError) as twice:
        place_legal_hold(zenobia, reason="Once more.", actor=cast.ravi)
    assert twice.value.code == "legal-hold-stands"
    lift_legal_hold(hold, reason="The proceedings are over.", actor=cast.ravi)
    with pytest.raises(DomainError) as lifted:
        lift_legal_hold(hold, reason="Again.", actor=cast.ravi)
    assert lifted.value.code == "legal-hold-lifted"
    erase_person(zenobia, reason="Asked for.", actor=cast.ravi)
    actions = [event.action for event in history("legal_hold", str(hold.pk))]
    assert actions == ["legal_hold.placed", "legal_hold.lifted"]
    assert cells_with_the_name() == []


def test_who_may_not_and_who_must_not_be_erased(cast: Cast, zenobia: User) -> None:
    for act, code in (
        (lambda: erase_person(zenobia, reason="x", actor=cast.vera), "role-missing"),
        (lambda: place_legal_hold(zenobia, reason="x", actor=cast.adam), "role-missing"),
        (lambda: erase_person(zenobia, reason="x", actor=cast.adam), "person-still-active"),
        (lambda: erase_person(cast.adam, reason="x", actor=cast.adam), "not-oneself"),
        (lambda: erase_person(cast.ci_bot, reason="x", actor=cast.adam), "not-a-person"),
        (lambda: erase_person(zenobia, reason=" ", actor=cast.adam), ""),
    ):
        with pytest.raises(DomainError) as refusal:
            act()
        assert code in ("", refusal.value.code)
    assert not LegalHold.objects.exists()


def test_the_page_places_and_lifts_a_hold_and_erases(cast: Cast, zenobia: User) -> None:
    where = "/console/people/personal-data/"
    manager, administrator = signed_in(cast.ravi), signed_in(cast.adam)
    sent = {"person": str(zenobia.pk), "reason": "Proceedings."}
    assert manager.post(where, sent | {"act": "hold"}).status_code == 302
    assert administrator.post(where, sent | {"act": "hold"}).status_code == 403
    deactivate(zenobia, actor=cast.adam)
    assert administrator.post(where, sent | {"act": "erase"}).status_code == 409
    assert "Proceedings." in manager.get(where).content.decode()
    assert manager.post(where, sent | {"act": "lift"}).status_code == 302
    assert administrator.post(where, sent | {"act": "erase"}).status_code == 302
    assert "Zenobia" not in administrator.get(where).content.decode()
    assert signed_in(cast.olga).get(where).status_code == 403


def test_the_command_that_verifies_passes_after_an_erasure(cast: Cast, zenobia: User) -> None:
    deactivate(zenobia, actor=cast.adam)
    erase_person(zenobia, reason="Asked for.", actor=cast.adam)
    call_command("reconcile")
