"""Audit: which dossiers are there, what does the ledger prove, what did the gate answer, what runs where?"""

from __future__ import annotations

import uuid

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from audits.actions.bundles import make_bundle
from audits.actions.dossiers import READERS, request_dossier
from audits.actions.evidence import read_evidence
from audits.dossier.kind import FULL, KINDS, is_of_register
from audits.models import Dossier
from governance.console.access import READ_EVIDENCE, open_to, person_of
from governance.console.acts import attempt, posted, said, show
from governance.console.desk import ledger_health
from governance.models import GateDecision
from registry.actions.verification import MAY_VERIFY
from registry.errors import DomainError
from registry.models import Deployment, ModelVersion


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of dossiers of one version that can be built."""
    return [
        (slug, str(text))
        for slug, text in Dossier.Kind.choices
        if slug == FULL or (slug in KINDS and not is_of_register(slug))
    ]


class DossierForm(forms.Form):
    """The version a dossier is asked for."""

    version = forms.ModelChoiceField(
        queryset=ModelVersion.objects.select_related("model").order_by("model", "-registered_at")
    )
    compared_with = forms.ModelChoiceField(
        queryset=ModelVersion.objects.select_related("model").order_by("model", "-registered_at"), required=False
    )
    kind = forms.ChoiceField(choices=kinds, initial=FULL, required=False)
    language = forms.ChoiceField(choices=settings.LANGUAGES, initial="en")


@open_to(READ_EVIDENCE)
def audit(request: HttpRequest) -> HttpResponse:
    """Show dossiers, ledger, gate decisions and deployments, and take the wish for a dossier."""
    person = person_of(request)
    form = DossierForm(posted(request))
    form.fields["version"].label = _("Version")
    form.fields["kind"].label = _("Kind")
    form.fields["compared_with"].label = _("Compared with (for differences)")
    form.fields["language"].label = _("Language")
    status = 200
    if request.method == "POST":
        done, status = attempt(
            request,
            form,
            lambda data: request_dossier(
                data["version"],
                actor=person,
                kind=data["kind"] or FULL,
                language=data["language"],
                compared_with=data["compared_with"],
            ),
            done=_("The dossier has been asked for. A worker builds it; this page shows when it is ready."),
        )
        if done:
            return redirect("admin:audit")
    dossiers = Dossier.objects.select_related("version", "compared_with", "requested_by").order_by("-requested_at")[:50]
    decisions = GateDecision.objects.select_related("version", "asked_by").defer("facts", "controls", "attestation")
    context = {
        "form": form if person.holds(*READERS) else None,
        "dossiers": dossiers,
        "decisions": decisions.order_by("-decided_at")[:50],
        "deployments": Deployment.objects.select_related("version", "environment", "reported_by")[:100],
        "may_verify": person.holds(*MAY_VERIFY),
        "refresh": 3
        if any(row.state == Dossier.State.QUEUED for row in dossiers) and request.method == "GET"
        else None,
        **ledger_health(),
    }
    return show(request, "audit", context, title=_("Audit"), status=status)


@open_to(READ_EVIDENCE)
def decision(request: HttpRequest, decision_id: uuid.UUID) -> HttpResponse:
    """Show one recorded answer of the gate with every control."""
    found = get_object_or_404(
        GateDecision.objects.select_related("version", "asked_by", "policy", "request"), pk=decision_id
    )
    return show(request, "decision", {"decision": found}, title=_("Gate decision"))


@open_to(READ_EVIDENCE)
def dossier_pdf(_request: HttpRequest, dossier_id: uuid.UUID) -> HttpResponse:
    """Hand out the PDF of an issued dossier, its bytes hashed again on the way."""
    found = get_object_or_404(Dossier.objects.select_related("version"), pk=dossier_id, state=Dossier.State.ISSUED)
    try:
        data = read_evidence(found.pdf_sha256)
    except DomainError as refusal:
        return HttpResponse(said(refusal), status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(
        data,
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{found.file_name()}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


@open_to(READ_EVIDENCE)
def dossier_bundle(request: HttpRequest, dossier_id: uuid.UUID) -> HttpResponse:
    """Hand out an issued dossier with its proof; that it was taken is an event."""
    found = get_object_or_404(Dossier.objects.select_related("version"), pk=dossier_id, state=Dossier.State.ISSUED)
    try:
        data = make_bundle(found, actor=person_of(request))
    except DomainError as refusal:
        return HttpResponse(said(refusal), status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(
        data,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{found.bundle_name()}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
