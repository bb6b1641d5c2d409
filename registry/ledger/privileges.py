"""May the service's own database role do more to the ledger than add to it? A check of the deployment, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from registry.ledger.models import LedgerEvent
from registry.ledger.triggers import PENDING, POSTGRESQL_FUNCTIONS, TABLES

HINT = "Run deploy/postgresql/roles.sql and grants.sql, and connect the service as the role `cadastre`."


def excess(connection: BaseDatabaseWrapper) -> list[str]:
    """Return what the connected role may do to the ledger beyond SELECT and INSERT, in words; empty on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        role, is_super, makes_roles = cursor.fetchone()
        if is_super:
            return [f"the role {role} is a superuser"]
        found = [f"the role {role} makes roles"] if makes_roles else []
        cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
        if cursor.fetchone()[0]:
            found.append(f"the role {role} may set session_replication_role, which switches triggers off")
        for table in TABLES:
            found += [f"the role {role} {what}" for what in _of_table(cursor, table)]
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE proname = ANY(%s) AND pronamespace = current_schema()::regnamespace "
            "AND pg_has_role(proowner, 'MEMBER') ORDER BY proname",
            [sorted(POSTGRESQL_FUNCTIONS)],
        )
        found += [f"the role {role} owns the function {name}" for (name,) in cursor.fetchall()]
    return found


def _of_table(cursor: Any, table: str) -> list[str]:
    cursor.execute("SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass(%s)", [table])
    row = cursor.fetchone()
    if row is None:
        return [f"does not find {table}: migrate first"]
    if row[0]:
        return [f"owns {table}"]
    cursor.execute(
        "SELECT has_any_column_privilege(%(table)s, 'UPDATE'), has_table_privilege(%(table)s, 'DELETE'), "
        "has_table_privilege(%(table)s, 'TRUNCATE'), has_table_privilege(%(table)s, 'TRIGGER')",
        {"table": table},
    )
    may = dict(zip(("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"), cursor.fetchone(), strict=True))
    if table == PENDING:
        del may["DELETE"]
    return [f"may {privilege} {table}" for privilege, granted in may.items() if granted]


def check_privileges(**_told: Any) -> Sequence[CheckMessage]:
    """Return an error for everything that the service's role may do to the ledger beyond adding to it."""
    try:
        found = excess(connections[router.db_for_write(LedgerEvent)])
    except DatabaseError as error:
        return [Error(f"Whether the ledger is safe from the service's role cannot be told: {error}", id="ledger.E002")]
    return [Error(f"On the ledger, {what}.", hint=HINT, id="ledger.E001") for what in found]
