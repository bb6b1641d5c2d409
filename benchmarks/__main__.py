"""How long does what CI waits for take, against a bare Django view? Writes var/bench/results.json."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rounds import FEWEST_ROUNDS, Comparison, Contender, Sample, interleaved, median

ROOT = Path(__file__).resolve().parents[1]


def processor_ms(sample: Sample) -> float:
    """Return the figure that is compared: processor time of the server's processes, which load disturbs least."""
    return sample.processor_ms


def line(name: str, what: str, comparison: Comparison, *, goal: float) -> dict[str, Any]:
    """Return one line of the results; the goal is met when the ratio is at most ``goal``."""
    ratio = comparison.ratio(processor_ms)
    return {
        "id": name,
        "what": what,
        "ours": round(median(comparison.ours, processor_ms), 3),
        "peer": round(median(comparison.peer, processor_ms), 3),
        "ratio": round(ratio, 2),
        "goal": goal,
        "met": ratio <= goal,
    }


def run(*, rounds: int, calls: int, models: int, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Seed, start both servers, compare; return the results and the figures of each round."""
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
    with process_group(folder=ROOT, log=(folder / "servers.log").open("w", encoding="utf-8")) as group:
        start_embedded(group, socket_path=socket_path_of(settings.BROKER_URL), folder=folder / "valkey")
        sown = seed(models=models, registrations=(rounds + 2) * max(calls, 10))
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

            gate = interleaved(
                Contender("gate", ask, our_clock, ours.renew),
                Contender("bare read", lambda: peer.post("/read/", question(), expect=(200,)), peer_clock, peer.renew),
                rounds=rounds,
                calls=calls,
            )
            registration = interleaved(
                Contender("registration", register, our_clock, ours.renew),
                Contender(
                    "bare insert", lambda: peer.post("/insert/", statement(), expect=(201,)), peer_clock, peer.renew
                ),
                rounds=rounds,
                calls=calls,
            )
    how = f"server processor ms per call, 1 client, {models} models, SQLite, median of {rounds} rounds of {calls}"
    results = [
        line(
            "gate-decision",
            f"Recorded gate decision with its reasons, against a bare Django view that reads one indexed row ({how})",
            gate,
            goal=1.5,
        ),
        line(
            "register-version",
            f"Registration of a version with ledger event and lineage, against a bare view with one INSERT ({how})",
            registration,
            goal=10.0,
        ),
    ]
    return results, {"gate-decision": asdict(gate), "register-version": asdict(registration)}


def prepare_bare(digests: tuple[str, ...], *, database: Path) -> None:
    """Make the peer's tables in a process of its own: this one is configured for ours."""
    script = "import json, sys; from benchmarks.bare import prepare; prepare(json.load(sys.stdin))"
    environment = {**os.environ, "BARE_DATABASE": str(database)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, input=json.dumps(digests), text=True, check=True
    )


def main() -> int:
    """Run every comparison and write the results; the exit code says that they ran, not that the goals were met."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help=f"interleaved rounds, at least {FEWEST_ROUNDS}")
    parser.add_argument("--calls", type=int, default=100, help="calls per round and side")
    parser.add_argument("--models", type=int, default=200, help="models in the register")
    options = parser.parse_args()
    target = ROOT / "var" / "bench"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cadastre-bench-") as name:
        for variable in ("DATABASE_URL", "CADASTRE_BROKER_URL"):
            os.environ.pop(variable, None)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "CADASTRE_VAR": name,
            "CADASTRE_LOG_LEVEL": "WARNING",
        }
        results, rounds = run(rounds=options.rounds, calls=options.calls, models=options.models, folder=Path(name))
    (target / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (target / "rounds.json").write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    print(f"Load of this machine over the last minute: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors.")
    for result in results:
        verdict = "met" if result["met"] else "NOT MET"
        print(
            f"{result['id']:<18} ours {result['ours']:>8} ms  peer {result['peer']:>8} ms  "
            f"ratio {result['ratio']:>6}  goal {result['goal']:>5}  {verdict}"
        )
    print(f"Written to {target / 'results.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
