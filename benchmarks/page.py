"""What does a reader of docs/benchmarks.md see? The table as it was measured, the machine, and how to read it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT

TARGET = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

How much do the numbers cost here, and elsewhere? `make bench` installs each peer, pinned, in an environment of its own and
measures both sides in turns on the same data; `make bench BENCH="drift-scipy explain"` measures some lines only. This page is
written from `var/bench/results.json` by `make bench-page`.

## How to read it

- **CPU time is the figure**, of the process and its children, in milliseconds unless a line says otherwise: other work on a
  machine stretches the wall clock several times, CPU time by little. Wall time, memory and each round are in
  `var/bench/rounds.json`.
- Both sides are warm: libraries are loaded, data that the line does not count are prepared, one repetition is done. Then at
  least five rounds in which who begins changes. The ratio is the median of the ratios of the rounds; beside it are the
  lowest and the highest.
- Goal `>= x`: the peer costs at least x times as much, and the ratio is peer / ours. Goal `<= x`: ours costs at most x times
  as much, and the ratio is ours / peer. Goal `<= x MB`: ours in every round, and the ratio is ours / x.
- Each side works on one thread. Where a peer takes minutes its work was scaled down, which the line says: fairlearn's
  bootstrap, Evidently's features, shap's rows of a deep forest and KernelExplainer's rows cost in proportion. Measured once
  in full, Evidently's 30 features cost 23 % more than five times six features.
- Ours runs what the product runs, checks for bad values and plots included: `audits.checks` on an opened table,
  `audits.explanations`, the run's evidence and the dossier's PDF. In the service the model is called in a sandbox, whose
  start (seconds of CPU, most of it imports) comes on top of every run; starting a peer's interpreter is not counted either.
- At 50,000 rows fairlearn's bootstrap is measured beside ours on the same rows; at 5,000,000, where it would take hours, it
  is taken a hundred times, because it grows with rows (its point estimates grow a little faster than that).
- Explanations hold more than attributions here: the check that they add up, re-drawn seeds for the stability of the ranking,
  points for plots. Below 100 rows that fixed cost was not measured against shap.
- A peer that could not be installed or failed stands in the table as not measured. A peer in another version than pinned
  ends the run.

## What the peers leave out

The complete report here holds performance, calibration, fairness by group and intersection with intervals, exact explanations
of 1,000 rows, drift, and a PDF of an audited, stored run. responsibleai looks at no more than 5,000 rows and explains a
surrogate; Deepchecks has neither intervals by group nor Shapley values; Giskard looks for weak slices and perturbs; Evidently
measures neither fairness nor explanations. None writes a PDF or records who asked.
"""


def page(results: list[Mapping[str, Any]], rounds: Mapping[str, Mapping[str, Any]], known: tuple[str, ...] = ()) -> str:
    """Return the page of these results; ``known`` are the lines there should be."""
    parts = [HEAD, "\n## The table\n"]
    parts.append("| line | what | ours | peer | ratio | rounds | goal | |\n|---|---|---:|---:|---:|---|---|---|")
    for line in results:
        parts.append(_row(line, rounds[line["id"]]))
    missed = [line for line in results if not line["met"]]
    parts.append(f"\n{len(results) - len(missed)} of {len(results)} goals are met.")
    if missed:
        parts.append("Not reached: " + ", ".join(f"`{line['id']}`" for line in missed) + ".")
    absent = [name for name in known if name not in {line["id"] for line in results}]
    if absent:
        parts.append("Not measured this time: " + ", ".join(f"`{name}`" for name in absent) + ".")
    cores = rounds.get("gate-under-load", {}).get("said", {}).get("worker_cores")
    if cores is not None:
        parts.append(
            f"While `gate-under-load` was measured the worker got {cores:g} cores; less than 1.5 proves nothing."
        )
    parts.append("\n## Where it was measured\n")
    parts += _machines(results, rounds)
    parts.append("\n## Versions\n\n| side | versions |\n|---|---|")
    parts += _versions(rounds)
    return "\n".join(parts) + "\n"


def _row(line: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    if line["ratio"] is None:
        return f"| `{line['id']}` | {_plain(line['what'])} | | | | | {line['goal']} | **not measured** |"
    low, high = figures["ratios"]
    met = "met" if line["met"] else "**not met**"
    return (
        f"| `{line['id']}` | {_plain(line['what'])} | {_short(line['ours'])} | {_short(line['peer'])} | "
        f"{_short(line['ratio'])} | {_short(low)} to {_short(high)} | {line['goal']} | {met} |"
    )


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ").replace("`", "'")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _machines(results: list[Mapping[str, Any]], rounds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one line for each machine and revision, with the load under which its lines were measured."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for line in results:
        figures = rounds[line["id"]]
        about = figures["machine"]
        words = (
            f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, {about['kernel']}, "
            f"Python {about['python']}; revision {about['revision']}"
        )
        found.setdefault(words, []).append(figures)
    told = []
    for words, several in found.items():
        times = sorted(one["measured_at"] for one in several if "measured_at" in one)
        loads = [load for one in several for load in one.get("load", ())]
        when = f"{times[0][:16].replace('T', ' ')} to {times[-1][11:16]} UTC" if times else "not measured"
        under = f", load average {min(loads):.1f} to {max(loads):.1f}" if loads else ""
        told.append(f"- {words}: {len(several)} lines, {when}{under}.")
    if any(load > 3 for one in rounds.values() for load in one.get("load", ())):
        told.append(
            "\nOther work ran on this machine at the time (a load above 3). Ratios of CPU time move little with it; ratios "
            "near a goal, and 99th percentiles of waiting times, are to be measured again on a quiet machine."
        )
    return told


def _versions(rounds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told: dict[str, str] = {}
    for figures in rounds.values():
        for name, side in figures.get("sides", {}).items():
            words = ", ".join(f"{package} {version}" for package, version in side["versions"].items())
            told.setdefault(words, "ours" if name == "ours" else "a peer")
    return [f"| {side} | {words} |" for words, side in told.items()]


def main() -> int:
    """Write the page from the results of the last runs."""
    from benchmarks.__main__ import known_ids

    folder = ROOT / "var" / "bench"
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    rounds = json.loads((folder / "rounds.json").read_text(encoding="utf-8"))
    TARGET.write_text(page(results, rounds, known_ids()), encoding="utf-8")
    print(f"Written to {TARGET.relative_to(Path.cwd()) if TARGET.is_relative_to(Path.cwd()) else TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
