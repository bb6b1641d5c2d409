"""What does the database itself refuse? A contributor's approval, and changing or deleting one, whoever says so."""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "a person who contributed to the version or asked for its promotion cannot approve it"
CONDITION = """
    NEW.approver_id IN (
        SELECT c.person_id FROM registry_contribution c
        JOIN governance_promotionrequest p ON p.version_id = c.version_id WHERE p.id = NEW.request_id
    ) OR NEW.approver_id IN (
        SELECT p.requested_by_id FROM governance_promotionrequest p WHERE p.id = NEW.request_id
        UNION SELECT p.requested_for_id FROM governance_promotionrequest p WHERE p.id = NEW.request_id
    ) OR EXISTS (
        SELECT 1 FROM registry_user u WHERE u.id = NEW.approver_id AND u.kind <> 'person'
    )
"""
TAKEN = """
    EXISTS (SELECT 1 FROM governance_approval a WHERE a.id = NEW.id OR (
        a.request_id = NEW.request_id AND a.approver_id = NEW.approver_id AND a.withdrawn_at IS NULL
        AND NEW.withdrawn_at IS NULL
    ))
"""
UNCHANGEABLE = (
    "id",
    "request_id",
    "approver_id",
    "requested_by_id",
    "requested_for_id",
    "decision",
    "role",
    "statement",
    "manifest",
    "manifest_digest",
    "evidence_digest",
    "decided_at",
    "expires_at",
)
UNCHANGED = "an approval cannot be changed, only withdrawn"
KEPT = "an approval cannot be deleted, only withdrawn"


def _changed(differs: str) -> str:
    """Return the condition under which an UPDATE is refused: another content, or a withdrawal taken back."""
    columns = [f"OLD.{column} {differs} NEW.{column}" for column in UNCHANGEABLE]
    return " OR ".join([*columns, f"(OLD.withdrawn_at IS NOT NULL AND OLD.withdrawn_at {differs} NEW.withdrawn_at)"])


TRIGGERS = ("approval_by_contributor", "approval_not_replaced", "approval_unchangeable", "approval_kept")
SQLITE = [
    f"CREATE TRIGGER approval_by_contributor BEFORE INSERT ON governance_approval WHEN {CONDITION} "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
    f"CREATE TRIGGER approval_unchangeable BEFORE UPDATE ON governance_approval WHEN {_changed('IS NOT')} "
    f"BEGIN SELECT RAISE(ABORT, '{UNCHANGED}'); END",
    # INSERT OR REPLACE deletes in silence on a connection that has recursive_triggers off.
    f"CREATE TRIGGER approval_not_replaced BEFORE INSERT ON governance_approval WHEN {TAKEN} "
    f"BEGIN SELECT RAISE(ABORT, '{UNCHANGED}'); END",
    f"CREATE TRIGGER approval_kept BEFORE DELETE ON governance_approval BEGIN SELECT RAISE(ABORT, '{KEPT}'); END",
]


def _refusing(trigger: str, when: str, condition: str, message: str) -> list[str]:
    """Return the statements that make one trigger of PostgreSQL, and the function it calls."""
    return [
        f"""CREATE OR REPLACE FUNCTION cadastre_{trigger}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF {condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW; END $$""",
        f"CREATE TRIGGER {trigger} BEFORE {when} ON governance_approval FOR EACH ROW "
        f"EXECUTE FUNCTION cadastre_{trigger}()",
    ]


POSTGRESQL = [
    *_refusing("approval_by_contributor", "INSERT", CONDITION, MESSAGE),
    *_refusing("approval_not_replaced", "INSERT", TAKEN, UNCHANGED),
    *_refusing("approval_unchangeable", "UPDATE", _changed("IS DISTINCT FROM"), UNCHANGED),
    *_refusing("approval_kept", "DELETE", "TRUE", KEPT),
]


def install_after_migrate(*, using: str, **_kwargs: Any) -> None:
    """Install the walls once the tables are there (sent by post_migrate)."""
    install(connections[using])


def install(connection: BaseDatabaseWrapper) -> None:
    """Install or renew the triggers on ``governance_approval``, all of them or none."""
    with connection.cursor() as cursor:
        if "governance_approval" not in connection.introspection.table_names(cursor):
            return
    with transaction.atomic(using=connection.alias):
        remove(connection)
        with connection.cursor() as cursor:
            for statement in SQLITE if connection.vendor == "sqlite" else POSTGRESQL:
                cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the triggers that are not there, for the readiness probe."""
    catalogue = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        there = {row[0] for row in cursor.fetchall()}
    return [name for name in TRIGGERS if name not in there]


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers, for the emptying of a test database."""
    on_table = "" if connection.vendor == "sqlite" else " ON governance_approval"
    with connection.cursor() as cursor:
        for trigger in TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on_table}")
