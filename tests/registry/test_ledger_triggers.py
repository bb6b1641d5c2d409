"""Does the database refuse to change the ledger, and do its walls come back after a migration?"""

from __future__ import annotations

import sqlite3
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction

from registry.errors import DomainError
from registry.ledger import anchoring, sequencer, triggers
from registry.ledger.append import append
from registry.ledger.models import LedgerAnchor, LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.verify import verify_all
from tests.registry.ledger_cast import NOTED, adam

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ATTACKS = {
    "update event": "UPDATE registry_ledgerevent SET action = 'x'",
    "delete event": "DELETE FROM registry_ledgerevent",
    "update leaf": "UPDATE registry_ledgerleaf SET leaf_hash = leaf_hash",
    "delete leaf": "DELETE FROM registry_ledgerleaf",
    "update checkpoint": "UPDATE registry_ledgercheckpoint SET note = ''",
    "delete checkpoint": "DELETE FROM registry_ledgercheckpoint",
    "update pending": "UPDATE registry_ledgerpending SET leaf_hash = leaf_hash",
    "delete pending": "DELETE FROM registry_ledgerpending",
    "update receipt": "UPDATE registry_ledgeranchor SET note = ''",
    "delete receipt": "DELETE FROM registry_ledgeranchor",
}


def a_ledger():
    actor = adam()
    sequencer.sequence_all()
    anchoring.anchor_everywhere()
    append(NOTED, actor, actor=actor)
    return actor


def run(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def contents():
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (LedgerEvent, LedgerLeaf, LedgerCheckpoint, LedgerPending, LedgerAnchor)
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses(attack):
    a_ledger()
    before = contents()
    with pytest.raises(DatabaseError, match=r"append-only|until its leaf"):
        run(ATTACKS[attack])
    assert contents() == before


def test_a_node_cannot_be_changed_either():
    actor = adam()
    for _ in range(260):
        append(NOTED, actor, actor=actor)
    sequencer.sequence_all()
    for attack in ("UPDATE registry_ledgernode SET level = 9", "DELETE FROM registry_ledgernode"):
        with pytest.raises(DatabaseError, match="append-only"):
            run(attack)


def test_replacing_a_row_is_refused_even_without_recursive_triggers():
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    a_ledger()
    before = contents()
    for table in ("event", "leaf", "checkpoint", "pending", "anchor"):
        name = f"registry_ledger{table}"
        with pytest.raises(DatabaseError, match="append-only"):
            run(f"INSERT OR REPLACE INTO {name} SELECT * FROM {name}")  # noqa: S608  (our own table names)
    row = LedgerEvent.objects.first()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO registry_ledgerevent "
            "SELECT %s, body, action, subject_kind, subject_key, subject_seq, actor_id, instant "
            "FROM registry_ledgerevent WHERE id = %s",
            [uuid4().hex, row.pk.hex],
        )
    assert contents() == before


@pytest.mark.django_db(transaction=True)
def test_a_foreign_sqlite_program_without_our_pragmas_is_refused_too():
    if connection.vendor != "sqlite":
        pytest.skip("this is about the SQLite file")
    adam()
    foreign = sqlite3.connect(connection.settings_dict["NAME"])
    try:
        for statement in (
            "UPDATE registry_ledgerevent SET action = 'x'",
            "DELETE FROM registry_ledgerleaf",
            "INSERT OR REPLACE INTO registry_ledgerevent SELECT * FROM registry_ledgerevent",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                foreign.execute(statement)
            foreign.rollback()
    finally:
        foreign.close()


def test_truncate_is_refused_where_there_is_one():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    a_ledger()
    for table in triggers.TABLES:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table}")


def test_the_models_refuse_before_the_database_has_to():
    a_ledger()
    row = LedgerEvent.objects.first()
    for change in (
        lambda: LedgerEvent.objects.update(action="x"),
        lambda: LedgerEvent.objects.all().delete(),
        lambda: LedgerEvent.objects.bulk_update([row], ["action"]),
        row.save,
        row.delete,
    ):
        with pytest.raises(DomainError) as refusal:
            change()
        assert refusal.value.code == "ledger-append-only"


def test_every_trigger_is_there_after_migrating_and_a_dropped_one_is_noticed():
    assert triggers.missing(connection) == []
    on_table = f" ON {triggers.EVENT}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {triggers.EVENT}_no_update{on_table}")
    assert triggers.missing(connection) == [(triggers.EVENT, f"{triggers.EVENT}_no_update")]
    guards = next(statement for statement in verify_all().statements if statement.slug == "triggers")
    assert guards.outcome == "false"
    triggers.install(connection)
    assert triggers.missing(connection) == []


def test_a_trigger_that_does_nothing_is_noticed():
    name = f"{triggers.LEAF}_no_delete"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION cadastre_ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RETURN OLD; END $$"
            )
        else:
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"CREATE TRIGGER {name} BEFORE DELETE ON {triggers.LEAF} BEGIN SELECT 1; END")
    assert (triggers.LEAF, name) in triggers.missing(connection)
    triggers.install(connection)
    assert triggers.missing(connection) == []


def test_a_disabled_trigger_is_noticed():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite cannot switch a trigger off")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {triggers.EVENT} DISABLE TRIGGER ALL")
    assert (triggers.EVENT, f"{triggers.EVENT}_no_delete") in triggers.missing(connection)
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_the_triggers_come_back_after_a_table_remake():
    old = LedgerEvent._meta.get_field("action")
    wider = models.CharField(max_length=200)
    wider.set_attributes_from_name("action")
    wider.model = LedgerEvent
    with connection.schema_editor() as editor:
        editor.alter_field(LedgerEvent, old, wider)
    try:
        if connection.vendor == "sqlite":
            assert (triggers.EVENT, f"{triggers.EVENT}_no_update") in triggers.missing(connection)
        call_command("migrate", verbosity=0)
        assert triggers.missing(connection) == []
        adam()
        with pytest.raises(DatabaseError, match="append-only"):
            run("DELETE FROM registry_ledgerevent")
    finally:
        with connection.schema_editor() as editor:
            editor.alter_field(LedgerEvent, wider, old)
        triggers.install(connection)
