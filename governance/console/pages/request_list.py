"""The request list: what did auditors ask to be given, who answers, and is the answer accepted?"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.models import Dossier
from governance.actions import request_list
from governance.console.access import READ_EVIDENCE, open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.models import WantedItem
from registry.models import Model, ModelVersion

MOST = 100
State = WantedItem.State


class AskForm(forms.Form):
    """What is wanted, about what, until when."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=request_list.LONGEST_TITLE)
    text = forms.CharField(
        label=gettext_lazy("What is wanted"), max_length=request_list.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip
    model = forms.ModelChoiceField(label=gettext_lazy("Model"), queryset=Model.objects.order_by("slug"), required=False)
    version = forms.ModelChoiceField(
        label=gettext_lazy("Version"), required=False,
        queryset=ModelVersion.objects.select_related("model").order_by("model", "-registered_at"),
    )  # fmt: skip
    due_on = forms.DateField(label=gettext_lazy("Due"), widget=forms.DateInput(attrs={"type": "date"}))


class AnswerForm(forms.Form):
    """The answer, and what goes with it."""

    answer = forms.CharField(
        label=gettext_lazy("Answer"), max_length=request_list.LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 4})
    )
    dossier = forms.ModelChoiceField(
        label=gettext_lazy("Dossier"), required=False,
        queryset=Dossier.objects.filter(state=Dossier.State.ISSUED).select_related("version").order_by("-issued_at"),
    )  # fmt: skip
    evidence = forms.CharField(
        label=gettext_lazy("Evidence"), required=False, max_length=71,
        help_text=gettext_lazy("The SHA-256 of a stored piece of evidence."),
    )  # fmt: skip


class ReturnForm(forms.Form):
    """Why an answer is returned."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=request_list.LONGEST_REASON)


@open_to(READ_EVIDENCE)
def items(request: HttpRequest) -> HttpResponse:
    """List the items, and take another from an auditor."""
    person = person_of(request)
    form, status = AskForm(posted(request)), 200
    if request.method == "POST":
        asked, status = attempt(
            request,
            form,
            lambda data: request_list.ask_item(actor=person, **data),
            done=_("The item is on the request list."),
        )
        if asked:
            return redirect("admin:item", item_id=asked.pk)
    context = {"form": form if person.holds(*request_list.MAY_ASK) else None, "rows": listed()[:MOST]}
    return show(request, "request_list", context, title=_("Request list"), status=status)


@open_to(READ_EVIDENCE)
def item(request: HttpRequest, item_id: uuid.UUID) -> HttpResponse:
    """Show one item; answer it, return or accept the answer, or withdraw it."""
    found = get_object_or_404(listed().select_related("closed_by", "answer_dossier__version"), pk=item_id)
    person = person_of(request)
    acts: dict[str, tuple[type[forms.Form], Callable[..., WantedItem], str]] = {
        "answer": (AnswerForm, request_list.answer_item, _("The item has been answered.")),
        "return": (ReturnForm, request_list.return_item, _("The answer has been returned.")),
        "accept": (forms.Form, request_list.accept_item, _("The answer has been accepted.")),
        "withdraw": (forms.Form, request_list.withdraw_item, _("The item has been withdrawn.")),
    }
    shown = {name: form(posted(request, name), prefix=name) for name, (form, _action, _done) in acts.items()}
    status, act = 200, request.POST.get("act", "")
    if request.method == "POST" and act in acts:
        _form, action, done = acts[act]
        moved, status = attempt(request, shown[act], lambda data: action(found, actor=person, **data), done=done)
        if moved:
            return redirect("admin:item", item_id=found.pk)
    auditor = person.holds(*request_list.MAY_ASK)
    context = {
        "row": found,
        "forms": shown,
        "may_answer": found.state == State.OPEN and person.holds(*request_list.MAY_ANSWER),
        "may_judge": found.state == State.ANSWERED and auditor,
        "may_withdraw": State.WITHDRAWN in request_list.MOVES[found.state] and auditor,
    }
    return show(request, "item", context, title=_("Item of the request list"), status=status)


def listed() -> QuerySet[WantedItem]:
    """Return the items, with whom and what their list names."""
    return WantedItem.objects.select_related("model", "version", "asked_by", "answered_by")
