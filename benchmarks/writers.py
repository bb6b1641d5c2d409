"""How fast do eight processes append? On PostgreSQL beside a chain whose head each act locks; on SQLite fairly to all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Reading, at_least, at_most
from benchmarks.environments import ROOT
from benchmarks.rounds import Comparison, Sample, taking_turns

if TYPE_CHECKING:
    from registry.models import Model, User

WRITERS = 8
WORK_SECONDS = 0.005
PLAIN = Reading(
    "append-postgresql",
    f"Append on PostgreSQL: {WRITERS} processes edit models by turns with place in the tree and signature, against the same "
    "events in a chain whose head each transaction locks first (wall time an event, all together)",
    at_least(2),
    "wall_ms",
)
WORKING = Reading(
    "append-postgresql-5ms",
    f"The same with {1000 * WORK_SECONDS:g} ms of other work in each transaction (wall time an event, all together)",
    at_least(4),
    "wall_ms",
)
FAIR = Reading(
    "append-sqlite-fair",
    f"Append on SQLite: the slowest of {WRITERS} processes against the fastest; one that is refused because the database is "
    "locked ends the run (wall time an event of one writer)",
    at_most(2),
    "wall_ms",
)
HEAD = "CREATE TABLE IF NOT EXISTS bench_head (id integer PRIMARY KEY, hash bytea NOT NULL)"


class Writers:
    """Eight processes that have prepared themselves and append for some seconds each time they are told to."""

    def __init__(self, children: Sequence[subprocess.Popen[str]]) -> None:
        self._children = children
        for child in children:
            self._answer(child)

    def play(self, seconds: float) -> list[int]:
        """Have all of them append at once; return how many events each one committed."""
        for child in self._children:
            if child.stdin is not None:
                child.stdin.write(f"{seconds}\n")
                child.stdin.flush()
        return [int(self._answer(child)["events"]) for child in self._children]

    def together(self, seconds: float) -> Sample:
        """Return the wall time that one event took of all of them together."""
        start = time.perf_counter()
        events = sum(self.play(seconds))
        taken = 1000 * (time.perf_counter() - start) / events
        return Sample(wall_ms=taken, processor_ms=0.0)

    @staticmethod
    def _answer(child: subprocess.Popen[str]) -> dict[str, Any]:
        line = child.stdout.readline() if child.stdout else ""
        if not line:
            raise RuntimeError(f"A writer ended with exit code {child.wait()}; its error stands above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def writers(*, head_locked: bool, work: float) -> Iterator[Writers]:
    """Start the processes on the database of this one; end each of them by its handle."""
    command = [sys.executable, "-m", "benchmarks.writers", str(int(head_locked)), str(work)]
    children = [
        subprocess.Popen([*command, str(number)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    try:
        yield Writers(children)
    finally:
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
            child.wait(timeout=60)
            if child.stdout is not None:
                child.stdout.close()


def measured(reading: Reading, *, rounds: int, seconds: float) -> Comparison:
    """Measure one line in a process of its own: the settings of a process lead to one database for as long as it lives."""
    command = [sys.executable, "-m", "benchmarks.writers", "compare", reading.id, str(rounds), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    sides = json.loads(done.stdout.splitlines()[-1])
    ours, peer = (tuple(Sample(wall_ms=wall, processor_ms=0.0) for wall in side) for side in sides)
    return Comparison(ours, peer)


def compare(name: str, *, rounds: int, seconds: float) -> Comparison:
    """Measure one line on an empty database of this process."""
    from benchmarks.gate import service_folder
    from benchmarks.past import postgresql_folder

    with service_folder() if name == FAIR.id else postgresql_folder():
        prepare()
        if name == FAIR.id:
            return compare_writers(rounds=rounds, seconds=seconds)
        return compare_heads(rounds=rounds, seconds=seconds, work=WORK_SECONDS if name == WORKING.id else 0.0)


def prepare() -> None:
    """Make the tables and a model for each writer."""
    import django
    from django.core.management import call_command
    from django.db import connection, connections

    from benchmarks.seeding import seed

    django.setup()
    call_command("migrate", verbosity=0)
    seed(models=2 * WRITERS, registrations=0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(HEAD)
            cursor.execute("INSERT INTO bench_head VALUES (1, ''::bytea) ON CONFLICT DO NOTHING")
    connections.close_all()


def compare_heads(*, rounds: int, seconds: float, work: float) -> Comparison:
    """Let the product's append and the locked head take turns on one PostgreSQL."""
    with writers(head_locked=False, work=work) as ours, writers(head_locked=True, work=work) as peer:
        ours.play(seconds / 2)
        peer.play(seconds / 2)
        return taking_turns(lambda: ours.together(seconds), lambda: peer.together(seconds), rounds=rounds)


def compare_writers(*, rounds: int, seconds: float) -> Comparison:
    """Return for each round the slowest writer as ours, and the fastest as the peer."""
    slowest, fastest = [], []
    with writers(head_locked=False, work=0.0) as ours:
        ours.play(seconds / 2)
        for _ in range(rounds):
            events = ours.play(seconds)
            if not all(events):
                raise RuntimeError(f"A writer did not get its turn at all: {events}")
            slowest.append(Sample(wall_ms=1000 * seconds / min(events), processor_ms=0.0))
            fastest.append(Sample(wall_ms=1000 * seconds / max(events), processor_ms=0.0))
    return Comparison(tuple(slowest), tuple(fastest))


def appended(entry: Model, actor: User) -> None:
    """Record an edit as the product does."""
    from registry.ledger.append import append

    append("model.edited", entry, actor=actor)


def chained(entry: Model, actor: User) -> None:
    """Record the same event under the locked head of one chain: no tree, no signature, and one act after the other."""
    from django.db import connection

    from registry.ledger import tree
    from registry.ledger.clock import database_now
    from registry.ledger.event import Event, new_event_id
    from registry.ledger.models import LedgerEvent

    kind, key = entry.ledger_kind, entry.ledger_key()
    last = LedgerEvent.objects.filter(subject_kind=kind, subject_key=key).order_by("-subject_seq").first()
    row, now = type(entry).ledger_rows("default").filter(pk=entry.pk).get(), database_now("default")
    event = Event(
        id=new_event_id(now, after=last.id if last else None), instant=now, actor_id=str(actor.pk),
        actor_kind=str(actor.kind), action="model.edited", subject_kind=kind, subject_key=key,
        subject_seq=last.subject_seq + 1 if last else 1, prev=tree.leaf_hash(bytes(last.body)).hex() if last else None,
        state=row.ledger_state(), payload={}, request_id="benchmark", credential=None, authentication="command",
        on_behalf_of=None,
    )  # fmt: skip
    body = event.body()
    LedgerEvent.objects.create(
        id=event.id, body=body, action=event.action, subject_kind=kind, subject_key=key, subject_seq=event.subject_seq,
        actor_id=event.actor_id, instant=now,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT hash FROM bench_head WHERE id = 1")
        head = bytes(cursor.fetchone()[0])
        cursor.execute("UPDATE bench_head SET hash = %s WHERE id = 1", [hashlib.sha256(head + body).digest()])


def lock_head() -> None:
    """Wait until no other act holds the head."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM bench_head WHERE id = 1 FOR UPDATE")


def main(arguments: Sequence[str]) -> None:
    """Measure a line, or append as one of the eight whenever a line says for how long."""
    if arguments[0] == "compare":
        done = compare(arguments[1], rounds=int(arguments[2]), seconds=float(arguments[3]))
        print(json.dumps([[one.wall_ms for one in side] for side in (done.ours, done.peer)]))
        return
    head_locked, work, number = arguments[0] == "1", float(arguments[1]), int(arguments[2])
    import django

    django.setup()
    from django.db import transaction

    from registry.models import Model, User

    actor = User.objects.get(username="ci-bot")
    # each side has models of its own: a history holds events of one side only
    entry = Model.objects.get(slug=f"model-{number + (WRITERS if head_locked else 0):05}")
    record: Callable[[Model, User], None] = chained if head_locked else appended
    print(json.dumps({"ready": True}), flush=True)
    written = 0
    for line in sys.stdin:
        end, events = time.perf_counter() + float(line), 0
        while time.perf_counter() < end:
            with transaction.atomic():
                if head_locked:
                    lock_head()
                written += 1
                entry.intended_use = f"Decide on loans, stated for the {written}. time."
                entry.save(update_fields=["intended_use"])
                if work:
                    time.sleep(work)
                record(entry, actor)
            events += 1
        print(json.dumps({"events": events}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
