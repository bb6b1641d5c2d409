"""Does the database itself refuse to change the ledger? Triggers for SQLite and PostgreSQL, and which are missing.

They are tripwires: who owns the tables can drop them. What proves the ledger is the tree and its anchors.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from registry.ledger.models import (
    LedgerAnchor,
    LedgerCheckpoint,
    LedgerEvent,
    LedgerLeaf,
    LedgerNode,
    LedgerPending,
)

EVENT, LEAF, NODE, CHECKPOINT, PENDING, ANCHOR = (
    model._meta.db_table
    for model in (LedgerEvent, LedgerLeaf, LedgerNode, LedgerCheckpoint, LedgerPending, LedgerAnchor)
)
TABLES = (EVENT, LEAF, NODE, CHECKPOINT, PENDING, ANCHOR)
SAME_ROW = {
    EVENT: "id = NEW.id OR (subject_kind = NEW.subject_kind AND subject_key = NEW.subject_key "
    "AND subject_seq = NEW.subject_seq)",
    LEAF: '"index" = NEW."index" OR event_id = NEW.event_id',
    NODE: 'id = NEW.id OR (level = NEW.level AND "index" = NEW."index")',
    CHECKPOINT: "size = NEW.size",
    PENDING: "event_id = NEW.event_id",
    ANCHOR: "id = NEW.id OR (kind = NEW.kind AND size = NEW.size AND reference = NEW.reference)",
}
MESSAGE = "the ledger is append-only"
SEQUENCED_FIRST = "an event waits until its leaf exists"
ITS_LEAF = f"SELECT 1 FROM {LEAF} WHERE event_id = OLD.event_id"  # noqa: S608  (the table's name is ours)
AS_INTEGRITY = "USING ERRCODE = 'integrity_constraint_violation'"


def expected(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], str]:
    """Return the triggers that belong into this database: (table, name) to the statement that makes it."""
    return _for_postgresql() if connection.vendor == "postgresql" else _for_sqlite()


def _for_sqlite() -> dict[tuple[str, str], str]:
    statements = {}
    for table in TABLES:
        whens = {
            "no_update": "BEFORE UPDATE ON {table}",
            "no_delete": "BEFORE DELETE ON {table}",
            "no_replace": "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",
        }
        message = MESSAGE
        for suffix, when in whens.items():
            clause = when.format(table=table, same=SAME_ROW[table])
            if table == PENDING and suffix == "no_delete":
                clause += f" WHEN NOT EXISTS ({ITS_LEAF})"
                message = SEQUENCED_FIRST
            name = f"{table}_{suffix}"
            statements[table, name] = f"CREATE TRIGGER {name} {clause} BEGIN SELECT RAISE(ABORT, '{message}'); END"
            message = MESSAGE
    return statements


def _for_postgresql() -> dict[tuple[str, str], str]:
    statements = {}
    for table in TABLES:
        for event in ("UPDATE", "DELETE"):
            function = "cadastre_ledger_refuse"
            if table == PENDING and event == "DELETE":
                function = "cadastre_ledger_sequenced_first"
            name = f"{table}_no_{event.lower()}"
            statements[table, name] = (
                f"CREATE OR REPLACE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
            )
        if settings.LEDGER_TRUNCATE_TRIGGER:
            name = f"{table}_no_truncate"
            statements[table, name] = (
                f"CREATE OR REPLACE TRIGGER {name} BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION cadastre_ledger_refuse()"
            )
    return statements


POSTGRESQL_FUNCTIONS = {
    "cadastre_ledger_refuse": f" BEGIN RAISE EXCEPTION '{MESSAGE}' {AS_INTEGRITY}; END ",
    "cadastre_ledger_sequenced_first": (
        f" BEGIN IF EXISTS ({ITS_LEAF}) THEN RETURN OLD; END IF; "
        f"RAISE EXCEPTION '{SEQUENCED_FIRST}' {AS_INTEGRITY}; END "
    ),
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Make every trigger that is missing or not as it should be."""
    absent = {(table, name) for table, name in missing(connection)}
    if not absent:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for name, body in POSTGRESQL_FUNCTIONS.items():
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $refuse${body}$refuse$"
                )
        for (table, name), statement in expected(connection).items():
            if (table, name) in absent:
                if connection.vendor == "sqlite":
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                cursor.execute(statement)
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop every trigger of the ledger, for the emptying of a test database."""
    with connection.cursor() as cursor:
        for table, name in expected(connection):
            on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def missing(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return (table, name) of every trigger that is absent, switched off or not word for word as it should be."""
    present = _on_postgresql(connection) if connection.vendor == "postgresql" else _on_sqlite(connection)
    return sorted(key for key in expected(connection) if key not in present)


def _on_sqlite(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = {(table, name): sql for table, name, sql in cursor.fetchall()}
    return {key for key, statement in expected(connection).items() if found.get(key) == statement}


def _on_postgresql(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """A trigger counts when it is enabled always and calls a function whose text is ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname, p.proname, p.prosrc, t.tgtype FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.relnamespace = current_schema()::regnamespace"
        )
        found = {(table, name): (function, source, kind) for table, name, function, source, kind in cursor.fetchall()}
    return {key for key, statement in expected(connection).items() if key in found and _stands(statement, *found[key])}


TRIGGER_TYPES = {"UPDATE": 0b010011, "DELETE": 0b001011, "TRUNCATE": 0b100010}
"""Bits of pg_trigger.tgtype: row 1, before 2, delete 8, update 16, truncate 32."""


def _stands(statement: str, function: str, source: str, kind: int) -> bool:
    event = statement.split(" BEFORE ", 1)[1].split(" ", 1)[0]
    return (
        f"EXECUTE FUNCTION {function}()" in statement
        and POSTGRESQL_FUNCTIONS.get(function) == source
        and kind == TRIGGER_TYPES[event]
    )


def install_after_migrate(using: str = "default", **kwargs: Any) -> None:
    """Install the triggers after each migration, as soon as the tables exist (receiver of ``post_migrate``)."""
    connection = connections[using]
    if set(TABLES) <= set(connection.introspection.table_names()):
        install(connection)
