"""Findings: which issues are there, and how does one end?"""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from audits.actions.findings import accept_finding, close_finding
from audits.models import Finding
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.forms import AcceptFindingForm, CloseFindingForm
from registry.models import Role, User

MOST = 300


@open_to(PEOPLE_WHO_READ)
def findings(request: HttpRequest) -> HttpResponse:
    """List findings, the open ones first; ``state``, ``severity`` and ``model`` narrow the list."""
    rows = Finding.objects.select_related("model", "version", "owner").order_by("-opened_at")
    asked = {name: request.GET.get(name, "")[:80] for name in ("state", "severity", "model")}
    if asked["state"] != "all":
        rows = rows.filter(state=asked["state"] or Finding.State.OPEN)
    if asked["severity"]:
        rows = rows.filter(severity=asked["severity"])
    if asked["model"]:
        rows = rows.filter(model_id=asked["model"])
    context = {
        "findings": rows[:MOST],
        "asked": asked,
        "states": Finding.State.choices,
        "severities": Finding.Severity.choices,
    }
    return show(request, "findings", context, title=_("Findings"))


@open_to(PEOPLE_WHO_READ)
def finding(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """Show one finding, and close it or accept its risk."""
    found = get_object_or_404(
        Finding.objects.select_related("model", "version", "owner", "run", "opened_by", "resolved_by"), pk=finding_id
    )
    person = person_of(request)
    act = request.POST.get("act", "")
    closing = CloseFindingForm(posted(request, "close"), prefix="close")
    accepting = AcceptFindingForm(posted(request, "accept"), prefix="accept")
    status = 200
    if request.method == "POST" and act in {"close", "accept"}:
        if act == "close":
            done, status = attempt(
                request,
                closing,
                lambda data: close_finding(found, actor=person, statement=data["statement"]),
                done=_("The finding has been closed."),
            )
        else:
            done, status = attempt(
                request,
                accepting,
                lambda data: accept_finding(found, actor=person, statement=data["statement"], until=data["until"]),
                done=_("The risk has been accepted until the date you named."),
            )
        if done:
            return redirect("admin:finding", finding_id=found.pk)
    context = {"finding": found, "closing": closing, "accepting": accepting, "stops": stops_of(found, person)}
    return show(request, "finding", context, title=_("Finding"), status=status)


def stops_of(found: Finding, person: User) -> list[str]:
    """Return why this person may not resolve the finding, in words; the action refuses for the same reasons."""
    reasons = []
    if not person.holds(Role.RISK_MANAGER, Role.VALIDATOR):
        reasons.append(_("A risk manager or a validator resolves findings."))
    if found.owner_id == person.pk:
        reasons.append(_("You own this finding; somebody else resolves it."))
    if found.version is not None and found.version.contributions.filter(person=person).exists():
        reasons.append(_("You had a hand in this version."))
    return reasons
