"""Does the gate answer in time while a validation uses both cores? Its 99th percentile, with and without the load."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import data
from benchmarks.cases import Reading, at_most
from benchmarks.rounds import Comparison, Contender, Sample, play, taking_turns
from benchmarks.sides.our_report import ASKED, TARGET, lines

if TYPE_CHECKING:
    from governance.processes.running import RunningService
    from registry.models import ModelVersion, User

UNDER_LOAD = Reading(
    "gate-under-load",
    "Gate decision while validations of 300,000 rows use both cores, against the same gate while the worker stands still",
    at_most(3.0),
    "p99_ms",
)
AHEAD = 60
"""Runs queued beforehand, more than the worker gets through."""
LEAST_CORES = 0.1
"""Less than this means that nothing is being measured; how much it was stands beside the figures."""


def compare_load(*, rounds: int, calls: int, rows: int, folder: Path) -> tuple[Comparison, float]:
    """Return the gate's rounds under load and idle, and how many cores the worker used while the gate was asked."""
    import django
    from django.core.management import call_command
    from django.db import connections

    from benchmarks.seeding import seed
    from benchmarks.servers import Client
    from governance.processes.running import running_service

    django.setup()
    call_command("migrate", verbosity=0)
    (folder / "static").mkdir(exist_ok=True)
    with (
        (folder / "service.log").open("w", encoding="utf-8") as log,
        running_service(log=log) as service,
    ):
        sown = seed(models=20, registrations=0)
        version, actor = registered(rows=rows)
        queue_runs(version, actor, number=AHEAD)
        connections.close_all()
        client, digests = Client(service.base_url, token=sown.token), itertools.cycle(sown.digests)

        def ask() -> None:
            question = {"artifact_sha256": next(digests), "environment": sown.environment}
            client.post("/api/v1/gate/decisions/", question | {"nonce": secrets.token_hex(16)}, expect=(200, 201))

        gate = Contender("gate", ask, lambda: 0.0, client.renew)
        cores: list[float] = []

        def idle() -> Sample:
            with standing_still(service):
                time.sleep(0.2)
                return play(gate, calls)

        def loaded() -> Sample:
            wait_for_work(service)
            before, start = worker_seconds(service), time.perf_counter()
            sample = play(gate, calls)
            cores.append((worker_seconds(service) - before) / (time.perf_counter() - start))
            return sample

        idle()
        loaded()
        cores.clear()
        comparison = taking_turns(loaded, idle, rounds=rounds)
    return comparison, sorted(cores)[len(cores) // 2]


def registered(*, rows: int) -> tuple[ModelVersion, User]:
    """Register a boosted model with its tables by the real actions; return the version and who asks for runs."""
    import pyarrow.parquet as pq
    import skops.io

    from benchmarks.sides.peer_reports import boosted
    from registry.actions.artifacts import store_artifact
    from registry.actions.datasets import checked_roles, register_dataset, register_dataset_version
    from registry.actions.inventory import register_model
    from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version
    from registry.models import User

    actor = User.objects.get(username="ci-bot")
    table = pq.read_table(data.applicants(rows))
    features = [name for name in table.column_names if name != TARGET]
    roles = {"target": TARGET, "features": features, "sensitive": ["sex", "race"]}
    dataset, _ = register_dataset(slug="applicants", name="Applicants", actor=actor)
    used = []
    middle = table.num_rows // 2
    halves = {"training": table[:middle], "evaluation": table[middle:]}

    def stored(content: bytes) -> Any:
        artifact, _ = store_artifact(hashlib.sha256(content).hexdigest(), [content], actor=actor)
        return artifact

    for split, half in halves.items():
        sink = io.BytesIO()
        pq.write_table(half, sink)
        made, _ = register_dataset_version(
            dataset,
            version=split,
            artifact=stored(sink.getvalue()),
            format="parquet",
            roles=checked_roles(dict(roles)),
            split=split,
            row_count=half.num_rows,
            columns=[{"name": name, "type": "number"} for name in half.column_names],
            actor=actor,
        )
        used.append(DatasetRef(made, split))
    sink = io.BytesIO()
    skops.io.dump(boosted(halves["training"][:50_000].to_pandas(), features), sink)
    model, _ = register_model(slug="applicants", name="Applicants", intended_use="A benchmark.", actor=actor)
    version, _ = register_version(
        model,
        version="1.0",
        artifacts=[ArtifactRef(stored(sink.getvalue()), "model", "skops")],
        datasets=used,
        scoring={"threshold": 0.5, "positive_label": 1},
        origin=Origin(change_summary="The benchmark's version."),
        actor=actor,
    )
    return version, actor


def queue_runs(version: ModelVersion, actor: User, *, number: int) -> None:
    """Queue runs of one plan; the worker takes them one after another."""
    from audits.actions.validation import start_validation

    link = version.model_artifact()
    plan = {
        "version": version.ledger_key(),
        "manifest_digest": version.manifest_digest,
        "artifact": {"sha256": link.artifact_id, "format": link.format} if link else None,
        "datasets": {
            used.role: {
                "dataset": used.dataset_version.ledger_key(),
                "digest": used.dataset_version.digest,
                "sha256": used.dataset_version.artifact_id,
                "format": used.dataset_version.format,
                "roles": used.dataset_version.roles,
            }
            for used in version.dataset_links.select_related("dataset_version")
        },
        "scoring": version.scoring,
        "requirements": lines(ASKED),
        "environment": "production",
        "seed": 1,
    }
    for at in range(number):
        start_validation(version, plan=plan | {"seed": at}, reason="promotion", actor=actor)


def family_of(leader: int) -> list[int]:
    """Return a process and all its descendants, whatever group they are in."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found = [leader]
    for process in found:
        found += children.get(process, [])
    return found


def worker_seconds(service: RunningService) -> float:
    """Return the processor seconds of the worker and all its descendants, those that have ended and were waited for too."""
    from benchmarks.servers import TICKS

    ticks = 0
    for process in family_of(service.worker.pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


@contextlib.contextmanager
def standing_still(service: RunningService) -> Iterator[None]:
    """Stop the worker and all its descendants for a while, at a moment at which none of them is writing.

    A process that stands still in the middle of a transaction keeps SQLite's only place for a writer, and the gate
    could not record anything: so it is let go on until the place is free.
    """
    while True:
        stopped = family_of(service.worker.pid)
        _send(stopped, signal.SIGSTOP)
        if nobody_writes():
            break
        _send(stopped, signal.SIGCONT)
        time.sleep(0.05)
    try:
        yield
    finally:
        _send(stopped, signal.SIGCONT)


def nobody_writes() -> bool:
    """Tell whether the benchmark's SQLite database takes a writer at once."""
    from django.conf import settings

    ours = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=0.05, isolation_level=None)
    try:
        ours.execute("BEGIN IMMEDIATE")
        ours.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        ours.close()
    return True


def _send(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def wait_for_work(
    service: RunningService, *, seconds: float = 120.0, clock: Callable[[], float] = time.monotonic
) -> None:
    """Return when the worker is busy; RuntimeError when it does nothing although runs are queued."""
    deadline = clock() + seconds
    while True:
        before, start = worker_seconds(service), time.perf_counter()
        time.sleep(0.5)
        if (worker_seconds(service) - before) / (time.perf_counter() - start) >= LEAST_CORES:
            return
        if clock() > deadline:
            raise RuntimeError("the worker had nothing to do: the gate was not under load")
