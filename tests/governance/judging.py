"""How does a test get judged requirements for a run without a worker? Measured values are given, evidence is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audits.actions.validation import JudgedRequirement
    from audits.models import ValidationRun


def judged(run: ValidationRun, *, passed: bool = True, **statuses: str) -> list[JudgedRequirement]:
    """Return one result for each requirement of the run's plan; ``statuses`` says otherwise by requirement key."""
    from audits.actions.evidence import store_json
    from audits.actions.validation import JudgedRequirement

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
