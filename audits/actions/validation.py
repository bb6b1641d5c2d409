"""How does a validation run begin, pass from worker to worker, and end in exactly one result?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from audits.actions.findings import open_finding
from audits.models import CheckResult, Finding, RunAttempt, ValidationRun
from registry import texts
from registry.actions.versions import move_stage
from registry.digests import digest_of
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.ledger.plain import instant_text
from registry.lifecycle import Stage, may_move
from registry.models import Model, ModelVersion, User

declare_action("validation.started", "A plan was frozen and its run queued.")
declare_action("validation.claimed", "A worker took a run.")
declare_action("validation.concluded", "A run ended with its result.")
declare_action("validation.quarantined", "A run lost too many workers and was set aside.")

State, Outcome = ValidationRun.State, ValidationRun.Outcome


@dataclass(frozen=True)
class Lease:
    """A worker's right to one run until ``until``; its token grows with every claim, so an older one cannot write."""

    run_id: str
    token: int
    worker: str


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
def start_validation(
    version: ModelVersion, *, plan: Mapping[str, Any], reason: str, actor: User, then: str = ""
) -> ValidationRun:
    """Freeze a plan and queue its run; a worker is woken on commit. ``then`` names the task to send when it is over."""
    Model.objects.select_for_update().get(pk=version.model_id)
    frozen = dict(plan)
    run = ValidationRun.objects.create(
        version=version,
        reason=reason,
        plan=frozen,
        plan_digest=digest_of(frozen),
        then=then,
        requested_by=actor,
        requested_at=database_now(),
        progress_total=len(frozen["requirements"]),
    )
    append("validation.started", run, actor=actor, payload={"plan_digest": run.plan_digest})
    version.refresh_from_db(fields=["stage"])
    if may_move(Stage(version.stage), Stage.IN_VALIDATION):
        move_stage(version, Stage.IN_VALIDATION, actor=actor, reason=f"validation {run.pk}")
    transaction.on_commit(lambda: wake(run))
    return run


def wake(run: ValidationRun) -> None:
    """Send the wake-up; one that is lost costs a delay, since the sweeper finds queued rows by itself."""
    from audits.tasks import run_validation, send

    send(run_validation, str(run.pk))


@transaction.atomic
def claim(run_id: str, *, worker: str) -> Lease | None:
    """Take a queued run, or one whose lease ran out. None when there is nothing to do: another has it, or it is over."""
    now = database_now()
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, lease_until__lt=now)
    run = ValidationRun.objects.select_for_update().filter(free, pk=run_id).first()
    if run is None or run.attempts >= settings.RUN_MAX_ATTEMPTS:
        return None
    taken = ValidationRun.objects.filter(free, pk=run_id, fencing_token=run.fencing_token).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        fencing_token=F("fencing_token") + 1,
        lease_until=now + timedelta(seconds=settings.RUN_LEASE_SECONDS),
        progress_done=0,
        progress_message="",
    )
    if taken != 1:
        return None
    run.refresh_from_db()
    run.tries.filter(ended_at__isnull=True).update(ended_at=now, ending="lease ran out")
    RunAttempt.objects.create(
        run=run, number=run.attempts, fencing_token=run.fencing_token, worker=worker, started_at=now
    )
    append("validation.claimed", run, actor=run.requested_by, payload={"attempt": run.attempts, "worker": worker})
    return Lease(str(run.pk), run.fencing_token, worker)


@transaction.atomic
def heartbeat(lease: Lease, *, done: int | None = None, message: str | None = None) -> None:
    """Renew the lease and show progress. Raises ``lease-lost`` when another worker has the run."""
    changes: dict[str, Any] = {"lease_until": database_now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)}
    if done is not None:
        changes["progress_done"] = done
    if message is not None:
        changes["progress_message"] = message[:200]
    held = ValidationRun.objects.filter(pk=lease.run_id, state=State.RUNNING, fencing_token=lease.token)
    if held.update(**changes) != 1:
        raise DomainError("lease-lost", "Another worker has this run.", kind="conflict")


@transaction.atomic
def conclude(lease: Lease, *, results: Sequence[JudgedRequirement], manifest: Mapping[str, Any]) -> ValidationRun:
    """End a run with its results, under the current fencing token only; open findings for what is not met.

    The evidence digest covers the plan, the manifest, the outcome and every result, so that none of them can change
    unnoticed. Raises ``lease-lost``, or ``results-incomplete`` unless each requirement of the plan has one result.
    """
    run = _hold(lease)
    if [result.requirement["key"] for result in results] != [line["key"] for line in run.plan["requirements"]]:
        raise DomainError("results-incomplete", "Each requirement of the plan has exactly one result.")
    for position, result in enumerate(results):
        CheckResult.objects.create(
            run=run,
            position=position,
            requirement_key=result.requirement["key"],
            check_slug=result.requirement["check"],
            severity=result.requirement["severity"],
            requirement=dict(result.requirement),
            status=result.status,
            observed=texts.defused(result.observed, limit=400),
            required=texts.defused(result.required, limit=400),
            reason=texts.defused(result.reason, limit=1000),
            mend=texts.defused(result.mend, limit=1000),
            evidence_sha256=result.evidence_sha256,
        )
    _end(run, lease, outcome=_outcome(results), manifest=dict(manifest))
    counts = {status: sum(r.status == status for r in results) for status in CheckResult.Status.values}
    append("validation.concluded", run, actor=run.requested_by, payload={"results": counts})
    for result in results:
        _raise_finding(run, result)
    _settle_stage(run)
    transaction.on_commit(lambda: _announce(run))
    return run


@transaction.atomic
def conclude_in_error(lease: Lease, *, error: DomainError) -> ValidationRun:
    """End a run that could not be carried out, with the reason."""
    run = _hold(lease)
    failure = {"code": error.code, "message": texts.defused(error.message, limit=2000)}
    _end(run, lease, outcome=Outcome.ERROR, failure=failure)
    append("validation.concluded", run, actor=run.requested_by)
    _finding_of_failure(run, failure)
    _settle_stage(run)
    transaction.on_commit(lambda: _announce(run))
    return run


@transaction.atomic
def quarantine(run: ValidationRun) -> ValidationRun:
    """End a run whose workers died in every allowed attempt; it blocks nobody any more, and it never passes."""
    locked = ValidationRun.objects.select_for_update().get(pk=run.pk)
    failure = {"code": "worker-lost", "message": f"{locked.attempts} workers were lost while they worked on this run."}
    moved = ValidationRun.objects.filter(
        pk=run.pk, state=State.RUNNING, lease_until__lt=database_now(), fencing_token=locked.fencing_token
    ).update(
        state=State.QUARANTINED,
        outcome=Outcome.ERROR,
        failure=failure,
        concluded_at=database_now(),
        lease_until=None,
        fencing_token=F("fencing_token") + 1,
    )
    locked.refresh_from_db()
    if moved == 1:
        _seal(locked)
        locked.tries.filter(ended_at__isnull=True).update(ended_at=database_now(), ending="lease ran out")
        append("validation.quarantined", locked, actor=locked.requested_by)
        _finding_of_failure(locked, failure)
        _settle_stage(locked)
        transaction.on_commit(lambda: _announce(locked))
    return locked


def evidence_digest_of(run: ValidationRun) -> str:
    """Return the digest over a run's plan, manifest, outcome and results as the rows now have them."""
    return digest_of(
        {
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
                for result in run.results.order_by("position")
            ],
        }
    )


def sweep() -> list[ValidationRun]:
    """Wake queued runs and those whose lease ran out, and quarantine the ones that used up their attempts."""
    now = database_now()
    woken: list[ValidationRun] = []
    late = Q(state=State.QUEUED, requested_at__lt=now - timedelta(seconds=5)) | Q(
        state=State.RUNNING, lease_until__lt=now
    )
    for run in ValidationRun.objects.filter(late).order_by("requested_at")[:200]:
        if run.state == State.RUNNING and run.attempts >= settings.RUN_MAX_ATTEMPTS:
            quarantine(run)
        else:
            wake(run)
            woken.append(run)
    return woken


def _hold(lease: Lease) -> ValidationRun:
    run = (
        ValidationRun.objects.select_for_update()
        .filter(pk=lease.run_id, state=State.RUNNING, fencing_token=lease.token)
        .first()
    )
    if run is None:
        raise DomainError("lease-lost", "Another worker has this run, or it is over.", kind="conflict")
    return run


def _end(run: ValidationRun, lease: Lease, **changes: Any) -> None:
    held = ValidationRun.objects.filter(pk=run.pk, state=State.RUNNING, fencing_token=lease.token)
    now = database_now()
    changes |= {"state": State.CONCLUDED, "concluded_at": now, "lease_until": None}
    if held.update(progress_done=F("progress_total"), **changes) != 1:
        raise DomainError("lease-lost", "Another worker has this run.", kind="conflict")
    run.tries.filter(fencing_token=lease.token).update(ended_at=now, ending="concluded")
    run.refresh_from_db()
    _seal(run)


def _seal(run: ValidationRun) -> None:
    """Record the evidence digest of an ended run, over the values as the database gives them back."""
    run.evidence_digest = evidence_digest_of(run)
    run.save(update_fields=["evidence_digest"])


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
    open_finding(
        run.version.model,
        version=run.version,
        run=run,
        kind="requirement",
        source_key=f"requirement:{result.requirement['key']}",
        title=" ".join(
            texts.defused(
                f"{result.requirement['key']}: {result.observed}, required {result.required}", limit=300
            ).split()
        ),
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
        detail=failure["message"],
        severity=Finding.Severity.HIGH,
        blocking=True,
        actor=run.requested_by,
    )


def _settle_stage(run: ValidationRun) -> None:
    """Move the version to where its newest run puts it; an older run's result is kept and moves nothing."""
    newest = run.version.runs.order_by("-requested_at", "-id").first()
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
