"""Does every committed event get exactly one place, whoever leads, stops, dies or races?"""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction

from registry.errors import DomainError
from registry.ledger import anchors, keys, leader, proofs, sequencer, tree
from registry.ledger.append import append
from registry.ledger.checkpoint import verify_note
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerNode, LedgerPending
from registry.ledger.verify import verify_all
from tests.ledger_fixtures import walls_down
from tests.registry.ledger_cast import NOTED, adam

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def note_often(actor, count):
    for number in range(count):
        append(NOTED, actor, actor=actor, payload={"number": number})


def leaf_hashes():
    return [bytes(leaf.leaf_hash) for leaf in LedgerLeaf.objects.order_by("index")]


def in_threads(count, work):
    failures = []

    def run():
        try:
            work()
        except Exception as error:  # noqa: BLE001  (whatever it is, the test shows it)
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_pending_events_are_placed_in_the_order_of_their_ids_and_signed(settings):
    note_often(adam(), 4)
    waiting = list(LedgerPending.objects.order_by("event_id").values_list("event_id", flat=True))
    assert sequencer.sequence_all() == len(waiting) == 6
    assert not LedgerPending.objects.exists()
    assert list(LedgerLeaf.objects.order_by("index").values_list("event_id", flat=True)) == waiting
    head = sequencer.head("default")
    public = keys.load(settings.LEDGER_KEY_FILE).public_key()
    stated = verify_note(head.note, public, name=settings.REGISTER_NAME)
    assert (stated.size, stated.root) == (6, tree.root(leaf_hashes()))


def test_batches_go_on_from_the_kept_compact_range(monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 3)
    note_often(adam(), 8)
    assert sequencer.sequence_all() == 10
    sizes = list(LedgerCheckpoint.objects.order_by("size").values_list("size", flat=True))
    assert sizes == [3, 6, 9, 10]
    hashes = leaf_hashes()
    for checkpoint in LedgerCheckpoint.objects.all():
        assert bytes(checkpoint.root) == tree.root(hashes[: checkpoint.size])


def test_the_opportunistic_call_does_a_bounded_share(monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 1)
    note_often(adam(), 18)
    assert sequencer.try_sequence() == sequencer.OPPORTUNISTIC_BATCHES
    assert sequencer.sequence_all() == 20 - sequencer.OPPORTUNISTIC_BATCHES


def test_proofs_from_kept_nodes_are_those_of_the_whole_tree():
    note_often(adam(), 300)
    sequencer.sequence_all()
    hashes = leaf_hashes()
    assert LedgerNode.objects.filter(level=8).count() == 1
    reader = tree.nodes_of(hashes)
    for index in (0, 1, 127, 255, 256, 301):
        entry = proofs.entries(index, 1)[0]
        proof = proofs.inclusion(entry.event_id)
        assert proof.index == index
        assert list(proof.path) == tree.inclusion_proof(index, 302, reader)
        assert proof.stands()
    for old, new in [(0, 302), (1, 302), (255, 300), (256, 302), (257, 258), (302, 302)]:
        proof = proofs.consistency(old, new)
        assert list(proof.path) == tree.consistency_proof(old, new, reader)
        assert proof.new_root == tree.root(hashes[:new])
        assert proof.stands()


def test_an_event_without_a_place_has_no_proof_yet():
    row = append(NOTED, adam_ := adam(), actor=adam_)
    with pytest.raises(DomainError) as refusal:
        proofs.inclusion(row.pk)
    assert refusal.value.code == "not-sequenced"
    sequencer.sequence_all()
    assert proofs.inclusion(row.pk).stands()
    with pytest.raises(DomainError, match="between 0 and 3"):
        proofs.consistency(2, 4)


def test_a_waiting_event_that_was_changed_is_never_signed():
    actor = adam()
    sequencer.sequence_all()
    row = append(NOTED, actor, actor=actor)
    with walls_down(), connection.cursor() as cursor:
        body = bytes(row.body).replace(b'"payload":{}', b'"payload":{"x":1}')
        cursor.execute("UPDATE registry_ledgerevent SET body = %s WHERE id = %s", [body, _id(row.pk)])
    with pytest.raises(DomainError) as fault:
        sequencer.sequence_all()
    assert fault.value.code == "ledger-event-damaged"
    assert LedgerLeaf.objects.count() == 2
    assert LedgerPending.objects.filter(pk=row.pk).exists()


def test_a_lost_or_foreign_key_signs_nothing(settings):
    actor = adam()
    sequencer.sequence_all()
    append(NOTED, actor, actor=actor)
    key_file = settings.LEDGER_KEY_FILE
    settings.LEDGER_KEY_FILE = key_file.with_name("absent.key")
    with pytest.raises(DomainError) as fault:
        sequencer.sequence_all()
    assert fault.value.code == "signing-key-missing"
    assert not settings.LEDGER_KEY_FILE.exists()
    keys.load_or_create(settings.LEDGER_KEY_FILE)
    with pytest.raises(DomainError) as fault:
        sequencer.sequence_all()
    settings.LEDGER_KEY_FILE.unlink()
    assert fault.value.code == "ledger-head-invalid"
    assert LedgerLeaf.objects.count() == 2
    settings.LEDGER_KEY_FILE = key_file
    assert sequencer.sequence_all() == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_is_sequenced_and_anchored_at_once():
    actor = adam()
    assert LedgerLeaf.objects.count() == LedgerEvent.objects.count() == 2
    health = anchors.health()
    assert (health.healthy, health.newest_size, health.ledger_size, health.pending, health.reason) == (
        True,
        2,
        2,
        0,
        "",
    )
    with transaction.atomic():
        note_often(actor, 2)
    assert anchors.health().newest_size == 4


@pytest.mark.django_db(transaction=True)
def test_a_second_sequencer_does_not_wait_and_does_not_write(monkeypatch):
    actor = adam()
    monkeypatch.setattr("registry.ledger.append.try_sequence", lambda: None)
    with transaction.atomic():
        note_often(actor, 3)
    leads, go_on, placed = threading.Event(), threading.Event(), []

    def lead():
        with leader.leading("default") as mine:
            assert mine
            leads.set()
            assert go_on.wait(20)
            placed.append(sequencer.place_batch("default"))

    thread = threading.Thread(target=in_threads, args=(1, lead))
    thread.start()
    assert leads.wait(20)
    assert sequencer.try_sequence() == 0
    go_on.set()
    thread.join()
    assert placed == [3]
    assert verify_all().statements[2].outcome == "verified"


@pytest.mark.django_db(transaction=True)
def test_sequencers_that_race_give_every_event_one_place(monkeypatch):
    actor = adam()
    monkeypatch.setattr("registry.ledger.append.try_sequence", lambda: None)
    monkeypatch.setattr(sequencer, "BATCH", 2)
    with transaction.atomic():
        note_often(actor, 25)
    placed = []
    in_threads(4, lambda: placed.append(sequencer.sequence_all()))
    sequencer.sequence_all()
    assert sum(placed) == 25
    assert LedgerLeaf.objects.count() == LedgerEvent.objects.count() == 27
    report = verify_all()
    assert report.verified, report.lines()


@pytest.mark.django_db(transaction=True)
def test_a_leader_that_lost_its_connection_cannot_write(monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("a file lock cannot be taken from a process that lives; see the test of the second sequencer")
    actor = adam()
    monkeypatch.setattr("registry.ledger.append.try_sequence", lambda: None)
    with transaction.atomic():
        note_often(actor, 3)
    leads, go_on, outcome, backend = threading.Event(), threading.Event(), [], []

    def lead():
        try:
            with leader.leading("default"):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    backend.append(cursor.fetchone()[0])
                leads.set()
                assert go_on.wait(20)
                sequencer.place_batch("default")
        except Exception as error:  # noqa: BLE001  (what is raised is the point)
            outcome.append(error)

    thread = threading.Thread(target=in_threads, args=(1, lead))
    thread.start()
    assert leads.wait(20)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend[0]])
    assert sequencer.sequence_all() == 3
    go_on.set()
    thread.join()
    assert len(outcome) == 1
    report = verify_all()
    assert report.verified, report.lines()


def _id(value):
    return value if connection.vendor == "postgresql" else value.hex
