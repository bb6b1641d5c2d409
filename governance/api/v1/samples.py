"""How does an auditor draw a random sample of decisions, and draw it again elsewhere?"""

from __future__ import annotations

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.samples import LONGEST_SEED, MAY_SAMPLE, draw_sample
from governance.api.bodies import Instant, Strict, Text, Whole
from governance.api.resource import Resource, many
from governance.api.schema import described
from governance.models import DecisionSample
from registry.errors import DomainError

SAMPLING = frozenset(role.value for role in MAY_SAMPLE)


class SampleOrder(Strict):
    """What is sampled, from the beginning of a period that is over to its end, not included; how many, by which seed."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(DecisionSample.Kind.choices), min_length=1, max_length=3
    )
    begins_at = Instant()
    ends_at = Instant()
    size = Whole()
    seed = Text(required=False, max_length=LONGEST_SEED)


class SampleShown(serializers.Serializer[DecisionSample]):
    """A sample: the first ``size`` of the population by SHA-256 of "seed:kind:id"."""

    id = serializers.UUIDField()
    kinds = serializers.ListField(child=serializers.CharField())
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    size = serializers.IntegerField(source="wanted")
    seed = serializers.CharField()
    seed_drawn = serializers.BooleanField(help_text="Whether the service drew the seed.")
    population_size = serializers.IntegerField()
    population_digest = serializers.CharField(help_text='SHA-256 of the sorted lines "kind:id".')
    items = serializers.ListField(child=serializers.CharField(), help_text='"kind:id", in the order drawn.')
    drawn_by = serializers.CharField(source="drawn_by.username")
    drawn_at = serializers.DateTimeField()


class SampleList(Resource):
    """The samples."""

    roles = {"GET": SAMPLING, "POST": SAMPLING}
    ordering = ("-drawn_at", "-id")

    @described("List samples of decisions", answers={200: SampleShown}, listed=True, operation="samples_list")
    def get(self, request: Request) -> Response:
        """Return a page of samples, the newest first."""
        rows = DecisionSample.objects.select_related("drawn_by")
        return self.page(rows, lambda found: many(SampleShown, found))

    @described("Draw a sample of decisions", body=SampleOrder, answers={201: SampleShown})
    def post(self, request: Request) -> Response:
        """Draw a random sample of the decisions of a period that is over."""
        values: dict[str, Any] = self.body(SampleOrder)
        return Response(SampleShown(draw_sample(actor=self.actor, **values)).data, status=201)


class SampleDetail(Resource):
    """One sample."""

    roles = {"GET": SAMPLING}

    @described("Read a sample of decisions", answers={200: SampleShown})
    def get(self, request: Request, sample: uuid.UUID) -> Response:
        """Return a sample with its items."""
        found = DecisionSample.objects.select_related("drawn_by").filter(pk=sample).first()
        if found is None:
            raise DomainError("unknown-sample", _("There is no such sample."), kind="not-found")
        return Response(SampleShown(found).data)
