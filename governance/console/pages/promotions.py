"""Promotions: which questions are open, and the page where a person decides with the evidence in view."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from audits.models import ValidationRun
from governance.actions.approvals import approve, obstacles, reject, withdraw_approval
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.ancestry import ancestry_of
from governance.console.desk import open_requests
from governance.console.eligible import candidates, decisions
from governance.console.forms import DecisionForm, ReasonForm
from governance.console.refusals import obstacle_text
from governance.console.results import results_of
from governance.gate.contract import Asked
from governance.gate.decide import decide
from governance.gate.facts import gather_facts
from governance.models import Approval, PromotionRequest
from governance.plans import rules_of
from registry.ledger.clock import database_now
from registry.models import User

NEEDED = ("version__model__owner", "environment", "policy", "run", "requested_by", "requested_for")


@open_to(PEOPLE_WHO_READ)
def promotions(request: HttpRequest) -> HttpResponse:
    """List the open requests as this person sees them, and the last closed ones."""
    closed = (
        PromotionRequest.objects.exclude(state=PromotionRequest.State.OPEN)
        .select_related("version", "environment", "requested_by")
        .order_by("-closed_at")[:50]
    )
    context = {"open": open_requests(person_of(request)), "closed": closed}
    return show(request, "promotions", context, title=_("Promotions"))


@open_to(PEOPLE_WHO_READ)
def promotion(request: HttpRequest, promotion_id: uuid.UUID) -> HttpResponse:
    """Show one request with all that bears on it, and take the decision of a person who may decide."""
    asked = get_object_or_404(PromotionRequest.objects.select_related(*NEEDED), pk=promotion_id)
    person = person_of(request)
    act = request.POST.get("act", "")
    form = DecisionForm(
        posted(request, "decide"),
        initial={"evidence_digest": asked.run.evidence_digest if asked.run else ""},
    )
    withdrawal = ReasonForm(posted(request, "withdraw"), prefix="withdraw")
    status = 200
    if request.method == "POST" and act == "decide":
        row, status = attempt(
            request, form, lambda data: _decide(asked, data, person), done=_("Your decision has been recorded.")
        )
        if row:
            return redirect("admin:promotion", promotion_id=asked.pk)
    elif request.method == "POST" and act == "withdraw":
        mine = get_object_or_404(asked.approvals, approver=person, withdrawn_at__isnull=True)
        taken, status = attempt(
            request,
            withdrawal,
            lambda data: withdraw_approval(mine, actor=person, reason=data["reason"]),
            done=_("Your decision has been withdrawn. It no longer counts."),
        )
        if taken:
            return redirect("admin:promotion", promotion_id=asked.pk)
    context = _everything(asked, person) | {"form": form, "withdrawal": withdrawal}
    return show(request, "promotion", context, title=_("Promotion"), status=status)


def _decide(asked: PromotionRequest, data: dict[str, Any], person: User) -> Approval:
    verb = approve if data["decision"] == Approval.Decision.APPROVE else reject
    return verb(asked, actor=person, statement=data["statement"], evidence_digest=data["evidence_digest"])


def _everything(asked: PromotionRequest, person: User) -> dict[str, Any]:
    """Read all the page shows; the gate's answer is worked out here and recorded nowhere."""
    now = database_now()
    rules = rules_of(asked.policy)
    link = asked.version.model_artifact()
    facts = gather_facts(Asked(asked.environment_id, link.artifact_id if link else "", "console"), now)
    answer = decide(facts, now)
    given, quorum = decisions(asked, facts, rules, now)
    shown = results_of(asked.run)
    mine = asked.approvals.filter(approver=person, withdrawn_at__isnull=True).first()
    stops = tuple(obstacle_text(one) for one in obstacles(asked, person, rules)) if rules else ()
    concluded = asked.run is not None and asked.run.state == ValidationRun.State.CONCLUDED
    is_open = asked.state == PromotionRequest.State.OPEN
    return {
        "asked": asked,
        "version": asked.version,
        "model": asked.version.model,
        "run": asked.run,
        "artifacts": asked.version.artifact_links.select_related("artifact__uploaded_by").order_by("role"),
        "datasets": asked.version.dataset_links.select_related("dataset_version__dataset").order_by("role"),
        "contributions": asked.version.contributions.select_related("person"),
        "lineage": ancestry_of(asked.version),
        "results": shown,
        "findings": asked.version.findings.select_related("owner").order_by("state", "-opened_at"),
        "given": given,
        "quorum": quorum,
        "people": candidates(asked, rules),
        "rules": rules,
        "answer": answer,
        "answered_at": now,
        "decisions": asked.gate_decisions.select_related("asked_by").order_by("-decided_at")[:10],
        "mine": mine,
        "stops": stops,
        "may_decide": is_open and concluded and not stops and mine is None and rules is not None and shown.readable,
        "is_open": is_open,
        "concluded": concluded,
        "refresh": 5 if asked.run is not None and not asked.run.concluded_at and is_open else None,
    }
