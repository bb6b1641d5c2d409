"""How does a step of a run pass from worker to worker, and how does its result count exactly once?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audits.actions.conclusion import JudgedRequirement, conclude, conclude_in_error
from audits.actions.free import free_steps
from audits.actions.waking import wake
from audits.models import RunAttempt, RunStep, ValidationRun
from registry import texts
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now

declare_action("validation.claimed", "A worker began a run.")

State, StepState = ValidationRun.State, RunStep.State
UNFINISHED = (State.QUEUED, State.RUNNING)
MOST_WAKE_UPS = 16


@dataclass(frozen=True)
class Lease:
    """A worker's right to one step; its token grows with every claim, so an older one cannot write.

    ``seconds_left`` is how much of the run's time was left when the step was taken; it may be below 0.
    """

    run_id: str
    step_id: int
    key: str
    kind: str
    token: int
    worker: str
    seconds_left: float
    scope: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def claim(run_id: str, *, worker: str) -> Lease | None:
    """Take the first step of a run that is free: queued with all it needs done, or with a lease that ran out.

    None when there is nothing to do now: the run is over, or others have what can be done. A step that used up its
    attempts is free to nobody; the sweeper sets its run aside.
    """
    run = ValidationRun.objects.select_for_update().filter(pk=run_id, state__in=UNFINISHED).first()
    if run is None:
        return None
    now = database_now()
    free = [step for step in free_steps(run, now) if step.attempts < settings.RUN_MAX_ATTEMPTS]
    if not free:
        return None
    step = free[0]
    taken = RunStep.objects.filter(pk=step.pk, state=step.state, fencing_token=step.fencing_token).update(
        state=StepState.RUNNING,
        attempts=F("attempts") + 1,
        fencing_token=F("fencing_token") + 1,
        lease_until=now + timedelta(seconds=settings.RUN_LEASE_SECONDS),
        started_at=now,
        message="",
    )
    if taken != 1:
        return None
    step.refresh_from_db()
    step.tries.filter(ended_at__isnull=True).update(ended_at=now, ending="lease ran out")
    RunAttempt.objects.create(
        run=run, step=step, number=step.attempts, fencing_token=step.fencing_token, worker=worker, started_at=now
    )
    if run.state == State.QUEUED:
        ValidationRun.objects.filter(pk=run.pk).update(state=State.RUNNING, started_at=now)
        run.refresh_from_db()
        append("validation.claimed", run, actor=run.requested_by, payload={"worker": worker})
    spent = (now - (run.started_at or now)).total_seconds()
    left = settings.RUN_WALL_SECONDS - spent
    return Lease(str(run.pk), step.pk, step.key, step.kind, step.fencing_token, worker, left, step.scope)


@transaction.atomic
def heartbeat(lease: Lease, *, message: str | None = None) -> None:
    """Renew the lease and show what is being done. Raises ``lease-lost`` when another worker has the step."""
    changes: dict[str, Any] = {"lease_until": database_now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)}
    if message is not None:
        changes["message"] = texts.defused(message, limit=200)
    if _held(lease).update(**changes) != 1:
        raise _lost()


@transaction.atomic
def finish(
    lease: Lease, *, facts: Mapping[str, Any] | None = None, results: Sequence[JudgedRequirement] = ()
) -> ValidationRun | None:
    """Store what a step came to, under its current token only; whoever finishes the last step concludes the run.

    Returns the run when that was the end of it. Raises ``lease-lost``, or ``results-incomplete`` unless each requirement
    of the step has exactly one result.
    """
    run = _unfinished(lease)
    if [result.requirement["key"] for result in results] != list(lease.scope.get("requirements", ())):
        raise DomainError("results-incomplete", "Each requirement of a step has exactly one result.")
    judged = [_storable(result) for result in results]
    before = {step.pk for step in free_steps(run, database_now())}
    _end_step(lease, StepState.DONE, ending="done", facts=dict(facts or {}), results=judged)
    if not run.steps.exclude(state=StepState.DONE).exists():
        return conclude(run)
    opened = [step for step in free_steps(run, database_now()) if step.pk not in before]
    # this worker goes on with one of them itself
    for _ in opened[1:MOST_WAKE_UPS]:
        transaction.on_commit(lambda: wake(run))
    return None


@transaction.atomic
def fail(lease: Lease, *, error: DomainError, mend: str = "") -> ValidationRun:
    """End the run because one of its steps cannot be carried out; what other steps found does not become a result."""
    run = _unfinished(lease)
    failure = {"code": error.code, "message": texts.defused(error.message, limit=2000), "mend": mend}
    _end_step(lease, StepState.FAILED, ending=f"failed: {error.code}"[:40], failure=failure)
    return conclude_in_error(run, failure=failure)


@transaction.atomic
def give_back(lease: Lease, *, ending: str) -> None:
    """Let go of a step that was not carried out, so that the next claim is another attempt at it."""
    now = database_now()
    if _held(lease).update(lease_until=now - timedelta(seconds=1)) == 1:
        RunAttempt.objects.filter(step_id=lease.step_id, fencing_token=lease.token).update(
            ended_at=now, ending=ending[:40]
        )


def _held(lease: Lease) -> Any:
    return RunStep.objects.filter(pk=lease.step_id, state=StepState.RUNNING, fencing_token=lease.token)


def _unfinished(lease: Lease) -> ValidationRun:
    """Lock the run of a step that is still this worker's; steps of one run end one after another."""
    run = ValidationRun.objects.select_for_update().filter(pk=lease.run_id, state__in=UNFINISHED).first()
    if run is None or not _held(lease).exists():
        raise _lost()
    return run


def _end_step(lease: Lease, state: str, *, ending: str, **changes: Any) -> None:
    now = database_now()
    if _held(lease).update(state=state, ended_at=now, lease_until=None, message="", **changes) != 1:
        raise _lost()
    RunAttempt.objects.filter(step_id=lease.step_id, fencing_token=lease.token).update(ended_at=now, ending=ending)


def _storable(result: JudgedRequirement) -> dict[str, Any]:
    """Return a result as JSON that every database takes: a model's or table's words may hold what none can keep."""
    kept = asdict(result) | {"requirement": result.requirement["key"]}
    limits = {"observed": 400, "required": 400, "reason": 1000, "mend": 1000}
    return kept | {name: texts.defused(kept[name], limit=limit) for name, limit in limits.items()}


def _lost() -> DomainError:
    return DomainError("lease-lost", "Another worker has this step, or the run is over.", kind="conflict")
