"""How is a concluded run re-performed, so that somebody else sees whether its numbers come out again?"""

from __future__ import annotations

from django.db import transaction

from audits.actions.validation import start_validation
from audits.models import ValidationRun
from registry.actions.inventory import require_role
from registry.errors import DomainError
from registry.models import Role, User

State = ValidationRun.State
REASON = "reperformance"
WHO_REPERFORMS = (Role.VALIDATOR, Role.AUDITOR, Role.RISK_MANAGER)


@transaction.atomic
def reperform_validation(run: ValidationRun, *, actor: User) -> tuple[ValidationRun, bool]:
    """Start a new run on the frozen plan of a concluded one; it moves no stage and opens no finding.

    While a re-performance of the same run is under way, asking again is that one. Of a re-performance, the original is
    re-performed. Returns the new run and whether it is new. Raises ``role-missing``, ``validation-not-concluded``, or
    ``nothing-to-reperform`` for a run that ended without a result.
    """
    require_role(actor, *WHO_REPERFORMS, Role.CI)
    original = ValidationRun.objects.select_for_update().get(pk=run.reperforms_id or run.pk)
    if original.concluded_at is None:
        raise DomainError("validation-not-concluded", "Validation has not concluded yet.", kind="conflict")
    if original.state != State.CONCLUDED or not original.results.exists():
        raise DomainError(
            "nothing-to-reperform",
            "The run ended without a result, so there is nothing to re-perform; ask for validation again.",
            kind="conflict",
        )
    under_way = original.reperformances.filter(state__in=[State.QUEUED, State.RUNNING]).first()
    if under_way is not None:
        return under_way, False
    made = start_validation(original.version, plan=original.plan, reason=REASON, actor=actor, reperforms=original)
    return made, True
