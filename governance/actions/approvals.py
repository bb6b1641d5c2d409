"""How does a person say yes or no to a promotion, bound to exactly what they saw?"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from audits.actions.conclusion import evidence_digest_of
from audits.models import ValidationRun
from governance.actions.policies import policy_in_force
from governance.actions.tiers import current_tier
from governance.gate.contract import Asked
from governance.gate.controls.approvals import quorum_met
from governance.gate.decide import PASSING
from governance.gate.eligibility import Obstacle, person_obstacles
from governance.gate.facts import gather_facts
from governance.gate.rules import PolicyRules
from governance.models import Approval, PromotionRequest
from governance.plans import build_manifest, rules_of
from registry import texts
from registry.actions.divergences import reconcile
from registry.actions.versions import move_stage
from registry.errors import DomainError
from registry.ledger import context
from registry.ledger.append import append, declare_action
from registry.ledger.clock import database_now
from registry.lifecycle import Stage
from registry.models import Model, User

declare_action("approval.approve", "A person approved a promotion.")
declare_action("approval.reject", "A person rejected a promotion.")
declare_action("approval.withdrawn", "A person took their decision back.")
declare_action("promotion.rejected", "A promotion request was rejected.")

REFUSED: dict[str, str] = {
    "requester": "self-approval",
    "contributor": "self-approval",
    "no-role": "role-missing",
    "inactive": "account-inactive",
    "not-a-person": "not-a-person",
}


def approve(request: PromotionRequest, *, actor: User, statement: str, evidence_digest: str) -> Approval:
    """Say yes to exactly the evidence shown. Raises what ``_decide`` refuses."""
    return _decide(request, Approval.Decision.APPROVE, actor=actor, statement=statement, shown=evidence_digest)


def reject(request: PromotionRequest, *, actor: User, statement: str, evidence_digest: str) -> Approval:
    """Say no; one no closes the request. The same bytes come back only through a new request, which records it."""
    return _decide(request, Approval.Decision.REJECT, actor=actor, statement=statement, shown=evidence_digest)


@transaction.atomic
def withdraw_approval(approval: Approval, *, actor: User, reason: str) -> Approval:
    """Take one's own approval back; from then on it does not count."""
    _require_session(actor)
    said = texts.prose(reason, field="reason", limit=4_000, required=True)
    Model.objects.select_for_update().get(pk=approval.request.model_id)
    approval.request.refresh_from_db()
    if approval.approver_id != actor.pk:
        raise DomainError("not-your-approval", "A person takes back their own approval.", kind="forbidden")
    moved = Approval.objects.filter(pk=approval.pk, withdrawn_at__isnull=True).update(
        withdrawn_at=database_now(), withdrawn_reason=said
    )
    if moved != 1:
        raise DomainError("already-withdrawn", "The approval has been withdrawn already.", kind="conflict")
    approval.refresh_from_db()
    append("approval.withdrawn", approval, actor=actor)
    request = approval.request
    rules = rules_of(request.policy)
    request.version.refresh_from_db(fields=["stage"])
    is_open = request.state == PromotionRequest.State.OPEN
    if is_open and request.version.stage == Stage.APPROVED and (rules is None or not _quorum_reached(request, rules)):
        move_stage(request.version, Stage.PENDING_APPROVAL, actor=actor, reason="an approval was withdrawn")
    return approval


def obstacles(request: PromotionRequest, person: User, rules: PolicyRules) -> tuple[Obstacle, ...]:
    """Return why ``person`` may not decide on the request; empty means they may. The same rule as the gate's."""
    contributors = {str(pk) for pk in request.version.contributions.values_list("person_id", flat=True)}
    return person_obstacles(
        str(person.pk),
        active=person.may_act,
        is_person=person.is_person,
        roles=person.roles(),
        requesters={str(request.requested_by_id), str(request.requested_for_id)},
        contributors=contributors,
        rules=rules.approvals,
    )


@transaction.atomic
def _decide(request: PromotionRequest, decision: str, *, actor: User, statement: str, shown: str) -> Approval:
    _require_session(actor)
    Model.objects.select_for_update().get(pk=request.model_id)
    locked = (
        PromotionRequest.objects.select_for_update(of=("self",))
        .select_related("version__model", "policy", "run", "environment")
        .get(pk=request.pk)
    )
    person = User.objects.get(pk=actor.pk)
    said = texts.prose(statement, field="statement", limit=4_000, required=True)
    if locked.state != PromotionRequest.State.OPEN:
        raise DomainError("request-closed", f"The promotion request is {locked.state}.", kind="conflict")
    reconcile(model=locked.model_id)
    rules = _rules_in_force(locked)
    _refuse_obstacles(locked, person, rules)
    evidence = _evidence_shown(locked, shown)
    if decision == Approval.Decision.APPROVE and locked.run.outcome != ValidationRun.Outcome.PASSED:  # type: ignore[union-attr]  # _evidence_shown refused a request without a run
        raise DomainError(
            "validation-not-passed", "Only a request whose validation passed can be approved.", kind="conflict"
        )
    if locked.approvals.filter(approver=person, withdrawn_at__isnull=True).exists():
        raise DomainError("already-decided", "You have decided on this request already.", kind="conflict")
    now = database_now()
    row = Approval.objects.create(
        request=locked,
        approver=person,
        requested_by=locked.requested_by,
        requested_for=locked.requested_for,
        decision=decision,
        role=next(role for role in rules.approvals.roles if role in person.roles()),
        statement=said,
        manifest=locked.covers,
        manifest_digest=locked.covers_digest,
        evidence_digest=evidence,
        decided_at=now,
        expires_at=now + timedelta(days=rules.approvals.valid_days),
    )
    append(f"approval.{decision}", row, actor=actor)
    if decision == Approval.Decision.REJECT:
        _close_rejected(locked, actor=actor, reason=said)
    elif _quorum_reached(locked, rules):
        _move_to_approved(locked, actor=actor)
    return row


def _require_session(actor: User) -> None:
    if not actor.is_person:
        raise DomainError("not-a-person", "Only people decide.", kind="forbidden")
    if context.current().authentication != "session":
        raise DomainError(
            "session-required", "A decision is given in a signed-in session of a person.", kind="forbidden"
        )


def _rules_in_force(request: PromotionRequest) -> PolicyRules:
    """Return the rules the request was opened under, if they are still those in force and it still covers the same."""
    assessment = current_tier(request.model)
    in_force = (
        policy_in_force(tier=assessment.tier, environment=request.environment_id, at=database_now())
        if assessment is not None
        else None
    )
    rules = rules_of(request.policy)
    if assessment is None or in_force is None or in_force.pk != request.policy_id or rules is None:
        raise DomainError(
            "policy-changed",
            "Another policy is in force than the request was opened under. Open it again.",
            kind="conflict",
        )
    present = build_manifest(
        request.version, policy=request.policy, tier=assessment.tier, environment=request.environment_id
    )
    if present.digest != request.covers_digest:
        differing = sorted(key for key, value in present.as_json().items() if request.covers.get(key) != value)
        raise DomainError(
            "covered-facts-changed",
            f"What the request covers has changed since: {', '.join(differing)}. Open it again.",
            kind="conflict",
            fields=differing,
        )
    return rules


def _refuse_obstacles(request: PromotionRequest, person: User, rules: PolicyRules) -> None:
    found = obstacles(request, person, rules)
    if found:
        first = next((one for one in found if one.code in {"requester", "contributor"}), found[0])
        reasons = [f"{person.username} {obstacle.text}" for obstacle in found]
        raise DomainError(
            REFUSED.get(first.code, "not-eligible"), f"You may not decide on this: {'; '.join(reasons)}.",
            kind="forbidden", reasons=[obstacle.code for obstacle in found],
        )  # fmt: skip


def _evidence_shown(request: PromotionRequest, shown: str) -> str:
    run = request.run
    if run is None or run.state != ValidationRun.State.CONCLUDED:
        raise DomainError("validation-not-concluded", "Validation has not concluded yet.", kind="conflict")
    if evidence_digest_of(run) != run.evidence_digest:
        raise DomainError(
            "evidence-altered", "The stored results are not those the run concluded with.", kind="conflict"
        )
    if shown != run.evidence_digest:
        raise DomainError(
            "evidence-changed", "The evidence has changed since it was shown to you. Look again.", kind="conflict",
            current=run.evidence_digest,
        )  # fmt: skip
    return run.evidence_digest


def _quorum_reached(request: PromotionRequest, rules: PolicyRules) -> bool:
    """Tell whether enough people have said yes, by the gate's own control: number, distinctness, the second line."""
    link = request.version.model_artifact()
    now = database_now()
    facts = gather_facts(Asked(request.environment_id, link.artifact_id if link else "", "quorum"), now)
    return quorum_met(facts, rules, now).status in PASSING


def _move_to_approved(request: PromotionRequest, *, actor: User) -> None:
    version = request.version
    version.refresh_from_db(fields=["stage"])
    if version.stage == Stage.VALIDATED:
        move_stage(version, Stage.PENDING_APPROVAL, actor=actor, reason=f"promotion {request.pk}")
    if version.stage == Stage.PENDING_APPROVAL:
        move_stage(version, Stage.APPROVED, actor=actor, reason=f"promotion {request.pk}")


def _close_rejected(request: PromotionRequest, *, actor: User, reason: str) -> None:
    moved = PromotionRequest.objects.filter(pk=request.pk, state=PromotionRequest.State.OPEN).update(
        state=PromotionRequest.State.REJECTED, closed_at=database_now(), closed_reason=" ".join(reason.split())[:400]
    )
    if moved != 1:
        raise DomainError("request-closed", "The promotion request is closed.", kind="conflict")
    request.refresh_from_db()
    append("promotion.rejected", request, actor=actor)
    version = request.version
    version.refresh_from_db(fields=["stage"])
    if version.stage in {Stage.VALIDATED, Stage.APPROVED}:
        move_stage(version, Stage.PENDING_APPROVAL, actor=actor, reason=f"promotion {request.pk}")
    if version.stage == Stage.PENDING_APPROVAL:
        move_stage(version, Stage.REJECTED, actor=actor, reason=f"promotion {request.pk}")
