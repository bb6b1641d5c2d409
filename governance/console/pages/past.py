"""How do the pages of the console look as of an instant? Read from the ledger, without a form."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from audits.models import Finding
from governance.console.access import PEOPLE_WHO_READ, open_to
from governance.console.acts import show
from governance.console.past import instant_set
from governance.in_force import complete_models, in_force, newest_last
from governance.models import Approval, PolicyVersion, PromotionRequest
from governance.plans import rules_of
from registry.ledger.past import Past, said
from registry.ledger.snapshot import snapshot
from registry.ledger.subject import LedgerSubject
from registry.models import Deployment, Environment, Model, ModelVersion

MOST = 500
Row = TypeVar("Row", bound=LedgerSubject)


def _past(request: HttpRequest) -> Past:
    moment = instant_set(request)
    if moment is None:
        raise Http404
    return Past(moment)


def _one(past: Past, model: type[Row], key: str) -> Row:
    """Return one row as it was; a 404 page when it was not there yet."""
    found = past.row(model, key)
    if found is None:
        raise Http404(_("It was not in the register yet."))
    return found


@open_to(PEOPLE_WHO_READ)
def models(request: HttpRequest) -> HttpResponse:
    """List the inventory as it was; ``q`` searches name and slug."""
    asked = request.GET.get("q", "").strip()[:100]
    past = _past(request)
    with snapshot(past.using):
        rows = past.rows(Model)
        found = [row for row in rows if asked.lower() in row.name.lower() or asked.lower() in row.slug][:MOST]
        complete_models(past, found)
        slugs = [row.slug for row in found]
        versions = past.rows(ModelVersion, where={"model": slugs}) if slugs else []
        running = [row for row in past.rows(Deployment) if row.ended_at is None]
        open_findings = Counter(said(row)["model"] for row in past.rows(Finding) if row.state == Finding.State.OPEN)
    counted = Counter(row.model_id for row in versions)
    live = Counter(str(said(row)["version"]).partition("/")[0] for row in running)
    shown: list[dict[str, Any]] = [
        {
            "slug": row.slug,
            "name": row.name,
            "owner": row.owner,
            "tier": row.__dict__["newest_tier"],
            "get_kind_display": row.get_kind_display(),
            "version_count": counted[row.slug],
            "live": live[row.slug],
            "open_findings": open_findings[row.slug],
        }
        for row in found
    ]
    return show(request, "models", {"models": shown, "asked": asked, "most": MOST}, title=_("Models"))


@open_to(PEOPLE_WHO_READ)
def model(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what of a model was in force: what ran, on which data, validated how, and who let it."""
    past = _past(request)
    with snapshot(past.using):
        found = in_force(past, slug)
        if found is None:
            raise Http404(_("It was not in the register yet."))
        versions = newest_last(past.rows(ModelVersion, where={"model": [slug]}), "registered_at")[::-1]
        past.follow(versions, "registered_by")
        promotions = newest_last(past.rows(PromotionRequest, where={"model": [slug]}), "requested_at")[::-1]
        past.follow(promotions, "version", "environment", "run", "requested_by")
    context = {"found": found, "model": found.model, "versions": versions[:100], "promotions": promotions[:50]}
    return show(request, "past/model", context, title=found.model.name)


@open_to(PEOPLE_WHO_READ)
def promotions(request: HttpRequest) -> HttpResponse:
    """List the requests as they were, the open ones first."""
    past = _past(request)
    with snapshot(past.using):
        rows = newest_last(past.rows(PromotionRequest), "requested_at")[::-1]
        rows = sorted(rows, key=lambda row: row.state != PromotionRequest.State.OPEN)[:MOST]
        past.follow(rows, "version", "environment", "run", "requested_by")
    return show(request, "past/promotions", {"promotions": rows}, title=_("Promotions"))


@open_to(PEOPLE_WHO_READ)
def promotion(request: HttpRequest, promotion_id: uuid.UUID) -> HttpResponse:
    """Show one request with the decisions on it as they were."""
    past = _past(request)
    with snapshot(past.using):
        found = _one(past, PromotionRequest, str(promotion_id))
        past.follow([found], "version", "environment", "policy", "run", "requested_by", "requested_for")
        given = newest_last(past.rows(Approval, where={"request": [str(promotion_id)]}), "decided_at")
        past.follow(given, "approver")
    return show(request, "past/promotion", {"promotion": found, "approvals": given}, title=str(found))


@open_to(PEOPLE_WHO_READ)
def findings(request: HttpRequest) -> HttpResponse:
    """List findings as they were; ``state``, ``severity`` and ``model`` narrow the list."""
    asked = {name: request.GET.get(name, "")[:80] for name in ("state", "severity", "model")}
    wanted = "" if asked["state"] == "all" else asked["state"] or Finding.State.OPEN
    past = _past(request)
    with snapshot(past.using):
        rows = [
            row
            for row in newest_last(past.rows(Finding), "opened_at")[::-1]
            if wanted in ("", row.state)
            and asked["severity"] in ("", row.severity)
            and asked["model"] in ("", row.model_id)
        ][:MOST]
        past.follow(rows, "version", "owner")
    context = {
        "findings": rows,
        "asked": asked,
        "states": Finding.State.choices,
        "severities": Finding.Severity.choices,
    }
    return show(request, "findings", context, title=_("Findings"))


@open_to(PEOPLE_WHO_READ)
def finding(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """Show one finding as it was."""
    past = _past(request)
    with snapshot(past.using):
        found = _one(past, Finding, str(finding_id))
        past.follow([found], "model", "version", "owner", "opened_by", "resolved_by")
    return show(request, "past/finding", {"finding": found}, title=_("Finding"))


@open_to(PEOPLE_WHO_READ)
def policies(request: HttpRequest) -> HttpResponse:
    """List policy versions and places as they were."""
    past = _past(request)
    with snapshot(past.using):
        rows = sorted(past.rows(PolicyVersion), key=lambda row: (row.policy, -row.number))
        past.follow(rows, "drafted_by", "published_by")
        places = past.rows(Environment)
    return show(request, "past/policies", {"policies": rows, "places": places}, title=_("Policies"))


@open_to(PEOPLE_WHO_READ)
def policy(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show one policy version as it was, its rules where the stored text is the recorded one."""
    past = _past(request)
    with snapshot(past.using):
        found = _one(past, PolicyVersion, f"{slug}/{number}")
        past.follow([found], "drafted_by", "published_by")
        past.vouch([found], body="digest")
    context = {"policy": found, "rules": rules_of(found) if found.body else None, "is_draft": False}
    return show(request, "policy", context, title=found.title)


PAGES: dict[str, Callable[..., HttpResponse]] = {
    "models": models,
    "model": model,
    "promotions": promotions,
    "promotion": promotion,
    "findings": findings,
    "finding": finding,
    "policies": policies,
    "policy": policy,
}
"""The pages that can be read as of an instant, by the name of their address."""
