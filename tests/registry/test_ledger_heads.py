"""Does the ledger show that the history of a subject ends where an export says it ends?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from registry.actions.ledger import record_heads_when_due
from registry.actions.people import register_account
from registry.errors import DomainError
from registry.ledger import event, heads, sequencer, tree
from registry.ledger.append import append
from registry.ledger.models import LedgerEvent, LedgerLeaf
from registry.ledger.verify import verify_all
from registry.models import User
from tests.registry.ledger_cast import NOTED, adam, people

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture
def actor():
    somebody = adam()
    for person in people(somebody, 4):
        append(NOTED, person, actor=somebody)
    sequencer.sequence_all()
    heads.record_heads(actor=somebody)
    sequencer.sequence_all()
    return somebody


def test_the_last_event_of_a_subject_is_proven(actor):
    person = LedgerEvent.objects.filter(action=NOTED).first()
    proof = heads.completeness(person.subject_kind, person.subject_key)
    assert proof.stands()
    assert proof.head.seq == 2
    assert proof.head.leaf_hash == tree.leaf_hash(bytes(person.body)).hex()
    assert proof.size == 10
    ends = next(statement for statement in verify_all().statements if statement.slug == "heads")
    assert (ends.outcome, ends.checked) == ("verified", 1)


def test_an_earlier_event_does_not_pass_for_the_last(actor):
    person = LedgerEvent.objects.filter(action=NOTED).first()
    proof = heads.completeness(person.subject_kind, person.subject_key)
    first = LedgerEvent.objects.get(subject_key=person.subject_key, subject_seq=1)
    left_out = replace(proof.head, seq=1, leaf_hash=tree.leaf_hash(bytes(first.body)).hex())
    assert not replace(proof, head=left_out).stands()
    assert not replace(proof, size=proof.size - 1).stands()
    assert not replace(proof, count=proof.count + 1).stands()


def test_heads_name_the_tree_they_were_made_at_and_later_events_do_not_change_them(actor):
    person = LedgerEvent.objects.filter(action=NOTED).first()
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    assert heads.completeness("person", str(actor.pk)).head.seq == 1
    assert heads.completeness(person.subject_kind, person.subject_key).stands()
    assert verify_all().statements[-1].outcome == "verified"


def test_an_unknown_subject_and_a_ledger_without_heads_are_refused(actor):
    with pytest.raises(DomainError) as refusal:
        heads.completeness("person", "nobody")
    assert refusal.value.code == "unknown-subject"


def test_without_recorded_heads_there_is_no_proof_of_completeness():
    somebody = adam()
    with pytest.raises(DomainError) as refusal:
        heads.record_heads(actor=somebody)
    assert refusal.value.code == "ledger-empty"
    with pytest.raises(DomainError) as refusal:
        heads.completeness("person", str(somebody.pk))
    assert refusal.value.code == "heads-not-recorded"


def slow_heads(size):
    """The definition, event by event."""
    last = {}
    for leaf in LedgerLeaf.objects.filter(index__lt=size).order_by("index"):
        row = LedgerEvent.objects.get(pk=leaf.event_id)
        last[row.subject_kind, row.subject_key] = heads.Head(
            row.subject_kind, row.subject_key, row.subject_seq, bytes(leaf.leaf_hash).hex()
        )
    return [last[subject] for subject in sorted(last)]


def test_the_heads_are_the_last_events_at_every_size_whatever_came_later(actor, monkeypatch):
    monkeypatch.setattr(heads, "SUBJECTS_AT_ONCE", 2)
    for person in User.objects.order_by("username")[:3]:
        append(NOTED, person, actor=actor)
    sequencer.sequence_all()
    append(NOTED, actor, actor=actor)  # pending: it is in no tree yet
    size = LedgerLeaf.objects.count()
    for asked in (0, 1, 5, size - 2, size - 1, size):
        assert heads.heads_at(asked) == slow_heads(asked), asked


def test_the_register_records_heads_once_a_day_and_only_when_something_happened(actor, monkeypatch):
    assert record_heads_when_due() is None, "just now"
    monkeypatch.setattr("registry.actions.ledger.HEADS_EVERY", timedelta(seconds=-1))
    assert record_heads_when_due() is None, "nothing has happened but that"
    append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    row = record_heads_when_due()
    stated = event.read(bytes(row.body))
    itself = User.objects.get(username="cadastre")
    assert (stated.actor_id, stated.actor_kind) == (str(itself.pk), "service")
    assert itself.responsible == actor
    assert not itself.roles()
    sequencer.sequence_all()
    assert heads.completeness("person", str(actor.pk)).stands()
    assert record_heads_when_due() is not None, "the account itself came in"
    sequencer.sequence_all()
    assert record_heads_when_due() is None
    assert User.objects.filter(username="cadastre").count() == 1
    assert verify_all().exit_code != 1


def test_an_empty_register_has_nobody_to_record_heads(db):
    assert register_account() is None
    assert record_heads_when_due() is None
