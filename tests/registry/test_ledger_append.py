"""Does every act leave exactly one event, with the bytes, order and circumstances that the design promises?"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from registry.errors import DomainError
from registry.ledger import context, event, plain, tree
from registry.ledger.append import append, declare_action
from registry.ledger.models import LedgerEvent, LedgerPending
from registry.ledger.replay import as_of, history
from registry.models import User
from tests.registry.ledger_cast import NOTED, adam, people

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def body_of(row):
    return json.loads(bytes(LedgerEvent.objects.get(pk=row.pk).body))


def test_an_event_carries_the_new_state_in_full_and_no_name():
    actor = adam()
    ada = people(actor, 1)[0]
    row = append(NOTED, ada, actor=actor, payload={"gap": 0.07, "n": 812})
    body = body_of(row)
    assert set(body) == event.FIELDS
    assert body["action"] == NOTED
    assert body["actor"] == {"id": str(actor.pk), "kind": "person"}
    assert body["subject"] == {"kind": "person", "key": str(ada.pk)}
    assert body["state"]["is_active"] is True
    assert body["state"]["responsible"] is None
    assert body["payload"] == {"gap": "0.07", "n": 812}
    text = bytes(row.body).decode("ascii")
    assert ada.username not in text
    assert ada.display_name not in text


def test_the_state_is_read_from_the_row_and_not_from_the_object_in_memory():
    actor = adam()
    actor.is_active = False
    assert body_of(append(NOTED, actor, actor=actor))["state"]["is_active"] is True
    User.objects.filter(pk=actor.pk).update(is_active=False)
    assert body_of(append(NOTED, actor, actor=actor))["state"]["is_active"] is False


def test_the_events_of_a_subject_are_numbered_and_each_carries_the_hash_of_the_one_before():
    actor = adam()
    for number in range(3):
        append(NOTED, actor, actor=actor, payload={"number": number})
    rows = list(LedgerEvent.objects.filter(subject_key=str(actor.pk), subject_kind="person").order_by("subject_seq"))
    assert [row.subject_seq for row in rows] == [1, 2, 3, 4]
    assert body_of(rows[0])["prev"] is None
    for before, after in pairwise(rows):
        assert body_of(after)["prev"] == tree.leaf_hash(bytes(before.body)).hex()
        assert after.id > before.id


def test_the_stored_bytes_are_the_canonical_bytes_and_wait_for_their_place():
    actor = adam()
    row = LedgerEvent.objects.get(pk=append(NOTED, actor, actor=actor).pk)
    assert event.read(bytes(row.body)).body() == bytes(row.body)
    assert bytes(LedgerPending.objects.get(pk=row.pk).leaf_hash) == tree.leaf_hash(bytes(row.body))


def test_the_event_names_request_credential_and_the_person_behind():
    actor = adam()
    circumstances = context.ActContext("request-1", "credential-1", "token", "someone")
    with context.acting(circumstances):
        assert context.current() is circumstances
        body = body_of(append(NOTED, actor, actor=actor))
    assert body["request_id"] == "request-1"
    assert body["credential"] == "credential-1"
    assert body["authentication"] == "token"
    assert body["on_behalf_of"] == "someone"
    assert body_of(append(NOTED, actor, actor=actor))["authentication"] == "command"


def test_an_action_that_nobody_declared_is_refused():
    actor = adam()
    with pytest.raises(DomainError) as refusal:
        append("test.undeclared", actor, actor=actor)
    assert refusal.value.code == "unknown-action"
    assert not LedgerEvent.objects.filter(action="test.undeclared").exists()


def test_two_meanings_of_one_action_are_refused():
    with pytest.raises(ValueError, match="different summaries"):
        declare_action(NOTED, "Something else.")
    with pytest.raises(ValueError, match="dotted"):
        declare_action("Test Noted", "Malformed.")


def test_an_act_without_a_known_actor_is_refused():
    actor = adam()
    with pytest.raises(DomainError) as refusal:
        append(NOTED, actor, actor=User(username="nobody"))
    assert refusal.value.code == "actor-required"


def test_a_subject_without_a_row_is_refused():
    actor = adam()
    with pytest.raises(DomainError) as refusal:
        append(NOTED, User(id=uuid4(), username="ghost"), actor=actor)
    assert refusal.value.code == "ledger-subject-missing"


def test_an_act_whose_record_is_too_large_is_refused():
    actor = adam()
    append(NOTED, actor, actor=actor, payload={"text": "x" * 60_000})
    with pytest.raises(DomainError) as refusal:
        append(NOTED, actor, actor=actor, payload={"text": "x" * 66_000})
    assert refusal.value.code == "event-too-large"
    assert refusal.value.kind == "too-large"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, object(), {1: 2}, Decimal("NaN"), {1, 2}])
def test_what_has_no_stable_bytes_is_refused(value):
    with pytest.raises(DomainError):
        plain.plain({"value": value})


def test_nesting_is_bounded():
    value = 1
    for _ in range(plain.MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(DomainError) as refusal:
        plain.plain(value)
    assert refusal.value.code == "too-deep"


def test_numbers_and_instants_have_one_spelling():
    assert plain.decimal_text(0.1) == "0.1"
    assert plain.decimal_text(1e-7) == "0.0000001"
    assert plain.decimal_text(-0.0) == "0.0"
    instant = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert plain.plain(instant) == "2026-01-02T03:04:05.000000Z"
    assert plain.parse_instant("2026-01-02T03:04:05.000000Z") == instant
    with pytest.raises(ValueError, match="canonical"):
        plain.parse_instant("2026-01-02T03:04:05.0Z")


def test_ids_sort_by_time_and_never_go_back_for_a_subject():
    now = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    first = event.new_event_id(now)
    assert first.version == 7
    assert first.variant == UUID(int=first.int).variant
    assert first.int >> 80 == int(now.timestamp() * 1000)
    assert event.new_event_id(now + timedelta(microseconds=1)) > first
    after = event.new_event_id(now - timedelta(hours=1), after=first)
    assert after > first
    assert event.new_event_id(now, after=after) > after


def test_the_ledger_answers_for_a_past_instant():
    actor = adam()
    before = LedgerEvent.objects.get(subject_key=str(actor.pk), subject_kind="person")
    User.objects.filter(pk=actor.pk).update(is_active=False)
    after = append(NOTED, actor, actor=actor)
    assert as_of("person", str(actor.pk), before.instant - timedelta(seconds=1)) is None
    assert as_of("person", str(actor.pk), before.instant).state["is_active"] is True
    assert as_of("person", str(actor.pk), after.instant).state["is_active"] is False
    assert [seen.action for seen in history("person", str(actor.pk))] == ["person.registered", NOTED]


def test_two_events_with_one_number_are_refused_by_the_database():
    actor = adam()
    row = LedgerEvent.objects.get(subject_key=str(actor.pk), subject_kind="person")
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEvent.objects.create(
            id=uuid4(),
            body=b"{}",
            action=NOTED,
            subject_kind=row.subject_kind,
            subject_key=row.subject_key,
            subject_seq=row.subject_seq,
            actor_id="x",
            instant=row.instant,
        )


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_recorded():
    actor = adam()
    count = LedgerEvent.objects.count()
    with pytest.raises(DomainError) as refusal:
        append(NOTED, actor, actor=actor)
    assert refusal.value.code == "ledger-outside-transaction"
    assert LedgerEvent.objects.count() == count


@pytest.mark.django_db(transaction=True)
def test_an_act_that_fails_leaves_no_event_and_an_event_that_fails_leaves_no_act():
    actor = adam()
    count = LedgerEvent.objects.count()

    @transaction.atomic
    def act_that_fails():
        append(NOTED, actor, actor=actor)
        raise RuntimeError("the act fails")

    @transaction.atomic
    def act_whose_event_fails():
        User.objects.filter(pk=actor.pk).update(is_active=False)
        append(NOTED, actor, actor=actor, payload={"bad": float("nan")})

    with pytest.raises(RuntimeError):
        act_that_fails()
    with pytest.raises(DomainError):
        act_whose_event_fails()
    assert LedgerEvent.objects.count() == count
    assert User.objects.get(pk=actor.pk).is_active


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_subject_wait_for_each_other_and_none_is_refused():
    actor = adam()
    errors = []

    def write():
        try:
            for _ in range(5):
                with transaction.atomic():
                    append(NOTED, actor, actor=actor)
        except Exception as error:  # noqa: BLE001  (whatever it is, the test shows it)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    numbers = LedgerEvent.objects.filter(subject_kind="person", subject_key=str(actor.pk)).values_list(
        "subject_seq", flat=True
    )
    assert sorted(numbers) == list(range(1, 32))
