"""How is one validation run carried out? Claim it, measure what the plan demands, conclude it once."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from audits.actions.evidence import store_json
from audits.actions.validation import JudgedRequirement, Lease, claim, conclude, conclude_in_error, heartbeat
from audits.checks.requirement import FIELDS, Requirement, measure
from audits.models import Evidence, ValidationRun
from audits.runs.pulse import Pulse
from audits.runs.subject import Measured, opened
from registry.errors import DomainError
from registry.ledger.context import ActContext, acting

log = logging.getLogger("cadastre.runs")


def execute(run_id: str, *, worker: str) -> ValidationRun | None:
    """Work on a run until it is over. None when there was nothing to do, or when another worker took it over meanwhile.

    Every end but a lost lease is a recorded result: a table or model that is refused ends the run in error with the
    refusal's code, a failure of our own with ``internal-error``.
    """
    with acting(ActContext(request_id=f"run-{run_id}", authentication="task")):
        lease = claim(run_id, worker=worker)
        if lease is None:
            return None
        try:
            with Pulse(lease) as pulse:
                return _carry_out(lease, pulse)
        except DomainError as error:
            if error.code == "lease-lost":
                log.warning("Run %s was taken over from %s.", run_id, worker)
                return None
            return _fail(lease, error)
        except Exception as error:
            log.exception("Run %s failed.", run_id)
            return _fail(lease, DomainError("internal-error", f"The run failed with {type(error).__name__}."))


def _carry_out(lease: Lease, pulse: Pulse) -> ValidationRun:
    run = ValidationRun.objects.get(pk=lease.run_id)
    requirements = [_requirement(line) for line in run.plan["requirements"]]
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=settings.SCRATCH_DIR))
    try:
        heartbeat(lease, done=0, message="Scoring the tables in the sandbox")
        with opened(run.plan, folder) as measured:
            pulse.require()
            results = []
            for number, requirement in enumerate(requirements):
                heartbeat(lease, done=number, message=f"Measuring {requirement.check}")
                results.append(_judged(requirement, run.plan["requirements"][number], measured))
            manifest = dict(measured.manifest)
            if measured.explanation is not None:
                kind = Evidence.Kind.EXPLANATION
                manifest["explanation_sha256"] = store_json(measured.explanation, kind=kind).sha256
    finally:
        shutil.rmtree(folder)
    pulse.require()
    manifest["plan_digest"] = run.plan_digest
    manifest["manifest_sha256"] = store_json({"plan": run.plan, "manifest": manifest}, kind=Evidence.Kind.RUN).sha256
    return conclude(lease, results=results, manifest=manifest)


def _requirement(line: Mapping[str, Any]) -> Requirement:
    """Read a line of policy; its clause and its advice are for people and no business of the check."""
    return Requirement.from_policy({name: value for name, value in line.items() if name in FIELDS})


def _judged(requirement: Requirement, line: Mapping[str, Any], measured: Measured) -> JudgedRequirement:
    outcome = measure(requirement, measured.subject)
    judgement = outcome.judgement
    evidence = store_json(outcome.as_json() | {"requirement": dict(line)}, kind=Evidence.Kind.MEASUREMENT)
    return JudgedRequirement(
        requirement=line,
        status=judgement.status,
        observed=judgement.observed,
        required=judgement.required,
        reason=judgement.reason,
        mend=(line.get("mend") or judgement.mend) if judgement.status == "not_met" else judgement.mend,
        evidence_sha256=evidence.sha256,
    )


def _fail(lease: Lease, error: DomainError) -> ValidationRun | None:
    try:
        return conclude_in_error(lease, error=error)
    except DomainError as refusal:
        if refusal.code != "lease-lost":
            raise
        log.warning("Run %s was taken over before its failure could be recorded.", lease.run_id)
        return None
