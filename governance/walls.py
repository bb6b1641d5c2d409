"""What does the database itself refuse? A contributor's approval, from wherever the INSERT comes."""

from __future__ import annotations

from typing import Any

from django.db import connections
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
UNCHANGEABLE = (
    "request_id",
    "approver_id",
    "decision",
    "statement",
    "manifest_digest",
    "evidence_digest",
    "decided_at",
    "expires_at",
)

SQLITE = [
    "DROP TRIGGER IF EXISTS approval_by_contributor",
    f"CREATE TRIGGER approval_by_contributor BEFORE INSERT ON governance_approval WHEN {CONDITION} "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
    "DROP TRIGGER IF EXISTS approval_unchangeable",
    "CREATE TRIGGER approval_unchangeable BEFORE UPDATE ON governance_approval WHEN "
    + " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in UNCHANGEABLE)
    + " BEGIN SELECT RAISE(ABORT, 'an approval cannot be changed, only withdrawn'); END",
]
POSTGRESQL = [
    f"""CREATE OR REPLACE FUNCTION cadastre_approval_by_contributor() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF {CONDITION} THEN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$""",
    "DROP TRIGGER IF EXISTS approval_by_contributor ON governance_approval",
    "CREATE TRIGGER approval_by_contributor BEFORE INSERT ON governance_approval FOR EACH ROW "
    "EXECUTE FUNCTION cadastre_approval_by_contributor()",
    f"""CREATE OR REPLACE FUNCTION cadastre_approval_unchangeable() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF {" OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in UNCHANGEABLE)} THEN
    RAISE EXCEPTION 'an approval cannot be changed, only withdrawn' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW; END $$""",
    "DROP TRIGGER IF EXISTS approval_unchangeable ON governance_approval",
    "CREATE TRIGGER approval_unchangeable BEFORE UPDATE ON governance_approval FOR EACH ROW "
    "EXECUTE FUNCTION cadastre_approval_unchangeable()",
]


def install_after_migrate(*, using: str, **_kwargs: Any) -> None:
    """Install the walls once the tables are there (sent by post_migrate)."""
    install(connections[using])


def install(connection: BaseDatabaseWrapper) -> None:
    """Install or renew the triggers on ``governance_approval``."""
    with connection.cursor() as cursor:
        if "governance_approval" not in connection.introspection.table_names(cursor):
            return
        for statement in SQLITE if connection.vendor == "sqlite" else POSTGRESQL:
            cursor.execute(statement)
