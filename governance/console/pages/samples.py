"""Samples: draw decisions at random, see them with their evidence, and take list and population along."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.actions.samples import LARGEST, LONGEST_SEED, MAY_SAMPLE, draw_sample, population
from governance.console.access import open_to, person_of
from governance.console.acts import attempt, posted, show
from governance.models import Approval, DecisionSample, GateDecision, PromotionRequest
from governance.spreadsheet import as_csv
from registry.models import User

SAMPLING = frozenset(MAY_SAMPLE)
MOST = 50
Kind = DecisionSample.Kind


@dataclass(frozen=True)
class Item:
    """One decision of a sample, and the page of its evidence."""

    kind: str
    id: str
    at: datetime
    what: str
    result: str
    by: User
    address: str

    @property
    def kind_name(self) -> str:
        """Return the kind in words."""
        return str(Kind(self.kind).label)


class SampleForm(forms.Form):
    """What is sampled, from when to when, how many, and by which seed."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds"), choices=Kind.choices, initial=Kind.values, widget=forms.CheckboxSelectMultiple
    )
    begins_at = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("To, not included"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("The period must be over."),
    )  # fmt: skip
    size = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=LARGEST, initial=25)
    seed = forms.CharField(
        label=gettext_lazy("Seed"), required=False, max_length=LONGEST_SEED,
        help_text=gettext_lazy("Your own, such as thrown dice. Without one the service draws it and shows it."),
    )  # fmt: skip


@open_to(SAMPLING)
def samples(request: HttpRequest) -> HttpResponse:
    """List the samples, and draw another."""
    person = person_of(request)
    form, status = SampleForm(posted(request)), 200
    if request.method == "POST":
        drawn, status = attempt(
            request, form, lambda data: draw_sample(actor=person, **data), done=_("The sample has been drawn.")
        )
        if drawn:
            return redirect("admin:sample", sample_id=drawn.pk)
    context = {"form": form, "rows": DecisionSample.objects.select_related("drawn_by")[:MOST]}
    return show(request, "samples", context, title=_("Samples of decisions"), status=status)


@open_to(SAMPLING)
def sample(request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    """Show one sample: how it was drawn, and each decision with the way to its evidence."""
    found = _found(sample_id)
    context = {"row": found, "kinds": [Kind(kind).label for kind in found.kinds], "items": items_of(found)}
    return show(request, "sample", context, title=_("Sample of decisions"))


@open_to(SAMPLING)
def sample_csv(_request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    """Hand out the items as CSV in which no cell is a formula."""
    found = _found(sample_id)
    heads = ("order", "kind", "id", "instant", "what", "result", "by", "address")
    rows = (
        (order, one.kind, one.id, one.at.isoformat(), one.what, one.result, one.by.username, one.address)
        for order, one in enumerate(items_of(found), 1)
    )
    return _attached(as_csv(heads, rows), f"sample-{found.pk}.csv", "text/csv")


@open_to(SAMPLING)
def sample_population(_request: HttpRequest, sample_id: uuid.UUID) -> HttpResponse:
    """Hand out the sorted lines that were drawn from; 409 when they are not those of the event any more."""
    found = _found(sample_id)
    data = "".join(f"{line}\n" for line in population(found.kinds, found.begins_at, found.ends_at)).encode()
    if hashlib.sha256(data).hexdigest() != found.population_digest:
        said = _("The decisions of the period are not those that were drawn from. Have the ledger verified.")
        return HttpResponse(said, status=409, content_type="text/plain; charset=utf-8")
    return _attached(data, f"population-{found.pk}.txt", "text/plain")


def items_of(row: DecisionSample) -> list[Item]:
    """Return the decisions of a sample, in the order drawn; one query for each kind."""
    drawn = [line.partition(":")[::2] for line in row.items]

    def of(kind: str) -> Iterable[str]:
        return [key for found, key in drawn if found == kind]

    found: dict[tuple[str, str], Item] = {}
    gates = GateDecision.objects.select_related("version", "asked_by").defer("facts", "controls", "attestation")
    for gate in gates.filter(pk__in=of(Kind.GATE_DECISION)):
        key, what = str(gate.pk), f"{gate.version or gate.artifact_sha256[:16]}, {gate.environment_slug}"
        page = reverse("admin:decision", args=[gate.pk])
        found["gate_decision", key] = Item(
            "gate_decision", key, gate.decided_at, what, gate.outcome, gate.asked_by, page
        )
    asked = PromotionRequest.objects.select_related("version", "requested_by")
    for one in asked.filter(pk__in=of(Kind.PROMOTION)):
        key, what = str(one.pk), f"{one.version}, {one.environment_id}"
        page = reverse("admin:promotion", args=[one.pk])
        found["promotion", key] = Item("promotion", key, one.requested_at, what, one.state, one.requested_by, page)
    given = Approval.objects.select_related("request__version", "approver").defer("manifest")
    for yes in given.filter(pk__in=of(Kind.APPROVAL)):
        key, what = str(yes.pk), f"{yes.request.version}, {yes.request.environment_id}"
        page = reverse("admin:promotion", args=[yes.request_id])
        found["approval", key] = Item("approval", key, yes.decided_at, what, yes.decision, yes.approver, page)
    return [found[kind, key] for kind, key in drawn if (kind, key) in found]


def _found(sample_id: uuid.UUID) -> DecisionSample:
    return get_object_or_404(DecisionSample.objects.select_related("drawn_by"), pk=sample_id)


def _attached(data: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(
        data,
        content_type=f"{kind}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
