"""Models: which are there, and what is one, on one page?"""

from __future__ import annotations

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from audits.models import Finding
from governance.actions.tiers import assess_tier, current_tier
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.forms import OwnerForm, TierForm
from governance.models import TierAssessment
from registry.actions.inventory import assign_owner
from registry.models import Model, Role

MOST = 500


@open_to(PEOPLE_WHO_READ)
def models(request: HttpRequest) -> HttpResponse:
    """List the inventory with tier, owner, what runs and what is open; ``q`` searches name and slug."""
    asked = request.GET.get("q", "").strip()[:100]
    newest = TierAssessment.objects.filter(model=OuterRef("pk")).order_by("-assessed_at", "-id").values("tier")[:1]
    rows = Model.objects.select_related("owner").annotate(
        tier=Subquery(newest),
        version_count=Count("versions", distinct=True),
        live=Count("versions__deployments", filter=Q(versions__deployments__ended_at__isnull=True), distinct=True),
        open_findings=Count("findings", filter=Q(findings__state=Finding.State.OPEN), distinct=True),
    )
    if asked:
        rows = rows.filter(Q(name__icontains=asked) | Q(slug__icontains=asked))
    return show(request, "models", {"models": rows[:MOST], "asked": asked, "most": MOST}, title=_("Models"))


@open_to(PEOPLE_WHO_READ)
def model(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one model, and take its risk tier or its owner where the person may set them."""
    found = get_object_or_404(Model.objects.select_related("owner", "registered_by"), slug=slug)
    person = person_of(request)
    act = request.POST.get("act", "")
    tier_form = TierForm(posted(request, "tier"), prefix="tier")
    owner_form = OwnerForm(posted(request, "owner"), prefix="owner")
    status = 200
    if request.method == "POST" and act == "tier":
        done, status = attempt(
            request,
            tier_form,
            lambda data: assess_tier(found, answers=data, actor=person),
            done=_("The risk tier has been recorded."),
        )
        if done:
            return redirect("admin:model", slug=slug)
    elif request.method == "POST" and act == "owner":
        named, status = attempt(
            request,
            owner_form,
            lambda data: assign_owner(found, data["owner"], actor=person),
            done=_("The owner has been recorded."),
        )
        if named:
            return redirect("admin:model", slug=slug)
    alive = found.findings.select_related("version", "owner").order_by("state", "-opened_at")
    context = {
        "model": found,
        "tier": current_tier(found),
        "versions": found.versions.select_related("registered_by").order_by("-registered_at")[:100],
        "deployments": [
            deployment
            for version in found.versions.prefetch_related("deployments__environment", "deployments__reported_by")
            for deployment in version.deployments.all()
        ],
        "findings": alive[:100],
        "open_findings": alive.filter(state=Finding.State.OPEN).count(),
        "promotions": found.promotions.select_related("version", "environment", "run", "requested_by")[:50],
        "tier_form": tier_form if person.holds(Role.RISK_MANAGER) else None,
        "owner_form": owner_form if person.holds(Role.RISK_MANAGER, Role.OWNER) else None,
    }
    return show(request, "model", context, title=found.name, status=status)
