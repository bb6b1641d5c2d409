"""How does a test get judged requirements for a run without a worker? Measured values are given, evidence is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from audits.actions.conclusion import JudgedRequirement
    from audits.models import ValidationRun


def concluded(
    run: ValidationRun,
    results: list[JudgedRequirement],
    *,
    manifest: dict[str, Any] | None = None,
    worker: str = "test-worker",
) -> ValidationRun:
    """Take every step of a queued run as a worker would and end it with these results; returns the ended run."""
    from audits.actions.steps import claim, finish

    by_key = {result.requirement["key"]: result for result in results}
    ended = None
    while ended is None:
        lease = claim(str(run.pk), worker=worker)
        assert lease is not None, "the run is not free"
        measured = [by_key[key] for key in lease.scope.get("requirements", ())]
        ended = finish(lease, facts=manifest if lease.key == "score" else {}, results=measured)
    return ended


def judged(run: ValidationRun, *, passed: bool = True, **statuses: str) -> list[JudgedRequirement]:
    """Return one result for each requirement of the run's plan; ``statuses`` says otherwise by requirement key."""
    from audits.actions.conclusion import JudgedRequirement
    from audits.actions.evidence import store_json

    found = []
    for requirement in run.plan["requirements"]:
        status = statuses.get(requirement["key"], "met" if passed else "not_met")
        content = {"run": str(run.pk), "requirement": requirement, "measurement": None, "status": status}
        found.append(
            JudgedRequirement(
                requirement=requirement,
                status=status,
                observed="0.83, n = 4000",
                required=f"{requirement['op']} {requirement['limit']}",
                reason="Measured by a test.",
                mend="" if status == "met" else requirement["mend"],
                evidence_sha256=store_json(content, kind="measurement").sha256,
            )
        )
    return found
