"""Which steps of a run can be worked on now, and which have had all their attempts?"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from audits.models import RunStep, ValidationRun

StepState = RunStep.State


def free_steps(run: ValidationRun, now: Any) -> list[RunStep]:
    """Return the steps that can be worked on now, in their order."""
    steps = sorted(run.steps.all(), key=lambda step: step.position)
    done = {step.key for step in steps if step.state == StepState.DONE}
    return [
        step
        for step in steps
        if (step.state == StepState.QUEUED and done.issuperset(step.needs))
        or (step.state == StepState.RUNNING and step.lease_until is not None and step.lease_until < now)
    ]


def worn_out(step: RunStep) -> bool:
    """Tell whether a step has had all its attempts."""
    return step.attempts >= int(settings.RUN_MAX_ATTEMPTS)
