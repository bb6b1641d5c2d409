"""How is a promotion asked for, and how does the question close?"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from audits.actions.conclusion import evidence_digest_of
from audits.actions.validation import start_validation
from audits.models import ValidationRun
from governance.actions.policies import policy_in_force
from governance.actions.tiers import current_tier
from governance.models import PolicyVersion, PromotionRequest
from governance.plans import build_manifest, build_plan, rules_of
from registry import texts
from registry.actions.divergences import reconcile
from registry.actions.inventory import require_role
from registry.actions.versions import move_stage, record_contribution
from registry.errors import DomainError
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lifecycle import Stage
from registry.models import Contribution, Environment, Model, ModelVersion, Role, User

declare_action("promotion.requested", "A promotion was asked for, and what it covers was frozen.")
declare_action("promotion.superseded", "A promotion request gave way to a newer one.")
declare_action("promotion.withdrawn", "A promotion request was taken back.")

State = PromotionRequest.State
AFTER = "governance.tasks.after_validation"


@transaction.atomic
def open_promotion(
    version: ModelVersion, *, environment: Environment, actor: User, statement: str = ""
) -> tuple[PromotionRequest, bool]:
    """Ask whether a version may go to an environment: freezes what is asked and starts its validation.

    The model's rows are compared with the ledger first; where they differ, the gate denies until that is resolved.
    The same question while it is open is the same row, unless its evidence is of no use any more (ended in error, too
    old, altered); another version's open question for the same place gives way. Raises ``version-retired``, or what
    ``rules_for`` and ``build_plan`` refuse.
    """
    require_role(actor, Role.DEVELOPER, Role.OWNER, Role.CI)
    said = texts.prose(statement, field="statement", limit=4_000)
    Model.objects.select_for_update().get(pk=version.model_id)
    locked = ModelVersion.objects.select_for_update().select_related("model").get(pk=version.pk)
    if locked.stage == Stage.RETIRED or locked.model.retired_at is not None:
        raise DomainError("version-retired", f"{locked} is retired.", kind="conflict")
    reconcile(model=locked.model_id)
    tier, policy = rules_for(locked.model, environment)
    covers = build_manifest(locked, policy=policy, tier=tier, environment=environment.slug)
    plan = build_plan(locked, policy=policy, environment=environment.slug)
    for earlier in PromotionRequest.objects.select_for_update().filter(
        model=locked.model, environment=environment, state=State.OPEN
    ):
        if earlier.version_id == locked.pk and earlier.covers_digest == covers.digest and _of_use(earlier):
            return earlier, False
        _close(earlier, State.SUPERSEDED, actor=actor, reason=f"{locked} was asked for", action="promotion.superseded")
    run = start_validation(locked, plan=plan, reason="promotion", actor=actor, then=AFTER)
    row = PromotionRequest.objects.create(
        model=locked.model,
        version=locked,
        environment=environment,
        policy=policy,
        tier=tier,
        statement=said,
        covers=covers.as_json(),
        covers_digest=covers.digest,
        run=run,
        requested_by=actor,
        requested_for=actor.person,
        requested_at=database_now(),
    )
    append("promotion.requested", row, actor=actor)
    record_contribution(locked, actor.person, Contribution.Kind.REQUESTED, actor=actor)
    return row, True


@transaction.atomic
def withdraw_promotion(request: PromotionRequest, *, actor: User, reason: str) -> PromotionRequest:
    """Take a question back: by who asked, who answers for them, or the model's owner."""
    said = texts.line(reason, field="reason", limit=400)
    Model.objects.select_for_update().get(pk=request.model_id)
    locked = PromotionRequest.objects.select_for_update().get(pk=request.pk)
    if actor.pk not in {locked.requested_by_id, locked.requested_for_id, locked.model.owner_id}:
        raise DomainError("not-your-request", "Whoever asked, or the owner, takes a request back.", kind="forbidden")
    return _close(locked, State.WITHDRAWN, actor=actor, reason=said, action="promotion.withdrawn")


@transaction.atomic
def take_up_validation(run: ValidationRun) -> None:
    """After a run: move the version of the request that waits for it on to pending approval, if the run passed."""
    if run.outcome != ValidationRun.Outcome.PASSED:
        return
    Model.objects.select_for_update().get(pk=run.version.model_id)
    request = PromotionRequest.objects.filter(run=run, state=State.OPEN).select_related("version").first()
    if request is not None and request.version.stage == Stage.VALIDATED:
        move_stage(request.version, Stage.PENDING_APPROVAL, actor=run.requested_by, reason=f"promotion {request.pk}")


def rules_for(model: Model, environment: Environment) -> tuple[int, PolicyVersion]:
    """Return the tier and the policy in force for a model and a place.

    Raises ``tier-missing``, ``policy-missing`` or ``policy-altered`` (its stored text is not that of its digest).
    """
    assessment = current_tier(model)
    if assessment is None:
        raise DomainError(
            "tier-missing", f"{model.slug} has no risk tier: a risk manager assesses it first.", kind="conflict"
        )
    policy = policy_in_force(tier=assessment.tier, environment=environment.slug, at=database_now())
    if policy is None:
        raise DomainError(
            "policy-missing",
            f"No policy is in force for tier {assessment.tier} and {environment.slug}.",
            kind="conflict",
            tier=assessment.tier,
        )
    if rules_of(policy) is None:
        raise DomainError("policy-altered", f"The stored text of {policy} is not what was published.", kind="conflict")
    return assessment.tier, policy


def _of_use(request: PromotionRequest) -> bool:
    """Tell whether the validation of an open request can still lead to an allow: under way, or fresh and intact."""
    run, rules = request.run, rules_of(request.policy)
    if run is None or rules is None:
        return False
    if run.concluded_at is None:
        return True
    fresh = database_now() < run.concluded_at + timedelta(days=rules.evidence.max_age_days)
    return fresh and run.outcome != ValidationRun.Outcome.ERROR and evidence_digest_of(run) == run.evidence_digest


def _close(request: PromotionRequest, state: str, *, actor: User, reason: str, action: str) -> PromotionRequest:
    moved = PromotionRequest.objects.filter(pk=request.pk, state=State.OPEN).update(
        state=state, closed_at=database_now(), closed_reason=reason[:400]
    )
    if moved != 1:
        raise DomainError("request-closed", "The promotion request is closed.", kind="conflict")
    request.refresh_from_db()
    append(action, request, actor=actor)
    version = request.version
    version.refresh_from_db(fields=["stage"])
    if version.stage in {Stage.PENDING_APPROVAL, Stage.APPROVED} and not version.promotions.filter(state=State.OPEN):
        move_stage(version, Stage.VALIDATED, actor=actor, reason=f"promotion {request.pk} {state}")
    return request
