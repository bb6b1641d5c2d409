"""What waits today, for whom? One read for each panel of the first page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from audits.models import Dossier, Finding, RunAttempt, RunStep, ValidationRun
from governance.actions.approvals import obstacles
from governance.console.refusals import obstacle_text
from governance.gate.contract import Asked
from governance.gate.controls.approvals import quorum_met
from governance.gate.decide import PASSING
from governance.gate.eligibility import counting, required_quorum
from governance.gate.facts import gather_facts
from governance.models import ApiCredential, Approval, GateDecision, OneTimeLink, PromotionRequest
from governance.plans import rules_of
from registry.ledger import anchors
from registry.ledger.clock import database_now
from registry.ledger.proofs import latest_checkpoint
from registry.models import Deployment, Divergence, User

MOST = 50
RECENT = timedelta(days=7)


@dataclass(frozen=True)
class Waiting:
    """One open request as one person sees it; ``reasons`` say why they may not decide, or what it waits for."""

    request: PromotionRequest
    run: ValidationRun | None
    given: int
    quorum: int
    reached: bool
    mine: Approval | None
    reasons: tuple[str, ...]
    ready: bool

    @property
    def for_me(self) -> bool:
        """Whether this person may decide on it, and it can be decided on."""
        return self.ready and not self.reasons and self.mine is None and not self.reached


def open_requests(person: User) -> list[Waiting]:
    """Return the open requests, oldest first, as ``person`` sees them."""
    rows = (
        PromotionRequest.objects.filter(state=PromotionRequest.State.OPEN)
        .select_related("version__model", "environment", "policy", "run", "requested_by", "requested_for")
        .order_by("requested_at", "id")[:MOST]
    )
    return [_as_seen(row, person) for row in rows]


def _as_seen(request: PromotionRequest, person: User) -> Waiting:
    rules = rules_of(request.policy)
    run = request.run
    ready = run is not None and run.outcome == ValidationRun.Outcome.PASSED
    given, quorum, reached = 0, 0, False
    if rules is not None:
        now = database_now()
        link = request.version.model_artifact()
        facts = gather_facts(Asked(request.environment_id, link.artifact_id if link else "", "today"), now)
        given, quorum = len(counting(facts, rules, now)), required_quorum(facts, rules)
        reached = quorum_met(facts, rules, now).status in PASSING
    reasons = tuple(obstacle_text(one) for one in obstacles(request, person, rules)) if rules else ()
    mine = request.approvals.filter(approver=person, withdrawn_at__isnull=True).first()
    return Waiting(request, run, given, quorum, reached, mine, reasons, ready and rules is not None)


def running() -> QuerySet[ValidationRun]:
    """Return the runs that are not over, oldest first."""
    unfinished = [ValidationRun.State.QUEUED, ValidationRun.State.RUNNING]
    rows = ValidationRun.objects.filter(state__in=unfinished).select_related("version").with_steps()
    return rows.order_by("requested_at")[:MOST]


def denials() -> list[GateDecision]:
    """Return the newest answer for each artifact and place of the last days, where that answer is a no."""
    rows = GateDecision.objects.filter(decided_at__gte=database_now() - RECENT).select_related("version", "asked_by")
    newest: dict[tuple[str, str], GateDecision] = {}
    for row in rows.order_by("-decided_at").defer("facts", "controls", "attestation")[: 10 * MOST]:
        newest.setdefault((row.artifact_sha256, row.environment_slug), row)
    return [row for row in newest.values() if row.outcome == GateDecision.Outcome.DENY][:MOST]


def blocking_findings(of: User | None = None) -> QuerySet[Finding]:
    """Return the findings that block a promotion now, the newest first; of one owner where given."""
    alive = Q(state=Finding.State.OPEN) | Q(state=Finding.State.ACCEPTED, accepted_until__lte=database_now())
    rows = Finding.objects.filter(alive, blocking=True).select_related("model", "version", "owner")
    return (rows.filter(owner=of) if of else rows).order_by("-opened_at")[:MOST]


def ungated_deployments() -> QuerySet[Deployment]:
    """Return what runs in a gated place without a valid allow of the gate."""
    return (
        Deployment.objects.filter(ended_at__isnull=True, environment__gated=True, gated=False)
        .select_related("version", "environment", "reported_by")
        .order_by("-started_at")[:MOST]
    )


def recent_decisions() -> QuerySet[Approval]:
    """Return the last ten decisions of people."""
    return Approval.objects.select_related("request__version", "request__environment", "approver").order_by(
        "-decided_at"
    )[:10]


def asked_for_by(person: User) -> QuerySet[PromotionRequest]:
    """Return the newest requests that the person, or an account they answer for, asked for."""
    return (
        PromotionRequest.objects.filter(Q(requested_by=person) | Q(requested_for=person))
        .select_related("version__model", "environment", "run")
        .order_by("-requested_at")[:10]
    )


def owned_findings(person: User) -> QuerySet[Finding]:
    """Return the open findings a person owns."""
    return Finding.objects.filter(owner=person, state=Finding.State.OPEN).select_related("model", "version")[:MOST]


def recent_dossiers() -> QuerySet[Dossier]:
    """Return the newest dossiers."""
    return Dossier.objects.select_related("version", "compared_with", "requested_by").order_by("-requested_at")[:10]


def ledger_health() -> dict[str, Any]:
    """Return the newest checkpoint and how well the ledger is anchored."""
    return {"health": anchors.health(), "checkpoint": latest_checkpoint(), "register": settings.REGISTER_NAME}


def open_divergences() -> QuerySet[Divergence]:
    """Return the rows that are not what the ledger says and that nobody has resolved, the oldest first."""
    return Divergence.objects.filter(resolved_at__isnull=True).order_by("found_at", "id")


def worker_health() -> dict[str, Any]:
    """Return what shows whether workers take runs: what waits too long, what was set aside, who worked last."""
    now = database_now()
    silent = RunStep.objects.filter(run=OuterRef("pk"), state=RunStep.State.RUNNING, lease_until__lt=now)
    waiting = Q(state=ValidationRun.State.QUEUED, requested_at__lt=now - timedelta(minutes=2))
    late = waiting | Q(Exists(silent), state=ValidationRun.State.RUNNING)
    return {
        "late": ValidationRun.objects.filter(late).count(),
        "unfinished": running().count(),
        "quarantined": ValidationRun.objects.filter(state=ValidationRun.State.QUARANTINED).count(),
        "last": RunAttempt.objects.order_by("-started_at").first(),
    }


def account_care() -> dict[str, Any]:
    """Return what an administrator looks after: links not used yet, tokens that end soon, people without a role."""
    now = database_now()
    in_time = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    people = User.objects.filter(in_time, is_active=True, kind=User.Kind.PERSON)
    return {
        "links": OneTimeLink.objects.filter(used_at__isnull=True, expires_at__gt=now).select_related("person"),
        "tokens": ApiCredential.objects.filter(
            revoked_at__isnull=True, expires_at__gt=now, expires_at__lt=now + timedelta(days=14)
        ).select_related("account"),
        "without_role": people.exclude(grants__ended_at__isnull=True, grants__isnull=False),
        "people": people.count(),
        "ending": people.filter(ends_at__lt=now + timedelta(days=14)).order_by("ends_at"),
    }


def split(waiting: Iterable[Waiting]) -> tuple[list[Waiting], list[Waiting], list[Waiting]]:
    """Return the requests that wait for this person, those that wait for others, and those not ready for a decision."""
    rows = list(waiting)
    mine = [one for one in rows if one.for_me]
    others = [one for one in rows if one.ready and not one.for_me]
    return mine, others, [one for one in rows if not one.ready]
