"""A validation run: how far is it, what did it find, who worked on it, and do its numbers come out again?"""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from audits.actions.comparison import difference_of
from audits.actions.reperformance import WHO_REPERFORMS, reperform_validation
from audits.models import ValidationRun
from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, said, show
from governance.console.results import results_of
from registry.errors import DomainError

RELOAD_SECONDS = 5


@open_to(PEOPLE_WHO_READ)
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show one run, and re-perform it; while it is not over, a few lines of script keep its progress fresh."""
    found = _found(run_id)
    person = person_of(request)
    form, status = forms.Form(posted(request, "reperform")), 200
    if request.method == "POST" and form.is_bound:
        begun, status = attempt(
            request,
            form,
            lambda _data: reperform_validation(found, actor=person),
            done=_("The run is being re-performed."),
        )
        if begun:
            return redirect("admin:run", run_id=begun[0].pk)
    context = {
        "run": found,
        "version": found.version,
        "results": results_of(found),
        "tries": found.tries.select_related("step").order_by("id"),
        "promotions": found.promotions.select_related("environment", "version"),
        "sandbox": _sandbox(found),
        "reperformances": found.reperformances.select_related("requested_by").order_by("requested_at", "id"),
        "may_reperform": person.holds(*WHO_REPERFORMS) and found.state == ValidationRun.State.CONCLUDED,
        "form": form,
        "live": None if found.concluded_at else RELOAD_SECONDS,
        **_steps(found),
        **_difference(found),
    }
    return show(request, "run", context, title=_("Validation run"), status=status)


@open_to(PEOPLE_WHO_READ)
def progress(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show only how far a run is, for the script that keeps the page of the run fresh."""
    rows = ValidationRun.objects.only("state", "concluded_at").with_steps()
    found = get_object_or_404(rows, pk=run_id)
    return show(request, "parts/run_progress", {"run": found, **_steps(found)}, title=_("Progress"))


def _found(run_id: uuid.UUID) -> ValidationRun:
    rows = ValidationRun.objects.select_related("version__model", "requested_by", "reperforms__requested_by")
    return get_object_or_404(rows.with_steps(), pk=run_id)


def _sandbox(found: ValidationRun) -> list[tuple[str, str]]:
    """Return what a reader asks of the place a model ran in; the manifest among the evidence has the rest."""
    stated = found.manifest.get("sandbox") if isinstance(found.manifest, dict) else None
    if not isinstance(stated, dict):
        return []
    peak = stated.get("peak_memory_bytes")
    libraries = ", ".join(f"{name} {number}" for name, number in dict(stated.get("libraries") or {}).items())
    made_with = ", ".join(f"{name} {number}" for name, number in dict(stated.get("made_with") or {}).items())
    rows = [
        (_("Sandbox"), str(stated.get("rung") or "")),
        (_("Estimator"), str(stated.get("estimator") or "")),
        (_("Made with"), made_with),
        (_("Libraries in the sandbox"), libraries),
        (_("Peak memory of the sandbox"), f"{peak / 2**20:,.0f} MiB" if isinstance(peak, int) else ""),
    ]
    return [(name, value) for name, value in rows if value]


def _steps(found: ValidationRun) -> dict[str, Any]:
    return {"steps": found.steps.all(), "progress": found.progress}


def _difference(found: ValidationRun) -> dict[str, Any]:
    try:
        return {"difference": difference_of(found), "difference_fault": ""}
    except DomainError as fault:
        return {"difference": None, "difference_fault": said(fault)}
