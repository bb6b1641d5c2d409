"""Divergences: which rows are not what the ledger says, and how does a person resolve one?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from registry.actions.divergences import MAY_EXPLAIN, MAY_RESTORE, explain_divergence, restore_from_ledger
from registry.models import Divergence

MOST = 100


class ResolutionForm(forms.Form):
    """Which divergence, and why it is resolved so."""

    divergence = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("What happened, and why is this the right end of it?"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@open_to(PEOPLE_WHO_READ)
def divergences(request: HttpRequest) -> HttpResponse:
    """List divergences, the open ones first, and put a row back or take an explanation."""
    person, act, status = person_of(request), request.POST.get("act", ""), 200
    form = ResolutionForm(posted(request, act) if act in {"restore", "explain"} else None)
    if request.method == "POST" and act in {"restore", "explain"}:

        def resolve(data: dict[str, Any]) -> Divergence:
            found = get_object_or_404(Divergence, pk=data["divergence"])
            if act == "restore":
                return restore_from_ledger(found, reason=data["reason"], actor=person)
            return explain_divergence(found, explanation=data["reason"], actor=person)

        done, status = attempt(request, form, resolve, done=_("The divergence is resolved."))
        if done:
            return redirect("admin:divergences")
    rows = Divergence.objects.select_related("resolved_by")
    context = {
        "open": rows.filter(resolved_at__isnull=True).order_by("found_at", "id")[:MOST],
        "resolved": rows.filter(resolved_at__isnull=False).order_by("-resolved_at")[:MOST],
        "form": form,
        "may_restore": person.holds(*MAY_RESTORE),
        "may_explain": person.holds(*MAY_EXPLAIN),
    }
    return show(request, "divergences", context, title=_("Rows that are not what the ledger says"), status=status)
