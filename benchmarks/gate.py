"""What does CI wait for? Gate decision and registration, against a bare Django view of the same server."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cases import Reading, at_most
from benchmarks.environments import ROOT
from benchmarks.rounds import Comparison, Contender, interleaved

MODELS = 200
HOW = f"server CPU per call, 1 client, {MODELS} models, SQLite"
DECISION = Reading(
    "gate-decision",
    f"Recorded gate decision with its reasons, against a bare Django view that reads one indexed row ({HOW})",
    at_most(1.5),
)
REGISTRATION = Reading(
    "register-version",
    f"Registration of a version with ledger event and lineage, against a bare view with one INSERT ({HOW})",
    at_most(10.0),
)


@contextlib.contextmanager
def service_folder() -> Iterator[Path]:
    """Yield an empty folder that the product's settings of this process point to; Django is set up afterwards."""
    with tempfile.TemporaryDirectory(prefix="cadastre-bench-") as name:
        for variable in ("DATABASE_URL", "CADASTRE_BROKER_URL"):
            os.environ.pop(variable, None)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "CADASTRE_VAR": name,
            "CADASTRE_LOG_LEVEL": "WARNING",
        }
        yield Path(name)


def compare_calls(*, rounds: int, calls: int, folder: Path) -> dict[str, Comparison]:
    """Seed, start both servers, compare; return the comparison of each reading."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from benchmarks.seeding import seed
    from benchmarks.servers import Client, processor_seconds, wsgi_server
    from governance.processes.broker import socket_path_of, start_embedded
    from governance.processes.children import process_group

    django.setup()
    call_command("migrate", verbosity=0)
    (folder / "static").mkdir(exist_ok=True)
    with (
        (folder / "servers.log").open("w", encoding="utf-8") as log,
        process_group(folder=ROOT, log=log) as group,
    ):
        start_embedded(group, socket_path=socket_path_of(settings.BROKER_URL), folder=folder / "valkey")
        sown = seed(models=MODELS, registrations=2 * (rounds + 2) * max(calls, 10))
        connections.close_all()
        prepare_bare(sown.digests, database=folder / "bare.sqlite3")
        bare = {"BARE_DATABASE": str(folder / "bare.sqlite3"), "PYTHONPATH": str(ROOT)}
        with (
            wsgi_server(group, "governance.wsgi:application", {}) as (our_address, our_child),
            wsgi_server(group, "benchmarks.bare:application", bare) as (peer_address, peer_child),
        ):
            ours, peer = Client(our_address, token=sown.token), Client(peer_address)
            digests, names = itertools.cycle(sown.digests), itertools.count()

            def question() -> dict[str, str]:
                nonce = secrets.token_hex(16)
                return {"artifact_sha256": next(digests), "environment": sown.environment, "nonce": nonce}

            def statement() -> dict[str, Any]:
                number = next(names)
                return {
                    "version": f"2.0.{number}",
                    "artifacts": [{"sha256": sown.spare[number], "role": "model", "format": "joblib"}],
                    "datasets": [],
                    "scoring": {"threshold": 0.5, "positive_label": 1},
                }

            def ask() -> None:
                ours.post("/api/v1/gate/decisions/", question(), expect=(200, 201))

            def register() -> None:
                ours.post(f"/api/v1/models/{sown.model}/versions/", statement(), expect=(201,))

            def our_clock() -> float:
                return processor_seconds(our_child.pid)

            def peer_clock() -> float:
                return processor_seconds(peer_child.pid)

            def read() -> None:
                peer.post("/read/", question(), expect=(200,))

            def insert() -> None:
                peer.post("/insert/", statement(), expect=(201,))

            pairs = {DECISION.id: (ask, read), REGISTRATION.id: (register, insert)}
            return {
                name: interleaved(
                    Contender("ours", our_call, our_clock, ours.renew),
                    Contender("bare", bare_call, peer_clock, peer.renew),
                    rounds=rounds,
                    calls=calls,
                )
                for name, (our_call, bare_call) in pairs.items()
            }


def prepare_bare(digests: tuple[str, ...], *, database: Path) -> None:
    """Make the peer's tables in a process of its own: this one is configured for ours."""
    script = "import json, sys; from benchmarks.bare import prepare; prepare(json.load(sys.stdin))"
    environment = {**os.environ, "BARE_DATABASE": str(database)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, input=json.dumps(digests), text=True, check=True
    )
