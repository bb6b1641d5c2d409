"""Is the ledger handed over to a new key by an event that both keys sign, whatever happens in the middle?"""

from __future__ import annotations

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from registry.actions.ledger import rotate_ledger_key
from registry.errors import DomainError
from registry.ledger import anchors, event, heads, keys, sequencer, signing
from registry.ledger.append import append
from registry.ledger.checkpoint import Checkpoint, sign_note, verifier_key
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerPending
from registry.ledger.verify import verify_all
from tests.races.racing import at_once, codes
from tests.registry import ledger_attacker as attacker
from tests.registry.ledger_cast import NOTED, adam, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def own_key(settings, tmp_path):
    """The key of this test alone: others sign with the installation's."""
    settings.LEDGER_KEY_FILE = tmp_path / "ledger.key"
    return settings.LEDGER_KEY_FILE


@pytest.fixture
def actor(own_key):
    somebody = adam()
    append_noted(somebody)
    return somebody


def append_noted(somebody):
    with transaction.atomic():
        return append(NOTED, somebody, actor=somebody)


def wrong():
    report = verify_all()
    return {statement.slug for statement in report.statements if statement.outcome == "false"} - {"replay", "triggers"}


def test_the_new_key_signs_from_the_event_on_and_the_old_one_up_to_it(actor, own_key, tmp_path):
    old = keys.load(own_key).public_key()
    (tmp_path / "old.vkey").write_text(verifier_key(settings.REGISTER_NAME, old))
    row = rotate_ledger_key(actor=actor)
    stated = event.read(bytes(row.body))
    assert (stated.action, stated.subject_kind, stated.subject_key) == ("ledger.key_rotated", "ledger", "keys")
    assert stated.state["last_size"] == 3
    new = keys.load(own_key).public_key()
    assert stated.state["key"] == verifier_key(settings.REGISTER_NAME, new)
    assert not keys.next_file(own_key).exists()
    append_noted(actor)
    chain = signing.own_succession("default")
    assert [chain.key_at(size).public_bytes_raw() for size in (3, 4)] == [
        old.public_bytes_raw(),
        new.public_bytes_raw(),
    ]
    assert [one.size for one in LedgerCheckpoint.objects.order_by("size") if chain.read(one.note)] == [2, 3, 4, 5]
    (tmp_path / "new.vkey").write_text(verifier_key(settings.REGISTER_NAME, new))
    for trusted in (None, tmp_path / "old.vkey", tmp_path / "new.vkey"):
        report = verify_all(key_path=trusted)
        assert report.verified, report.lines()
    assert anchors.health().healthy


def test_what_the_retired_key_signs_later_is_refused(actor, own_key):
    old = keys.load(own_key)
    rotate_ledger_key(actor=actor)
    append_noted(actor)
    items = attacker.bodies()
    items[-1] = attacker.edited(items[-1], payload={"forged": "yes"})
    attacker.rebuild(items, sizes=[2, 3, 4, 5], key=old)
    assert {"checkpoints", "anchors"} <= wrong()
    report = verify_all()
    told = " ".join(example for one in report.statements for example in one.examples)
    assert "checkpoint 5: the note is not signed by the key" in told
    assert "checkpoint 3:" not in told


def test_a_checkpoint_of_the_retired_key_in_the_anchor_is_refused_though_its_root_is_right(actor, own_key):
    old = keys.load(own_key)
    rotate_ledger_key(actor=actor)
    head = LedgerCheckpoint.objects.order_by("-size").first()
    forged = sign_note(Checkpoint(settings.REGISTER_NAME, head.size, bytes(head.root)), old)
    anchors.configured().keep(forged, instant="2026-01-02T03:04:05.000000Z")
    health = anchors.health()
    assert (health.healthy, health.code) == (False, "anchor-damaged")
    assert wrong() == {"anchors"}


def test_a_crash_between_the_event_and_the_exchange_of_the_files_changes_nothing(actor, own_key, monkeypatch):
    monkeypatch.setattr(keys, "hand_over", lambda path: None)
    rotate_ledger_key(actor=actor)
    assert keys.next_file(own_key).exists()
    append_noted(actor)
    assert LedgerPending.objects.count() == 0
    assert verify_all().verified
    monkeypatch.undo()
    rotate_ledger_key(actor=actor)
    append_noted(actor)
    assert verify_all().verified
    assert len(keys.holding(own_key)) == 3
    keys.hand_over(own_key)
    assert len(keys.holding(own_key)) == 3


def test_a_crash_before_the_commit_leaves_the_old_key_in_force(actor, own_key):
    before = keys.load(own_key).public_key().public_bytes_raw()
    with transaction.atomic():
        rotate_ledger_key(actor=actor)
        transaction.set_rollback(True)
    assert keys.load(own_key).public_key().public_bytes_raw() == before
    append_noted(actor)
    assert verify_all().verified
    waiting = keys.load(keys.next_file(own_key)).public_key()
    row = rotate_ledger_key(actor=actor)
    assert event.read(bytes(row.body)).state["key"] == verifier_key(settings.REGISTER_NAME, waiting)


def test_the_key_is_rotated_again_and_again(actor, own_key):
    for _ in range(3):
        rotate_ledger_key(actor=actor)
        append_noted(actor)
    chain = signing.own_succession("default")
    assert len(chain.keys()) == 4
    assert verify_all().verified
    heads.record_heads(actor=actor)
    sequencer.sequence_all()
    proof = heads.completeness("ledger", "keys")
    assert (proof.head.seq, proof.stands()) == (3, True)


def test_without_the_new_key_nothing_is_signed(actor, own_key):
    rotate_ledger_key(actor=actor)
    aside = own_key.with_name("aside")
    own_key.rename(aside)
    append_noted(actor)
    assert LedgerPending.objects.count() == 1
    with pytest.raises(DomainError) as refusal:
        sequencer.sequence_all()
    assert refusal.value.code == "signing-key-not-in-force"
    aside.rename(own_key)
    assert sequencer.sequence_all() == 1


def test_a_forged_rotation_in_the_database_stops_the_signing(actor, own_key):
    stolen = keys.load_or_create(own_key.with_name("forger"))
    rotate_ledger_key(actor=actor)
    items = attacker.bodies()
    place = next(n for n, body in enumerate(items) if event.read(body).action == "ledger.key_rotated")
    state = dict(event.read(items[place]).state) | {"key": verifier_key(settings.REGISTER_NAME, stolen.public_key())}
    attacker.put_body(place, attacker.edited(items[place], state=state))
    append_noted(actor)
    with pytest.raises(DomainError) as refusal:
        sequencer.sequence_all()
    assert refusal.value.code == "ledger-succession-invalid"
    assert "succession" in wrong()


def test_an_administrator_retires_the_key_and_nobody_else(actor, own_key):
    somebody = people(actor, 1)[0]
    before = LedgerEvent.objects.count()
    with pytest.raises(DomainError) as refusal:
        rotate_ledger_key(actor=somebody)
    assert refusal.value.code == "role-missing"
    assert LedgerEvent.objects.count() == before
    with pytest.raises(CommandError, match="no account"):
        call_command("rotate_ledger_key", "nobody")
    out = StringIO()
    call_command("rotate_ledger_key", "ADAM", stdout=out)
    assert out.getvalue().strip() == verifier_key(settings.REGISTER_NAME, keys.load(own_key).public_key())


def test_two_rotations_at_once_among_writers_make_one_chain(actor, own_key):
    def rotate():
        rotate_ledger_key(actor=actor)

    def write():
        append_noted(actor)

    assert set(codes(at_once([rotate, write, rotate, write]))) <= {"signing-key-used-before", "ledger-busy"}
    sequencer.sequence_all()
    chain = signing.own_succession("default")
    assert 2 <= len(chain.keys()) <= 3
    report = verify_all()
    assert report.verified, report.lines()
    assert signing.signing_key(chain)
