"""Which work follows a validation? Thin tasks named by the actions that send them."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="governance.tasks.after_validation")
def after_validation(run_id: str) -> None:
    """Move the request that waits for this run on."""
    from audits.models import ValidationRun
    from governance.actions.promotions import take_up_validation

    take_up_validation(ValidationRun.objects.select_related("requested_by", "version__model").get(pk=run_id))
