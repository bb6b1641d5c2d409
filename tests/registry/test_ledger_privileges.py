"""Is the service's own database role, as deploy/ ships it, unable to do anything to the ledger but add to it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection, transaction

from registry.ledger import sequencer
from registry.ledger.append import append
from registry.ledger.models import LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.privileges import check_privileges, excess
from registry.models import User
from tests.environment import on_postgres
from tests.registry.ledger_cast import NOTED, adam

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
SQL = Path(__file__).parents[2] / "deploy" / "postgresql"
on_postgresql = pytest.mark.skipif(not on_postgres(), reason="SQLite has no roles")
TABLES = ["ledgerevent", "ledgerleaf", "ledgernode", "ledgercheckpoint", "ledgeranchor", "ledgerpending"]
ATTACKS = {
    "update": "UPDATE registry_{table} SET {column} = {column}",
    "delete": "DELETE FROM registry_{table}",
    "truncate": "TRUNCATE registry_{table}",
    "drop": "DROP TABLE registry_{table} CASCADE",
    "disable a trigger": "ALTER TABLE registry_{table} DISABLE TRIGGER registry_{table}_no_update",
    "insert on conflict do update": (
        "INSERT INTO registry_{table} SELECT * FROM registry_{table} "
        "ON CONFLICT ({key}) DO UPDATE SET {column} = EXCLUDED.{column}"
    ),
}
COLUMNS = {
    "ledgerevent": ("id", "action"), "ledgerleaf": ("index", "leaf_hash"), "ledgernode": ("id", "node_hash"),
    "ledgercheckpoint": ("size", "note"), "ledgeranchor": ("id", "note"), "ledgerpending": ("event_id", "leaf_hash"),
}  # fmt: skip
OF_THE_DATABASE = {
    "replace the trigger function": (
        "CREATE OR REPLACE FUNCTION cadastre_ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    ),
    "switch triggers off": "SET session_replication_role = replica",
    "make a trigger": (
        "CREATE TRIGGER other BEFORE INSERT ON registry_ledgerevent FOR EACH ROW EXECUTE FUNCTION cadastre_ledger_refuse()"
    ),
}


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def as_service(db: None) -> Iterator[User]:
    """Act as the role of the service, in a transaction that is never committed; somebody and an event are there."""
    actor = adam()
    append(NOTED, actor, actor=actor, payload={})
    for name in ("roles.sql", "grants.sql"):
        run((SQL / name).read_text(encoding="utf-8"))
    run("SET LOCAL ROLE cadastre")
    yield actor
    run("RESET ROLE")


@on_postgresql
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_a_table_of_the_ledger_is_refused(as_service: User, attack: str, table: str) -> None:
    key, column = COLUMNS[table]
    statement = ATTACKS[attack].format(table=table, key=f'"{key}"', column=column)
    if (attack, table) == ("delete", "ledgerpending"):
        with pytest.raises(DatabaseError, match="an event waits until its leaf exists"):
            run(statement)
        return
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        run(statement)


@on_postgresql
@pytest.mark.parametrize("attack", OF_THE_DATABASE)
def test_an_attack_on_what_guards_the_ledger_is_refused(as_service: User, attack: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        run(OF_THE_DATABASE[attack])


@on_postgresql
def test_the_service_appends_sequences_and_passes_the_check_as_that_role(as_service: User) -> None:
    append(NOTED, as_service, actor=as_service, payload={"as": "service"})
    assert sequencer.sequence_all() == LedgerEvent.objects.count() == LedgerLeaf.objects.count()
    assert not LedgerPending.objects.exists()
    assert excess(connection) == []
    assert check_privileges() == []


@on_postgresql
@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("GRANT UPDATE ON registry_ledgerevent TO cadastre", "may UPDATE registry_ledgerevent"),
        ("GRANT UPDATE (action) ON registry_ledgerevent TO cadastre", "may UPDATE registry_ledgerevent"),
        ("GRANT DELETE ON registry_ledgerleaf TO PUBLIC", "may DELETE registry_ledgerleaf"),
        ("GRANT TRUNCATE ON registry_ledgerpending TO cadastre", "may TRUNCATE registry_ledgerpending"),
        ("GRANT TRIGGER ON registry_ledgernode TO cadastre", "may TRIGGER registry_ledgernode"),
        ("ALTER TABLE registry_ledgeranchor OWNER TO cadastre", "owns registry_ledgeranchor"),
        ("ALTER ROLE cadastre CREATEROLE", "makes roles"),
        ("GRANT SET ON PARAMETER session_replication_role TO cadastre", "may set session_replication_role"),
    ],
)
def test_the_check_names_what_the_role_may_do_too_much(as_service: User, grant: str, said: str) -> None:
    run("RESET ROLE")
    run(grant)
    run("SET LOCAL ROLE cadastre")
    assert any(said in one for one in excess(connection)), excess(connection)
    with pytest.raises(SystemCheckError, match=r"ledger\.E001"):
        call_command("check", deploy=True, tags=["security"])


@on_postgresql
def test_the_check_fails_for_a_superuser() -> None:
    with pytest.raises(SystemCheckError, match="is a superuser"):
        call_command("check", deploy=True, tags=["security"])


def test_without_roles_there_is_nothing_to_say() -> None:
    if not on_postgres():
        assert check_privileges() == []
