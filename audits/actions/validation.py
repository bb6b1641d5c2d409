"""How does a validation run begin, and who looks after those that nobody works on?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from audits.actions.conclusion import quarantine
from audits.actions.free import free_steps, worn_out
from audits.actions.waking import wake
from audits.models import RunStep, ValidationRun
from audits.runs.steps import steps_of
from registry.actions.versions import move_stage
from registry.digests import digest_of
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lifecycle import Stage, may_move
from registry.models import Model, ModelVersion, User

declare_action("validation.started", "A plan was frozen and its run queued.")

State = ValidationRun.State
LATE_SECONDS = 5
LOST_SECONDS = 60.0
MOST_AT_ONCE = 200


@transaction.atomic
def start_validation(
    version: ModelVersion,
    *,
    plan: Mapping[str, Any],
    reason: str,
    actor: User,
    then: str = "",
    reperforms: ValidationRun | None = None,
) -> ValidationRun:
    """Freeze a plan, lay out its steps and queue its run; a worker is woken on commit.

    ``then`` names the task to send when it is over. A run that only ``reperforms`` another moves no stage.
    """
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
        reperforms=reperforms,
    )
    lay_out(run)
    append("validation.started", run, actor=actor, payload={"plan_digest": run.plan_digest})
    version.refresh_from_db(fields=["stage"])
    if reperforms is None and may_move(Stage(version.stage), Stage.IN_VALIDATION):
        move_stage(version, Stage.IN_VALIDATION, actor=actor, reason=f"validation {run.pk}")
    transaction.on_commit(lambda: wake(run))
    return run


@transaction.atomic
def lay_out(run: ValidationRun) -> None:
    """Write the steps of a run's plan; a run that was queued before runs had steps gets them from the sweeper."""
    RunStep.objects.bulk_create(
        RunStep(
            run=run, position=position, key=step.key, kind=step.kind, needs=list(step.needs), scope=dict(step.scope)
        )
        for position, step in enumerate(steps_of(run.plan))
    )


def sweep() -> list[ValidationRun]:
    """Wake workers for runs with a step that is free, and quarantine those with a step that used up its attempts.

    A run that was asked for a moment ago has its own wake-up under way, and so has one that was woken since its lease
    ran out: the sweeper does not send another until that may be taken for lost. Returns the runs that were woken.
    """
    now = database_now()
    woken: list[ValidationRun] = []
    lapsed = RunStep.objects.filter(run=OuterRef("pk"), state=RunStep.State.RUNNING, lease_until__lt=now)
    unsaid = lapsed.filter(Q(run__woken_at__isnull=True) | Q(lease_until__gt=F("run__woken_at")))
    late = Q(woken_at__isnull=True, requested_at__lt=now - timedelta(seconds=LATE_SECONDS))
    lost = Q(woken_at__lt=now - timedelta(seconds=LOST_SECONDS))
    unfinished = ValidationRun.objects.filter(late | lost | Exists(unsaid), state__in=[State.QUEUED, State.RUNNING])
    rows = unfinished.defer("plan", "manifest").with_steps()
    for run in rows.order_by("requested_at")[:MOST_AT_ONCE]:
        if not run.steps.all():
            lay_out(run)
            run.refresh_from_db(fields=["steps"])
        free = free_steps(run, now)
        if any(worn_out(step) for step in free):
            quarantine(run)
        elif free:
            ValidationRun.objects.filter(pk=run.pk).update(woken_at=now)
            wake(run, expires=LOST_SECONDS)
            woken.append(run)
    return woken
