"""What time is it for the database? The only clock that events, decisions and expiries go by."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import DEFAULT_DB_ALIAS, connections


def database_now(using: str = DEFAULT_DB_ALIAS) -> datetime:
    """Return the present instant in UTC by the clock of the database server.

    It goes on inside a transaction. SQLite runs in this process, so its clock is ours; asking it would only lose the
    microseconds.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        instant: datetime = cursor.fetchone()[0]
    return instant.astimezone(UTC)
