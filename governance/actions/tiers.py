"""How is a model's risk tier worked out and recorded? A versioned rule over recorded answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db import transaction

from governance.models import TierAssessment
from governance.tier_rule import RULE_VERSION, assess
from registry.actions.inventory import require_role
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.models import Model, Role, User

declare_action("tier.assessed", "The risk tier of a model was worked out.")


@transaction.atomic
def assess_tier(model: Model, *, answers: Mapping[str, str], actor: User) -> TierAssessment:
    """Work out and record the tier. The newest assessment counts; a change voids approvals that cover the old tier."""
    require_role(actor, Role.RISK_MANAGER)
    tier, lines = assess(answers)
    locked = Model.objects.select_for_update().get(pk=model.pk)
    row = TierAssessment.objects.create(
        model=locked,
        rule_version=RULE_VERSION,
        answers=dict(answers),
        score_lines=lines,
        tier=tier,
        assessed_by=actor,
        assessed_at=database_now(),
    )
    append("tier.assessed", row, actor=actor)
    return row


def current_tiers(models: Collection[Model]) -> dict[str, TierAssessment]:
    """Return the newest assessment of each model that has one, by the model's key, in one query."""
    rows = TierAssessment.objects.filter(model__in=models).order_by("assessed_at", "id")
    return {str(row.model_id): row for row in rows}


def current_tier(model: Model) -> TierAssessment | None:
    """Return the newest assessment, or None."""
    return model.tier_assessments.order_by("-assessed_at", "-id").first()
