"""Verification: have the whole ledger verified, see how far it is, and read what was found. No rights are needed for it."""

from __future__ import annotations

import uuid

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.console.access import READ_EVIDENCE, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.console.desk import ledger_health
from governance.public_keys import public_keys
from registry.actions.verification import LONGEST_KEY, LONGEST_NOTE, MAY_VERIFY, request_verification
from registry.models import Verification

MOST = 50
RELOAD_SECONDS = 5


class VerificationForm(forms.Form):
    """What the person brings along, so that the installation need not vouch for itself."""

    kept_checkpoint = forms.CharField(
        label=gettext_lazy("A signed checkpoint that you kept"), required=False, max_length=LONGEST_NOTE, strip=False,
        help_text=gettext_lazy("From an earlier day, a dossier or an anchor. Without one, the installation's own are used."),
        widget=forms.Textarea(attrs={"rows": 5, "class": "code", "spellcheck": "false"}),
    )  # fmt: skip
    trusted_key = forms.CharField(
        label=gettext_lazy("The register's public key, from elsewhere"), required=False, max_length=LONGEST_KEY,
        help_text=gettext_lazy("One line: name, digits, key. Without one, the installation's own is used."),
    )  # fmt: skip


@open_to(READ_EVIDENCE)
def verifications(request: HttpRequest) -> HttpResponse:
    """List the verifications, and take the wish for another."""
    person = person_of(request)
    form, status = VerificationForm(posted(request)), 200
    if request.method == "POST":
        asked, status = attempt(
            request,
            form,
            lambda data: request_verification(actor=person, **data),
            done=_("The verification has been asked for. A worker carries it out."),
        )
        if asked:
            return redirect("admin:verification", verification_id=asked[0].pk)
    context = {
        "form": form if person.holds(*MAY_VERIFY) else None,
        "rows": Verification.objects.select_related("requested_by").defer("report")[:MOST],
        "keys": public_keys(),
        **ledger_health(),
    }
    return show(request, "verifications", context, title=_("Verification of the ledger"), status=status)


@open_to(READ_EVIDENCE)
def verification(request: HttpRequest, verification_id: uuid.UUID) -> HttpResponse:
    """Show one verification with every statement; while it is not over, the page keeps itself fresh."""
    found = _found(verification_id)
    context = {
        "row": found,
        "live": None if found.is_over else RELOAD_SECONDS,
        "keys": public_keys(),
        **ledger_health(),
    }
    return show(request, "verification", context, title=_("Verification of the ledger"))


@open_to(READ_EVIDENCE)
def progress(request: HttpRequest, verification_id: uuid.UUID) -> HttpResponse:
    """Show only how far a verification is, for the script that keeps its page fresh."""
    return show(request, "parts/verification_progress", {"row": _found(verification_id)}, title=_("Progress"))


def _found(verification_id: uuid.UUID) -> Verification:
    return get_object_or_404(Verification.objects.select_related("requested_by"), pk=verification_id)
