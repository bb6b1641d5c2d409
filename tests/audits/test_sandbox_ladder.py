"""Does a rung that lets something through get used, and what happens when none holds?"""

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from audits.sandbox import ground, ladder, seccomp
from audits.sandbox.landlock import RUNG as LANDLOCK
from audits.sandbox.probe import probe
from audits.sandbox.protocol import Rung, Start
from registry.errors import DomainError
from tests.audits.hostile_models import REPORTS


def _not_there() -> Rung:
    return dataclasses.replace(LANDLOCK, slug="not-there", obstacle=lambda: "the kernel lacks it")


def _leaky(start: Start) -> dict[str, object]:
    return {**LANDLOCK.confinement(start), "landlock": ["/"]}


def test_at_least_one_rung_holds_on_this_machine() -> None:
    assert any(report.passed for report in REPORTS.values()), {
        slug: (report.trouble, report.escapes) for slug, report in REPORTS.items()
    }


@pytest.mark.parametrize("slug", sorted(REPORTS))
def test_a_rung_stops_every_attempt_and_lets_honest_work_through(slug: str) -> None:
    report = REPORTS[slug]
    if report.trouble is not None and not os.environ.get("CI"):
        pytest.skip(f"LEFT OUT: the rung {slug} cannot be tried on this machine: {report.trouble}")
    assert report.trouble is None
    assert {name: reached for name, reached in report.escapes.items() if reached} == {}
    assert {name: why for name, why in report.failures.items() if why} == {}
    assert len(report.escapes) >= 40


def test_a_rung_that_shows_the_file_system_is_found_out_and_not_used() -> None:
    broken = dataclasses.replace(LANDLOCK, slug="leaky", confinement=_leaky)
    if LANDLOCK.obstacle() is not None:
        pytest.skip(f"LEFT OUT: {LANDLOCK.obstacle()}")
    report = probe(broken)
    assert not report.passed
    assert report.escapes["secret-files"]
    assert ladder.Ladder([broken, LANDLOCK]).chosen().slug == "landlock"


def test_a_rung_that_confines_nothing_is_found_out_in_every_respect() -> None:
    """The child behind it skips its confinement, as a rung with a forgotten step would."""
    boot = (
        "import sys; sys.path.insert(0, sys.argv[1]); import audits.sandbox.confine as confine; "
        "confine.confine = lambda order: None; from audits.sandbox.child import main; main(sys.argv[2])"
    )
    naked = Rung(
        slug="naked",
        summary="no confinement at all",
        obstacle=lambda: None,
        command=lambda start: [sys.executable, "-s", "-P", "-B", "-c", boot, str(ground.PROJECT), start.command[-1]],
        confinement=lambda start: {"landlock": None, "walk_closed_folders": False},
        direct=True,
    )
    report = probe(naked)
    assert not report.passed
    reached = {name for name, found in report.escapes.items() if found}
    assert {"secret-files", "secret-folders", "write-anywhere", "change-inputs", "network", "loopback"} <= reached
    assert {"foreign-environments", "signal-the-parent", "new-process", "new-program", "much-memory"} <= reached
    assert {"many-threads", "large-file", "raise-limits", "seen-by-the-parent", "system-call-memfd_create"} <= reached
    with pytest.raises(DomainError, match="no model is executed"):
        ladder.Ladder([naked]).chosen()


def test_execution_is_disabled_and_not_degraded_when_no_rung_passes() -> None:
    none = ladder.Ladder([_not_there()])
    with pytest.raises(DomainError) as refused:
        none.chosen()
    assert refused.value.code == "sandbox-unavailable"
    assert refused.value.kind == "unavailable"
    described = none.describe()
    assert described["chosen"] is None
    assert described["rungs"][0]["trouble"] == "the kernel lacks it"


def test_the_ladder_takes_the_first_rung_that_passes_and_says_what_it_tried() -> None:
    found = ladder.Ladder([_not_there(), *ladder.RUNGS])
    described = found.describe()
    assert described["chosen"] == found.chosen().slug
    assert described["rungs"][0]["passed"] is False
    assert found.probe_digest(found.chosen()) == found.reports()[found.chosen().slug].digest


def test_the_child_may_read_the_sources_but_neither_the_project_nor_its_data() -> None:
    readable = ground.readable()
    assert ground.PROJECT / "audits" in readable
    for name in ("", "var", "governance", ".git", "manage.py"):
        assert not any((ground.PROJECT / name).is_relative_to(path) for path in readable)
    assert not any(Path.home() == path or Path("/etc") == path for path in readable)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_no_way_out_and_its_jumps_stay_within_it(machine: str) -> None:
    names = set(seccomp.allowed(machine)) | set(seccomp.conditional(machine))
    assert names.isdisjoint(
        {"socket", "execve", "fork", "vfork", "ptrace", "mount", "bpf", "chmod", "fchmodat", "setsid"}
    )
    lines = seccomp.program(machine, own_pid=7)
    for place, (code, if_true, if_false, _) in enumerate(lines):
        assert max(if_true, if_false) <= 255
        assert code == 0x06 or place + 1 + max(if_true, if_false) < len(lines)
    assert lines[-2][0] == 0x06
    assert lines[-2][3] == 0x00050001
