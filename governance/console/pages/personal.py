"""Personal data: whose must be kept, and whose is erased?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.console.access import open_to, person_of
from governance.console.acts import attempt, posted, show
from registry.actions.erasure import MAY_ERASE, MAY_HOLD, erase_person, lift_legal_hold, place_legal_hold
from registry.models import LegalHold, User

ACTS = frozenset({"hold", "lift", "erase"})


class PersonalDataForm(forms.Form):
    """Whose data, and why."""

    person = forms.ModelChoiceField(
        label=gettext_lazy("Person"),
        queryset=User.objects.filter(kind=User.Kind.PERSON, erased_at__isnull=True).order_by("username"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why? This stays in the ledger: name nobody."),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@open_to(frozenset(MAY_ERASE))
def personal_data(request: HttpRequest) -> HttpResponse:
    """Show legal holds; place one, lift one, or erase a person."""
    actor, act, status = person_of(request), request.POST.get("act", ""), 200
    form = PersonalDataForm(posted(request, act) if act in ACTS else None)
    if request.method == "POST" and act in ACTS:

        def carry_out(data: dict[str, Any]) -> object:
            if act == "erase":
                return erase_person(data["person"], reason=data["reason"], actor=actor)
            if act == "hold":
                return place_legal_hold(data["person"], reason=data["reason"], actor=actor)
            hold = get_object_or_404(LegalHold, person=data["person"], lifted_at__isnull=True)
            return lift_legal_hold(hold, reason=data["reason"], actor=actor)

        done, status = attempt(request, form, carry_out, done=_("It is done, and in the ledger."))
        if done:
            return redirect("admin:personal_data")
    context = {
        "form": form,
        "may_hold": actor.holds(*MAY_HOLD),
        "holds": LegalHold.objects.select_related("person", "placed_by", "lifted_by"),
    }
    return show(request, "personal_data", context, title=_("Personal data"), status=status)
