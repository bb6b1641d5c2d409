"""Standing: where are checkpoints kept, and how does the register come back when it was rolled back?"""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.console.access import PEOPLE_WHO_READ, open_to, person_of
from governance.console.acts import attempt, posted, show
from registry.actions.ledger import MAY_DECLARE, confirm_rollback, request_rollback
from registry.ledger import anchoring, rollback
from registry.models import User

MOST = 50


class RollbackForm(forms.Form):
    """Why one goes on without what is lost."""

    reason = forms.CharField(
        label=gettext_lazy("Why are these entries lost, and why is there no newer copy?"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


@open_to(PEOPLE_WHO_READ)
def standing_page(request: HttpRequest) -> HttpResponse:
    """Show anchors, receipts and declared rollbacks; take the request for a rollback and its confirmation."""
    person = person_of(request)
    asking, confirming, status = RollbackForm(posted(request, "ask")), forms.Form(posted(request, "confirm")), 200
    act = request.POST.get("act", "")
    if request.method == "POST" and act in {"ask", "confirm"}:
        if act == "ask":
            done, status = attempt(
                request,
                asking,
                lambda data: request_rollback(reason=data["reason"], actor=person),
                done=_("The request is in the ledger. A second person confirms it here."),
            )
        else:
            done, status = attempt(
                request,
                confirming,
                lambda _data: confirm_rollback(actor=person),
                done=_("The rollback is declared. A new epoch has begun."),
            )
        if done:
            return redirect("admin:standing")
    told = rollback.told()
    context = {
        "stands": anchoring.how_it_stands(),
        "receipts": anchoring.receipts()[:MOST],
        "asking": asking,
        "confirming": confirming,
        "may_declare": person.holds(*MAY_DECLARE),
        "waiting": _named(told["waiting"]) if told["waiting"] else None,
        "declared": [_named(one) for one in told["declared"]],
        "asked_by_me": bool(told["waiting"]) and told["waiting"]["requested_by"] == str(person.pk),
    }
    return show(request, "standing", context, title=_("Anchors of the ledger"), status=status)


def _named(one: dict[str, object]) -> dict[str, object]:
    """Add the names of the people to what an event states."""
    ids = [one["requested_by"], one["confirmed_by"]]
    names = {str(user.pk): str(user) for user in User.objects.filter(pk__in=[found for found in ids if found])}
    return {**one, "asker": names.get(str(ids[0]), ids[0]), "confirmer": names.get(str(ids[1]), ids[1])}
