"""What do validators and CI wait for, and what would they wait for elsewhere? Writes var/bench/results.json."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import environments, gate, machine, past, underload, whole, writers
from benchmarks.cases import CASES, Case, Reading
from benchmarks.environments import OURS, Environment, NotInstalled, WrongVersion
from benchmarks.process import Failed, prepared
from benchmarks.rounds import FEWEST_ROUNDS, Comparison, taking_turns

TARGET = environments.ROOT / "var" / "bench"
ALL_RAN, SOME_PEER_ABSENT, WRONG_PEER = 0, 1, 2
LEDGER = (writers.PLAIN, writers.WORKING, writers.FAIR, whole.TIME, whole.MEMORY)
SERVED = (gate.DECISION, gate.REGISTRATION, underload.UNDER_LOAD, past.INVENTORY, *LEDGER)

Told = tuple[dict[str, Any], dict[str, Any]]
"""A line of the results, and the figures of its rounds."""


def known_ids() -> tuple[str, ...]:
    """Return the id of every line, in the order of the table."""
    return tuple(reading.id for case in CASES for reading in case.readings) + tuple(one.id for one in SERVED)


def is_wanted(name: str, only: list[str]) -> bool:
    """Tell whether a line is asked for: by its id, by the first words of it, or because nothing is asked for."""
    return not only or any(name == one or name.startswith(f"{one}-") for one in only)


def compared(case: Case, *, rounds: int, quick: bool, known: dict[str, Environment]) -> tuple[Comparison, Any]:
    """Let the two sides of a case take turns; return the rounds and what the sides said of themselves.

    Raises NotInstalled, WrongVersion and Failed.
    """
    for side in (case.ours, case.peer):
        if side.environment not in known:
            known[side.environment] = environments.provide(side.environment)
    with ExitStack() as stack:
        processes = []
        for name, side in (("ours", case.ours), ("peer", case.peer)):
            log = TARGET / "logs" / f"{case.readings[0].id}-{name}.log"
            started = prepared(known[side.environment], side.target, side.asked(quick=quick), log=log)
            processes.append(stack.enter_context(started))
        ours, peer = processes
        for process, side in ((ours, case.ours), (peer, case.peer)):
            for _ in range(side.warm):
                process.repeat()
        comparison = taking_turns(
            lambda: ours.repeat().times(case.ours.times), lambda: peer.repeat().times(case.peer.times), rounds=rounds
        )
        return comparison, {"ours": dict(ours.told[-1]), "peer": dict(peer.told[-1])}


def told(reading: Reading, comparison: Comparison, more: Mapping[str, Any], *, before: float) -> Told:
    """Return the line of a reading and the figures of its rounds."""
    spread = reading.goal.spread(comparison, lambda sample: float(getattr(sample, reading.of)))
    figures = asdict(comparison) | dict(more) | {"ratios": [float(f"{end:.4g}") for end in spread]}
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return reading.line(comparison), figures | {
        "measured_at": at,
        "load": [before, machine.load()],
        "machine": machine.described(),
    }


def measured(options: argparse.Namespace, known: dict[str, Environment]) -> Iterator[Told]:
    """Yield every line that is asked for as it is measured."""
    for case in CASES:
        wanted = [reading for reading in case.readings if is_wanted(reading.id, options.only)]
        if not wanted:
            continue
        before = machine.load()
        try:
            comparison, said = compared(case, rounds=options.rounds, quick=options.quick, known=known)
        except (NotInstalled, Failed) as error:
            why = f"{'not installed' if isinstance(error, NotInstalled) else 'failed'}: {error}"
            for reading in wanted:
                yield reading.without(why), {"failed": why, "machine": machine.described()}
            continue
        sides = {
            name: {"times": side.times, "versions": machine.versions(known[side.environment].versions)}
            for name, side in (("ours", case.ours), ("peer", case.peer))
        }
        for reading in wanted:
            yield told(reading, comparison, {"said": said, "sides": sides}, before=before)
    yield from _served(options)
    yield from _of_the_ledger(options)


def _served(options: argparse.Namespace) -> Iterator[Told]:
    calls = 20 if options.quick else options.calls
    if any(is_wanted(one.id, options.only) for one in (gate.DECISION, gate.REGISTRATION)):
        before = machine.load()
        with gate.service_folder() as folder:
            found = gate.compare_calls(rounds=options.rounds, calls=calls, folder=folder)
        for reading in (gate.DECISION, gate.REGISTRATION):
            if is_wanted(reading.id, options.only):
                yield told(reading, found[reading.id], {}, before=before)
    if is_wanted(underload.UNDER_LOAD.id, options.only):
        before = machine.load()
        rows, calls = (4_000, 20) if options.quick else (300_000, 3 * calls)
        with gate.service_folder() as folder:
            comparison, cores = underload.compare_load(rounds=options.rounds, calls=calls, rows=rows, folder=folder)
        yield told(underload.UNDER_LOAD, comparison, {"said": {"worker_cores": round(cores, 2)}}, before=before)
    if is_wanted(past.INVENTORY.id, options.only):
        before = machine.load()
        models, events = (200, 5_000) if options.quick else (past.MODELS, past.EVENTS)
        with past.postgresql_folder():
            comparison = past.compare_inventories(rounds=options.rounds, models=models, events=events)
        yield told(past.INVENTORY, comparison, {"said": {"models": models, "events": events}}, before=before)


def _of_the_ledger(options: argparse.Namespace) -> Iterator[Told]:
    seconds = 0.5 if options.quick else 5.0
    for reading in (writers.PLAIN, writers.WORKING, writers.FAIR):
        if is_wanted(reading.id, options.only):
            before = machine.load()
            comparison = writers.measured(reading, rounds=options.rounds, seconds=seconds)
            yield told(reading, comparison, {}, before=before)
    if any(is_wanted(one.id, options.only) for one in (whole.TIME, whole.MEMORY)):
        before = machine.load()
        events, subjects = (5_000, 500) if options.quick else (whole.EVENTS, whole.SUBJECTS)
        folder = TARGET / "data" / f"ledger-{events}"
        with gate.service_folder():
            comparison = whole.compare_verification(
                rounds=options.rounds, folder=folder, events=events, subjects=subjects
            )
        for reading in (whole.TIME, whole.MEMORY):
            if is_wanted(reading.id, options.only):
                yield told(reading, comparison, {"said": {"events": events}}, before=before)


def written(lines: list[Told], target: Path) -> list[dict[str, Any]]:
    """Put the lines among those that were measured before, in the order of the table; return all of them."""
    kept: dict[str, dict[str, Any]] = {}
    rounds: dict[str, Any] = {}
    if (target / "results.json").is_file() and (target / "rounds.json").is_file():
        kept = {line["id"]: line for line in json.loads((target / "results.json").read_text(encoding="utf-8"))}
        rounds = json.loads((target / "rounds.json").read_text(encoding="utf-8"))
    kept |= {line["id"]: line for line, _ in lines}
    rounds |= {line["id"]: figures for line, figures in lines}
    ordered = [kept[name] for name in known_ids() if name in kept]
    target.mkdir(parents=True, exist_ok=True)
    (target / "results.json").write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    shown = {line["id"]: rounds[line["id"]] for line in ordered}
    (target / "rounds.json").write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
    return ordered


def row(line: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """Return a line of the printed table."""
    if line["ratio"] is None:
        return f"{line['id']:<26} {line['what'].rpartition(': ')[0][-60:]:<60} NOT MEASURED: {figures['failed']}"
    low, high = figures["ratios"]
    return (
        f"{line['id']:<26} ours {line['ours']:>12,.1f}  peer {line['peer']:>14,.1f}  ratio {line['ratio']:>9,.4g} "
        f"({low:,.4g} to {high:,.4g})  goal {line['goal']:<9} {'met' if line['met'] else 'NOT MET'}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the comparisons that are asked for.

    Exit code 0: all ran, whether or not their goals were met. 1: a peer could not be installed or failed. 2: a peer is
    not in the pinned version, and nothing was measured after that.
    """
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="ID", help="ids, or the first words of them")
    parser.add_argument("--rounds", type=int, default=5, help=f"interleaved rounds, at least {FEWEST_ROUNDS}")
    parser.add_argument("--calls", type=int, default=100, help="calls per round and side where a server is asked")
    parser.add_argument("--quick", action="store_true", help="tiny data: does everything run? The figures mean nothing")
    parser.add_argument("--into", type=Path, default=TARGET, help="folder for results.json and rounds.json")
    options = parser.parse_args(arguments)
    unknown = [one for one in options.only if not any(is_wanted(name, [one]) for name in known_ids())]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(known_ids())}")
    print(f"Load over the last minute: {machine.load():.2f} on {machine.described()['cores']} processors.", flush=True)
    lines: list[Told] = []
    try:
        for line, figures in measured(options, {OURS: environments.ours()}):
            lines.append((line, figures))
            print(row(line, figures), flush=True)
            written(lines, options.into)  # a run that is broken off leaves what it has measured
    except WrongVersion as error:
        print(f"REFUSED: {error}", file=sys.stderr)
        return WRONG_PEER
    print(f"Written to {options.into / 'results.json'}")
    return SOME_PEER_ABSENT if any(line["ratio"] is None for line, _ in lines) else ALL_RAN


if __name__ == "__main__":
    sys.exit(main())
