"""Portfolio: which reports on the whole register are there, and is a new one wanted?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.actions.dossiers import READERS_OF_ALL, request_register_report
from audits.models import Dossier
from governance.console.access import READ_EVIDENCE, open_to, person_of
from governance.console.acts import attempt, posted, show

SHOWN = 50


class PortfolioForm(forms.Form):
    """In which language, and as of when."""

    language = forms.ChoiceField(choices=settings.LANGUAGES, initial="en", label=gettext_lazy("Language"))
    as_of = forms.DateTimeField(
        required=False,
        label=gettext_lazy("As of (now if empty)"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )


@open_to(READ_EVIDENCE)
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show the reports, and take the wish for one."""
    person = person_of(request)
    form, status = PortfolioForm(posted(request)), 200
    if request.method == "POST":
        done, status = attempt(
            request,
            form,
            lambda data: request_register_report(actor=person, language=data["language"], as_of=_instant(data)),
            done=_("The report has been asked for. A worker builds it; this page shows when it is ready."),
        )
        if done:
            return redirect("admin:portfolio")
    reports = Dossier.objects.filter(kind=Dossier.Kind.PORTFOLIO).select_related("requested_by")
    rows = list(reports.order_by("-requested_at")[:SHOWN])
    waits = any(row.state == Dossier.State.QUEUED for row in rows)
    context = {
        "form": form if person.holds(*READERS_OF_ALL) else None,
        "reports": rows,
        "superseded": set(reports.filter(supersedes__isnull=False).values_list("supersedes_id", flat=True)),
        "refresh": 3 if waits and request.method == "GET" else None,
    }
    return show(request, "portfolio", context, title=_("Portfolio"), status=status)


def _instant(data: dict[str, Any]) -> datetime | None:
    found: datetime | None = data["as_of"]
    return found
