"""How does a validation run end, in exactly one result, worked out from our own tables?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from audits.actions.comparison import compare_with_original
from audits.actions.evidence import store_json
from audits.actions.findings import open_finding
from audits.actions.free import free_steps, worn_out
from audits.models import CheckResult, Evidence, Finding, RunStep, ValidationRun
from registry import texts
from registry.actions.versions import move_stage
from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.ledger.plain import instant_text
from registry.lifecycle import Stage

declare_action("validation.concluded", "A run ended with its result.")
declare_action("validation.quarantined", "A run lost too many workers and was set aside.")

State, Outcome = ValidationRun.State, ValidationRun.Outcome


@dataclass(frozen=True)
class JudgedRequirement:
    """What one requirement came to: ready to be stored."""

    requirement: Mapping[str, Any]
    status: str
    observed: str
    required: str
    reason: str
    mend: str
    evidence_sha256: str


@transaction.atomic
def conclude(run: ValidationRun) -> ValidationRun:
    """End a run whose steps are all done: write its results, its manifest and its evidence digest, open findings.

    The caller holds the lock on the run. The evidence digest covers the plan, the manifest, the outcome and every
    result, so that none of them can change unnoticed. Raises ``results-incomplete`` unless each requirement of the plan
    has exactly one result.
    """
    lines = {line["key"]: line for line in run.plan["requirements"]}
    steps = list(run.steps.order_by("position"))
    found = {
        one["requirement"]: JudgedRequirement(**(one | {"requirement": lines[one["requirement"]]}))
        for step in steps
        for one in step.results
    }
    if set(found) != set(lines) or sum(len(step.results) for step in steps) != len(run.plan["requirements"]):
        raise DomainError("results-incomplete", "Each requirement of the plan has exactly one result.")
    results = [found[key] for key in lines]
    CheckResult.objects.bulk_create(
        CheckResult(
            run=run,
            position=position,
            requirement_key=result.requirement["key"],
            check_slug=result.requirement["check"],
            severity=result.requirement["severity"],
            requirement=dict(result.requirement),
            status=result.status,
            observed=result.observed,
            required=result.required,
            reason=result.reason,
            mend=result.mend,
            evidence_sha256=result.evidence_sha256,
        )
        for position, result in enumerate(results)
    )
    manifest = manifest_of(steps) | {"plan_digest": run.plan_digest}
    stored = store_json({"plan": run.plan, "manifest": manifest}, kind=Evidence.Kind.RUN)
    manifest["manifest_sha256"] = stored.sha256
    _end(run, state=State.CONCLUDED, outcome=_outcome(results), manifest=manifest)
    counts = {status: sum(r.status == status for r in results) for status in CheckResult.Status.values}
    append("validation.concluded", run, actor=run.requested_by, payload={"results": counts})
    if run.reperforms_id is None:
        for result in results:
            _raise_finding(run, result)
        _follow(run)
    return run


@transaction.atomic
def conclude_in_error(run: ValidationRun, *, failure: Mapping[str, str]) -> ValidationRun:
    """End a run that could not be carried out, with the reason; the caller holds the lock on the run."""
    _end(run, state=State.CONCLUDED, outcome=Outcome.ERROR, failure=dict(failure))
    append("validation.concluded", run, actor=run.requested_by)
    if run.reperforms_id is None:
        _finding_of_failure(run, failure)
        _follow(run)
    return run


@transaction.atomic
def quarantine(run: ValidationRun) -> ValidationRun:
    """End a run one of whose steps lost its worker in every allowed attempt; it blocks nobody, and it never passes."""
    locked = ValidationRun.objects.select_for_update().get(pk=run.pk)
    spent = [step for step in free_steps(locked, database_now()) if worn_out(step)]
    if locked.state != State.RUNNING or not spent:
        return locked
    failure = {
        "code": "worker-lost",
        "message": f"{spent[0].attempts} workers were lost while they worked on {spent[0].key}.",
        "mend": "Look into the workers' logs and the machine's memory, then ask for validation again.",
    }
    locked.tries.filter(ended_at__isnull=True).update(ended_at=database_now(), ending="lease ran out")
    _end(locked, state=State.QUARANTINED, outcome=Outcome.ERROR, failure=failure)
    append("validation.quarantined", locked, actor=locked.requested_by)
    if locked.reperforms_id is None:
        _finding_of_failure(locked, failure)
        _follow(locked)
    return locked


def manifest_of(steps: Sequence[RunStep]) -> dict[str, Any]:
    """Return what the steps found out about how the numbers came about.

    Of what several steps say, the first word stands; their notes and evidence are all kept, and steps that ran on other
    code than the first are noted.
    """
    manifest: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    codes: dict[str, list[str]] = {}
    histograms: dict[str, Any] = {}
    for step in steps:
        facts = dict(step.facts)
        if told := facts.pop("reference_histograms", None):
            histograms[step.key] = told
        notes |= facts.pop("notes", {})
        evidence |= {f"{step.key}/{name}": sha256 for name, sha256 in facts.pop("files", {}).items()}
        digest = facts.get("code", {}).get("digest", "")
        if digest:
            codes.setdefault(digest, []).append(step.key)
        manifest |= {name: value for name, value in facts.items() if name not in manifest}
    if len(codes) > 1:
        notes["code"] = "; ".join(f"{', '.join(keys)}: {digest}" for digest, keys in sorted(codes.items()))
    more = {"evidence": evidence, "reference_histograms": histograms, "notes": notes}
    return manifest | {name: found for name, found in more.items() if found}


def evidence_digest_of(run: ValidationRun) -> str:
    """Return the digest over a run's plan, manifest, outcome and results as the rows now have them."""
    return digest_of(evidence_statement(run))


def evidence_statement(run: ValidationRun) -> dict[str, Any]:
    """Return the statement whose digest the ledger keeps of a concluded run."""
    return {
        "version": str(run.version_id),
        "plan": digest_of(run.plan),
        "manifest": run.manifest,
        "outcome": run.outcome,
        "failure": run.failure,
        "concluded_at": instant_text(run.concluded_at) if run.concluded_at else None,
        "results": [
            [
                result.position,
                result.requirement_key,
                result.check_slug,
                digest_of(result.requirement),
                result.status,
                result.severity,
                result.observed,
                result.required,
                result.reason,
                result.mend,
                result.evidence_sha256,
            ]
            for result in run.results_in_order()
        ],
    }


def _end(run: ValidationRun, **changes: Any) -> None:
    """Move a run to its end, if it is not over yet; steps that are not done are dropped, and nobody's lease holds."""
    now = database_now()
    unfinished = ValidationRun.objects.filter(pk=run.pk, state__in=[State.QUEUED, State.RUNNING])
    if unfinished.update(concluded_at=now, **changes) != 1:
        raise DomainError("lease-lost", "The run is over.", kind="conflict")
    open_steps = run.steps.filter(state__in=[RunStep.State.QUEUED, RunStep.State.RUNNING])
    run.tries.filter(ended_at__isnull=True).update(ended_at=now, ending="the run ended")
    open_steps.update(state=RunStep.State.DROPPED, ended_at=now, lease_until=None, fencing_token=F("fencing_token") + 1)
    run.refresh_from_db()
    # over the values as the database gives them back
    run.evidence_digest = evidence_digest_of(run)
    if run.reperforms_id is not None:
        run.agreement = compare_with_original(run)
    run.save(update_fields=["evidence_digest", "agreement"])


def _follow(run: ValidationRun) -> None:
    _settle_stage(run)
    transaction.on_commit(lambda: _announce(run))


def _outcome(results: Sequence[JudgedRequirement]) -> str:
    if not results:
        return Outcome.ERROR.value
    blocking = {result.status for result in results if result.requirement["severity"] == "blocking"}
    if "error" in {result.status for result in results}:
        return Outcome.ERROR.value
    if "not_met" in blocking:
        return Outcome.FAILED.value
    return Outcome.INSUFFICIENT.value if "insufficient" in blocking else Outcome.PASSED.value


def _raise_finding(run: ValidationRun, result: JudgedRequirement) -> None:
    if result.status == "met":
        return
    blocking = result.requirement["severity"] == "blocking"
    if result.status == "insufficient" and not blocking:
        return
    severity = Finding.Severity.HIGH if blocking else Finding.Severity.LOW
    title = f"{result.requirement['key']}: {result.observed}, required {result.required}"
    open_finding(
        run.version.model,
        version=run.version,
        run=run,
        kind="requirement",
        source_key=f"requirement:{result.requirement['key']}",
        title=" ".join(texts.defused(title, limit=300).split()),
        detail=texts.defused("\n".join(part for part in (result.reason, result.mend) if part), limit=10_000),
        severity=severity,
        blocking=blocking,
        actor=run.requested_by,
    )


def _finding_of_failure(run: ValidationRun, failure: Mapping[str, str]) -> None:
    open_finding(
        run.version.model,
        version=run.version,
        run=run,
        kind="validation-error",
        source_key=f"validation:{failure['code']}",
        title=f"Validation ended in error: {failure['code']}",
        detail="\n".join(part for part in (failure["message"], failure.get("mend", "")) if part),
        severity=Finding.Severity.HIGH,
        blocking=True,
        actor=run.requested_by,
    )


def _settle_stage(run: ValidationRun) -> None:
    """Move the version to where its newest run puts it; an older run's result is kept and moves nothing."""
    newest = run.version.runs.originals().order_by("-requested_at", "-id").first()
    version = run.version
    version.refresh_from_db(fields=["stage"])
    if newest is None or newest.pk != run.pk or version.stage != Stage.IN_VALIDATION:
        return
    passed = run.outcome == Outcome.PASSED
    new = Stage.VALIDATED if passed else Stage.VALIDATION_FAILED
    move_stage(version, new, actor=run.requested_by, reason=f"validation {run.pk} {run.outcome}")


def _announce(run: ValidationRun) -> None:
    if run.then:
        from audits.tasks import send_by_name

        send_by_name(run.then, str(run.pk))
