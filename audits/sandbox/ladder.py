"""Which sandbox does this process use? The first rung whose escape probe fails to escape, or none at all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from audits.sandbox import bubblewrap, landlock
from audits.sandbox.probe import ProbeReport, probe
from audits.sandbox.protocol import CODES, Rung
from registry.errors import DomainError

RUNGS: tuple[Rung, ...] = (bubblewrap.RUNG, landlock.RUNG)
"""Strongest first."""


class Ladder:
    """A list of rungs, each probed once in the life of the process, from the first until one passes."""

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self.rungs = tuple(rungs)
        self._lock = threading.Lock()
        self._reports: dict[str, ProbeReport] | None = None

    def reports(self) -> dict[str, ProbeReport]:
        """Return the report of each rung that was tried, in order; the last one passed, or none did."""
        with self._lock:
            if self._reports is None:
                found: dict[str, ProbeReport] = {}
                for rung in self.rungs:
                    found[rung.slug] = probe(rung)
                    if found[rung.slug].passed:
                        break
                self._reports = found
            return self._reports

    def chosen(self) -> Rung:
        """Return the rung in use; raises DomainError("sandbox-unavailable") when no probe was passed."""
        for rung in self.rungs:
            report = self.reports().get(rung.slug)
            if report is not None and report.passed:
                return rung
        raise DomainError(
            "sandbox-unavailable", CODES["sandbox-unavailable"], kind="unavailable", rungs=self.describe()["rungs"]
        )

    def probe_digest(self, rung: Rung) -> str:
        """Return the digest of the report that lets ``rung`` be used."""
        return self.reports()[rung.slug].digest

    def describe(self) -> dict[str, Any]:
        """Return, as JSON, every rung, what its probe found, and which one is in use."""
        reports = self.reports()
        rungs = []
        for rung in self.rungs:
            report = reports.get(rung.slug)
            row: dict[str, Any] = {"slug": rung.slug, "summary": rung.summary, "tried": report is not None}
            if report is not None:
                row |= {
                    "passed": report.passed,
                    "trouble": report.trouble,
                    "probe_digest": report.digest,
                    "attempts": len(report.escapes),
                    "escapes": {name: reached for name, reached in sorted(report.escapes.items()) if reached},
                    "failures": {name: why for name, why in sorted(report.failures.items()) if why},
                }
            rungs.append(row)
        return {"chosen": next((row["slug"] for row in rungs if row.get("passed")), None), "rungs": rungs}


_LADDER = Ladder(RUNGS)


def chosen() -> Rung:
    """Return the rung this process uses; raises DomainError("sandbox-unavailable") when no rung passed."""
    return _LADDER.chosen()


def probe_digest(rung: Rung) -> str:
    """Return the digest of the probe report of ``rung`` in this process."""
    return _LADDER.probe_digest(rung)


def describe() -> dict[str, Any]:
    """Return, as JSON, every rung tried in this process, each probe's result, and the rung chosen."""
    return _LADDER.describe()
