"""Does a register that was restored from an older copy close itself, and do two people open it again?"""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.db import transaction

from registry.actions.ledger import confirm_rollback, request_rollback, rotate_ledger_key
from registry.actions.people import deactivate, grant_role, register_person
from registry.errors import DomainError
from registry.ledger import anchors, event, keys, rollback, signing, standing
from registry.ledger.append import append
from registry.ledger.checkpoint import epoch_of, parse, verifier_key
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf
from registry.ledger.verify import verify_all
from registry.models import User
from tests.cast import in_session_of
from tests.registry.database_copies import Copy
from tests.registry.ledger_cast import NOTED, adam

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def own_key(settings, tmp_path):
    settings.LEDGER_KEY_FILE = tmp_path / "keys" / "ledger.key"
    return settings.LEDGER_KEY_FILE


@pytest.fixture
def people(own_key):
    first = adam()
    second = register_person(username="eve", display_name="Eve", actor=first)
    third = register_person(username="tom", display_name="Tom", actor=first)
    grant_role(second, "administrator", actor=first)
    grant_role(third, "validator", actor=first)
    return first, second, third


@pytest.fixture
def copy(people, tmp_path):
    kept = Copy(tmp_path)
    yield kept
    kept.forget()


def note_something(actor, times=1):
    for _ in range(times):
        with transaction.atomic():
            append(NOTED, actor, actor=actor)


def put_back(copy):
    copy.restore()
    standing.look_again()


def refused(act, code):
    with pytest.raises(DomainError) as refusal:
        act()
    assert refusal.value.code == code, refusal.value
    return refusal.value


def epochs():
    return [
        epoch_of(parse(row.note).origin, settings.REGISTER_NAME) for row in LedgerCheckpoint.objects.order_by("size")
    ]


def test_a_database_that_is_older_than_its_anchor_is_read_only(people, copy):
    first, second, _ = people
    assert not standing.standing().read_only
    before = LedgerEvent.objects.count()
    note_something(first, 3)
    put_back(copy)
    found = standing.standing()
    assert (found.read_only, found.code) == (True, "ledger-rolled-back")
    assert f"The ledger has {before} entries" in found.reason
    assert User.objects.count() == 3, "reading works"
    for act in (
        lambda: register_person(username="new", display_name="New", actor=first),
        lambda: grant_role(second, "developer", actor=first),
        lambda: deactivate(second, actor=first),
        lambda: rotate_ledger_key(actor=first),
        lambda: note_something(first),
    ):
        error = refused(act, "register-read-only")
        assert error.kind == "unavailable"
    assert LedgerEvent.objects.count() == before, "nothing was written"
    assert User.objects.get(pk=second.pk).is_active
    assert anchors.health().code == "ledger-rolled-back"

    assert verify_all().exit_code == 1


def test_the_newer_database_opens_the_register_by_itself(people, copy, tmp_path):
    first, *_ = people
    note_something(first)
    newer = Copy(tmp_path)
    put_back(copy)
    assert standing.standing().read_only
    put_back(newer)
    newer.forget()
    note_something(first)
    assert verify_all().verified


def test_it_is_noticed_within_seconds_though_the_process_goes_on(people, copy, monkeypatch):
    first, *_ = people
    monkeypatch.setattr(standing, "LOOK_AGAIN_SECONDS", 0.2)
    note_something(first)
    copy.restore()
    deadline = time.monotonic() + 5
    while not standing.standing().read_only:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def declare(asking, confirming, reason="The disk of the newer database burnt."):
    with in_session_of(asking):
        request_rollback(reason=reason, actor=asking)
    with in_session_of(confirming):
        return confirm_rollback(actor=confirming)


def test_two_people_declare_the_rollback_and_a_new_epoch_begins(people, copy, tmp_path):
    first, second, _ = people
    before = LedgerEvent.objects.count()
    note_something(first, 3)
    lost = LedgerCheckpoint.objects.order_by("-size").first().note
    early = LedgerCheckpoint.objects.get(size=before).note
    put_back(copy)
    declared = declare(first, second)
    assert not standing.standing().read_only
    stated = event.read(bytes(declared.body)).state
    assert (stated["epoch"], stated["size"], stated["kept_size"]) == (2, before, before)
    assert (stated["abandoned_epoch"], stated["abandoned_size"]) == (1, before + 3)
    assert (stated["requested_by"], stated["confirmed_by"]) == (str(first.pk), str(second.pk))
    note_something(first)
    assert epochs()[-2:] == [2, 2]
    assert epochs()[0] == 1
    assert LedgerLeaf.objects.count() == before + 3, "request, declaration and one event more"
    assert anchors.health().healthy
    assert epoch_of(parse(anchors.configured().newest()).origin, settings.REGISTER_NAME) == 2
    report = verify_all()
    assert report.verified, report.lines()
    told = {one.slug: one.note for one in report.statements}
    assert "epoch 2 gave up what was anchored beyond" in told["succession"]
    assert "3 checkpoints state entries that were given up" in told["anchors"]

    vkey = tmp_path / "kept.vkey"
    vkey.write_text(verifier_key(settings.REGISTER_NAME, keys.load(signing.key_file()).public_key()))
    for note, code in ((lost, 2), (early, 0)):
        kept = tmp_path / "kept.note"
        kept.write_text(note, encoding="utf-8")
        assert verify_all(anchor_path=kept, key_path=vkey).exit_code == code


def test_who_asks_does_not_confirm_and_a_token_neither(people, copy):
    first, second, third = people
    note_something(first)
    refused(lambda: declare(first, second), "register-not-read-only")
    put_back(copy)
    with in_session_of(second):
        refused(lambda: confirm_rollback(actor=second), "rollback-not-requested")
    refused(lambda: declare(first, first), "second-person-needed")
    assert standing.standing().read_only
    refused(lambda: confirm_rollback(actor=second), "session-required")
    with in_session_of(third):
        refused(lambda: confirm_rollback(actor=third), "role-missing")
        refused(lambda: request_rollback(reason="no", actor=third), "role-missing")
    with in_session_of(first):
        refused(lambda: request_rollback(reason=" ", actor=first), "text-empty")
    with in_session_of(second):
        confirm_rollback(actor=second)
    assert not standing.standing().read_only


def test_what_is_confirmed_is_what_was_asked_for(people, copy):
    first, second, _ = people
    note_something(first)
    put_back(copy)
    with in_session_of(first):
        request_rollback(reason="Lost.", actor=first)
    head = LedgerCheckpoint.objects.order_by("-size").first()
    from registry.ledger.checkpoint import Checkpoint, sign_note

    more = sign_note(Checkpoint(settings.REGISTER_NAME, head.size + 9, b"m" * 32), keys.load(signing.key_file()))
    anchors.configured().keep(more, instant="2026-01-02T03:04:05.000000Z")
    with in_session_of(second):
        refused(lambda: confirm_rollback(actor=second), "rollback-changed")
    declare(first, second)
    assert rollback.told()["declared"][0]["abandoned_size"] == head.size + 9
    assert rollback.told()["waiting"] is None


def test_a_database_that_went_on_by_itself_is_a_fork_and_is_declared_from_where_it_agrees(people, copy, monkeypatch):
    first, second, _ = people
    before = LedgerEvent.objects.count()
    note_something(first, 2)
    put_back(copy)
    anchor = anchors.configured().path
    aside = anchor.with_name("unreachable")
    anchor.rename(aside)
    standing.look_again()
    note_something(first, 3)  # the anchor was away, so nothing showed that this is another history
    anchor.unlink(missing_ok=True)
    aside.rename(anchor)
    standing.look_again()
    assert standing.standing().code == "ledger-forked"
    refused(lambda: note_something(first), "register-read-only")
    declared = event.read(bytes(declare(first, second).body)).state
    assert (declared["size"], declared["kept_size"], declared["abandoned_size"]) == (before + 3, before, before + 2)
    note_something(first)
    report = verify_all()
    assert report.verified, report.lines()


def test_restored_once_more_from_before_the_declaration_the_next_epoch_has_a_new_number(people, copy):
    first, second, _ = people
    note_something(first, 2)
    put_back(copy)
    declare(first, second)
    note_something(first)
    put_back(copy)
    found = standing.standing()
    assert (found.code, "epoch 2" in found.reason) == ("ledger-rolled-back", True)
    declared = event.read(bytes(declare(first, second).body)).state
    assert (declared["epoch"], declared["abandoned_epoch"]) == (3, 2)
    note_something(first)
    assert epochs()[-1] == 3
    report = verify_all()
    assert report.verified, report.lines()


def test_a_copy_from_before_a_rotation_is_found_out_and_goes_on_with_the_older_key(people, copy, own_key):
    first, second, _ = people
    old = keys.load(own_key).public_key().public_bytes_raw()
    rotate_ledger_key(actor=first)
    note_something(first)
    put_back(copy)
    assert standing.standing().code == "ledger-rolled-back"
    declared = event.read(bytes(declare(first, second).body)).state
    assert declared["abandoned_key"] == verifier_key(settings.REGISTER_NAME, keys.load(own_key).public_key())
    assert signing.own_succession("default").key.public_bytes_raw() == old
    note_something(first)
    report = verify_all()
    assert report.verified, report.lines()


def test_a_declaration_that_nobody_signed_opens_nothing(people, copy):
    """Whoever owns the database writes the event by hand; the key is not theirs."""
    first, second, _ = people
    note_something(first)
    put_back(copy)
    with in_session_of(first):
        request_rollback(reason="Lost.", actor=first)
    from registry.ledger.append import append_about_ledger

    asked = event.read(bytes(rollback.open_request("default").body)).state
    forged = {**asked, "confirmed_by": str(second.pk), "request": "x", "signature": "AAAA"}
    with transaction.atomic():
        append_about_ledger(signing.DECLARED, key=rollback.SUBJECT, state=forged, actor=second)
    standing.look_again()
    assert standing.standing().code == "ledger-succession-invalid"
    refused(lambda: note_something(first), "register-read-only")
