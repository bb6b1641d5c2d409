"""Does the benchmark write the table it promises, and refuse a peer that is not the pinned one?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as driver
from benchmarks import environments
from benchmarks.cases import CASES, Case, Reading, Side, at_least, at_most, own
from benchmarks.environments import OURS, Environment, NotInstalled, WrongVersion, pinned, refuse_other_versions
from benchmarks.page import page
from benchmarks.process import Failed, prepared
from benchmarks.rounds import Comparison, Sample

FIELDS = ["id", "what", "ours", "peer", "ratio", "goal", "met"]
DATA = "tests.governance.benchmark_sides"


def samples(*costs: float) -> tuple[Sample, ...]:
    """Return rounds that cost so much processor time each."""
    return tuple(Sample(wall_ms=cost, processor_ms=cost, extra_mb=cost, peak_mb=cost) for cost in costs)


def one_case(ours: str = "counting", peer: str = "counting", **peer_fields: Any) -> Case:
    """Return a case whose sides are functions of the tests, in this interpreter."""
    return Case(
        Side(OURS, f"{DATA}:{ours}", {"work": 1}),
        Side(OURS, f"{DATA}:{peer}", {"work": 1}, **peer_fields),
        (Reading("a-test", "A test", at_most(1_000)), Reading("a-memory", "Memory", own(1_000), "extra_mb")),
    )


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *cases: Case, only: tuple[str, ...] = ()) -> int:
    """Run the driver over these cases and no server."""
    monkeypatch.setattr(driver, "CASES", cases)
    monkeypatch.setattr(driver, "SERVED", ())
    monkeypatch.setattr(driver, "TARGET", folder)
    monkeypatch.setattr(driver, "_served", lambda options: iter(()))
    monkeypatch.setattr(driver, "_of_the_ledger", lambda options: iter(()))
    return driver.main(["--into", str(folder), *(["--only", *only] if only else [])])


def test_results_are_lines_of_seven_fields(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, one_case()) == driver.ALL_RAN
    results = json.loads((tmp_path / "results.json").read_text())
    assert [list(line) for line in results] == [FIELDS, FIELDS]
    assert [line["id"] for line in results] == ["a-test", "a-memory"]
    assert all(line["met"] for line in results)
    rounds = json.loads((tmp_path / "rounds.json").read_text())["a-test"]
    assert len(rounds["ours"]) == len(rounds["peer"]) == 5
    assert rounds["machine"]["cores"] >= 1
    shown = page(results, dict.fromkeys(("a-test", "a-memory"), rounds), ("a-test", "a-memory", "absent"))
    assert "| `a-test` |" in shown
    assert "Not measured this time: `absent`." in shown


def test_the_sides_take_turns_in_their_own_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    case = Case(
        Side(OURS, f"{DATA}:noting", {"name": "ours", "diary": str(diary)}),
        Side(OURS, f"{DATA}:noting", {"name": "peer", "diary": str(diary)}),
        (Reading("a-test", "A test", at_least(0)),),
    )
    assert run(monkeypatch, tmp_path, case) == driver.ALL_RAN
    lines = [line.split() for line in diary.read_text().splitlines()]
    assert len({process for _, process in lines}) == 2
    assert [name for name, _ in lines] == [
        *("ours", "peer"),  # warming up
        *("ours", "peer", "peer", "ours", "ours", "peer", "peer", "ours", "ours", "peer"),
    ]


def test_a_run_of_some_lines_keeps_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, one_case())
    before = json.loads((tmp_path / "results.json").read_text())
    run(monkeypatch, tmp_path, one_case(), only=("a-test",))
    after = json.loads((tmp_path / "results.json").read_text())
    assert [line["id"] for line in after] == ["a-test", "a-memory"]
    assert after[1] == before[1]


def test_work_that_was_scaled_down_counts_in_full() -> None:
    assert Sample(wall_ms=2.0, processor_ms=3.0, peak_mb=7.0).times(5) == Sample(10.0, 15.0, 7.0)


def test_each_goal_reads_its_ratio_in_its_own_direction() -> None:
    comparison = Comparison(ours=samples(2, 2, 2, 2, 2), peer=samples(10, 10, 10, 10, 10))
    faster = Reading("x", "x", at_least(5)).line(comparison)
    assert (faster["ratio"], faster["goal"], faster["met"]) == (5.0, ">= 5", True)
    assert not Reading("x", "x", at_least(5.1)).line(comparison)["met"]
    dearer = Reading("x", "x", at_most(0.2)).line(comparison)
    assert (dearer["ratio"], dearer["goal"], dearer["met"]) == (0.2, "<= 0.2", True)
    small = Reading("x", "x", own(4), "extra_mb").line(comparison)
    assert (small["ratio"], small["goal"], small["met"]) == (0.5, "<= 4 MB", True)


def test_one_round_above_a_size_is_enough_to_miss_it() -> None:
    comparison = Comparison(ours=samples(1, 1, 5, 1, 1), peer=samples(1, 1, 1, 1, 1))
    assert not Reading("x", "x", own(4), "extra_mb").line(comparison)["met"]


def test_a_peer_in_another_version_ends_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def other(name: str, **more: object) -> Environment:
        refuse_other_versions(name, {"fairlearn": "0.15.0"}, {"Fairlearn": "0.14.0"})
        raise AssertionError("not reached")

    monkeypatch.setattr(environments, "provide", other)
    case = Case(one_case().ours, Side("fairlearn", f"{DATA}:counting"), one_case().readings)
    assert run(monkeypatch, tmp_path, case, one_case()) == driver.WRONG_PEER
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("installed", [{"a-b": "1.0"}, {"a-b": "1.0", "c": "2.1"}])
def test_any_difference_from_the_pins_is_refused(installed: dict[str, str]) -> None:
    with pytest.raises(WrongVersion, match="c is "):
        refuse_other_versions("x", {"a-b": "1.0", "c": "2.0"}, installed)
    refuse_other_versions("x", {"a-b": "1.0", "c": "2.0"}, {"A_B": "1.0", "c": "2.0", "more": "3"})


def test_the_interpreter_itself_is_asked_for_its_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of this process stands in for a peer's, and its pins name another numpy."""
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "x.txt").write_text("numpy==0.0.1 \\\n    --hash=sha256:00\n")
    monkeypatch.setattr(environments, "PINS", tmp_path / "pins")
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")

    def link(folder: Path, requirements: Path) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (folder / "bin" / "python").chmod(0o755)

    monkeypatch.setattr(environments, "_make", link)
    with pytest.raises(WrongVersion, match=r"numpy is \d+\.\d+\.\d+, pinned is 0\.0\.1"):
        environments.provide("x", say=lambda text: None)


def test_a_peer_that_cannot_be_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str, **more: object) -> Environment:
        raise NotInstalled("no matching distribution")

    monkeypatch.setattr(environments, "provide", absent)
    case = Case(one_case().ours, Side("fairlearn", f"{DATA}:counting"), one_case().readings)
    assert run(monkeypatch, tmp_path, case) == driver.SOME_PEER_ABSENT
    results = json.loads((tmp_path / "results.json").read_text())
    assert [line["met"] for line in results] == [False, False]
    assert results[0]["what"] == "A test: not installed: no matching distribution"
    assert "not installed: no matching distribution" in capsys.readouterr().out


def test_a_side_that_fails_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, one_case(peer="failing")) == driver.SOME_PEER_ABSENT
    results = json.loads((tmp_path / "results.json").read_text())
    assert "failed: exit code 1: ValueError: this side cannot" in results[0]["what"]


def test_memory_and_processor_time_are_seen(tmp_path: Path) -> None:
    here = Environment(OURS, Path(sys.executable), {})
    with prepared(here, f"{DATA}:heavy", {"megabytes": 64, "seconds": 0.2}, log=tmp_path / "log") as side:
        sample = side.repeat()
    assert sample.extra_mb == pytest.approx(64, abs=16)
    assert sample.processor_ms == pytest.approx(2 * 200, rel=0.5)  # a child works as long as the side itself
    with pytest.raises(Failed), prepared(here, f"{DATA}:absent", {}, log=tmp_path / "log"):
        pass


def test_every_line_has_an_id_of_its_own_and_every_peer_is_pinned() -> None:
    names = driver.known_ids()
    assert len(set(names)) == len(names)
    peers = {side.environment for case in CASES for side in (case.ours, case.peer)} - {OURS}
    assert peers == set(environments.known())
    wanted = {"fairlearn": "0.15.0", "aequitas": "1.1.0", "evidently": "0.7.23", "deepchecks": "0.19.1"} | {
        "responsibleai": "0.36.0",
        "giskard": "2.19.2",
        "shap": "0.51.0",
    }
    for name in environments.known():
        text = (environments.PINS / f"{name}.txt").read_text()
        assert pinned(text)[name] == wanted[name]
        assert "://" not in text
        assert "--index" not in text


@pytest.mark.worker
def test_a_real_case_runs_on_tiny_data(tmp_path: Path) -> None:
    """Ours against the plain read: both sides run in this environment, so that no peer need be installed."""
    assert driver.main(["--quick", "--only", "fairness-vs-read", "--into", str(tmp_path)]) == driver.ALL_RAN
    (line,) = json.loads((tmp_path / "results.json").read_text())
    assert line["id"] == "fairness-vs-read"
    assert line["ours"] > 0
    assert line["peer"] > 0
    said = json.loads((tmp_path / "rounds.json").read_text())["fairness-vs-read"]["said"]
    assert said["ours"]["intervals"] == 6
