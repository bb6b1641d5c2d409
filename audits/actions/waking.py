"""How does a worker learn that there is something to do? By a message that may be lost: the rows are the truth."""

from __future__ import annotations

from audits.models import ValidationRun


def wake(run: ValidationRun, *, expires: float | None = None) -> None:
    """Send a wake-up for a run; one that is lost costs a delay, since the sweeper finds the row by itself.

    ``expires`` in seconds: after it nobody needs to look any more, because another message was sent meanwhile.
    """
    from audits.tasks import run_validation, send

    send(run_validation, str(run.pk), expires=expires)
