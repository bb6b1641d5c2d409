"""Auditor's room: how does the ledger stand, what can be taken along, what waits, and until when may one read?"""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from audits.models import Dossier
from governance.actions.request_list import MAY_ASK
from governance.actions.samples import MAY_SAMPLE
from governance.console.access import open_to, person_of
from governance.console.acts import show
from governance.console.desk import ledger_health
from governance.console.pages.audit import DossierForm
from governance.console.pages.request_list import listed
from governance.console.pages.verification import VerificationForm
from governance.models import DecisionSample, WantedItem
from registry.ledger import anchoring
from registry.models import Verification

SHOWN = 10
AUDITING = frozenset({*MAY_ASK, *MAY_SAMPLE})
NOT_OVER = (WantedItem.State.OPEN, WantedItem.State.ANSWERED)


@open_to(AUDITING)
def room(request: HttpRequest) -> HttpResponse:
    """Show all an auditor needs on one page; each form leads to the page that does it."""
    dossiers = Dossier.objects.select_related("version", "compared_with", "requested_by").order_by("-requested_at")
    context = {
        "person": person_of(request),
        "stands": anchoring.how_it_stands(),
        "verification": Verification.objects.select_related("requested_by").defer("report").first(),
        "verifying": VerificationForm(),
        "asking": _labelled(DossierForm()),
        "dossiers": dossiers[:SHOWN],
        "samples": DecisionSample.objects.select_related("drawn_by")[:SHOWN],
        "items": listed().filter(state__in=NOT_OVER).order_by("due_on", "asked_at")[:SHOWN],
        **ledger_health(),
    }
    return show(request, "room", context, title=_("Auditor's room"))


def _labelled(form: forms.Form) -> forms.Form:
    for name, label in (("version", _("Version")), ("kind", _("Kind")), ("language", _("Language"))):
        form.fields[name].label = label
    return form
