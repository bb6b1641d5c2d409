"""What did auditors ask to be given, and what was answered?"""

from __future__ import annotations

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.models import Dossier
from governance.actions import request_list
from governance.api.auth import EVERYBODY
from governance.api.bodies import Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import model_named, version_named
from governance.api.schema import described
from governance.models import WantedItem
from registry.errors import DomainError
from registry.models import Role

READING = EVERYBODY - {Role.ADMINISTRATOR.value}
ASKING = frozenset(role.value for role in request_list.MAY_ASK)
ANSWERING = frozenset(role.value for role in request_list.MAY_ANSWER)


class ItemOrder(Strict):
    """What is wanted, about which model or version, until when."""

    title = Text(max_length=request_list.LONGEST_TITLE)
    text = Text(max_length=request_list.LONGEST_TEXT)
    model = Text(required=False)
    version = Text(required=False)
    due_on = serializers.DateField()


class ItemAnswer(Strict):
    """The answer, and a dossier or the digest of a piece of evidence where there is one."""

    answer = Text(max_length=request_list.LONGEST_TEXT)
    dossier = serializers.UUIDField(required=False)
    evidence = Text(required=False, max_length=71)


class ItemReturn(Strict):
    """Why the answer is returned."""

    reason = Text(max_length=request_list.LONGEST_REASON)


class Nothing(Strict):
    """An empty body."""


class ItemShown(serializers.Serializer[WantedItem]):
    """An item of the request list."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField()
    model = serializers.CharField(source="model_id", allow_null=True)
    version = serializers.CharField(source="version.version", default=None, allow_null=True)
    due_on = serializers.DateField()
    state = serializers.ChoiceField(WantedItem.State.choices)
    asked_by = serializers.CharField(source="asked_by.username")
    asked_at = serializers.DateTimeField()
    answer = serializers.CharField(allow_blank=True)
    dossier = serializers.UUIDField(source="answer_dossier_id", allow_null=True)
    evidence = serializers.CharField(source="answer_evidence", allow_blank=True)
    answered_by = serializers.CharField(source="answered_by.username", default=None, allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    returned_reason = serializers.CharField(allow_blank=True)
    returns = serializers.IntegerField()
    closed_at = serializers.DateTimeField(allow_null=True)


class ItemList(Resource):
    """The request list."""

    roles = {"GET": READING, "POST": ASKING}
    ordering = ("-asked_at", "-id")

    @described("List what auditors asked for", answers={200: ItemShown}, listed=True, operation="requests_list")
    def get(self, request: Request) -> Response:
        """Return a page of items, the newest first."""
        return self.page(_rows(), lambda found: many(ItemShown, found))

    @described("Ask for an item", body=ItemOrder, answers={201: ItemShown})
    def post(self, request: Request) -> Response:
        """Put an item on the request list."""
        values = self.body(ItemOrder)
        model, version = values.pop("model", ""), values.pop("version", "")
        if version and not model:
            raise DomainError("model-missing", _("A version is named together with its model."))
        about: dict[str, Any] = {}
        if version:
            about["version"] = version_named(request, model, version)
        elif model:
            about["model"] = model_named(request, model)
        return Response(ItemShown(request_list.ask_item(actor=self.actor, **values, **about)).data, status=201)


class ItemDetail(Resource):
    """One item."""

    roles = {"GET": READING}

    @described("Read an item of the request list", answers={200: ItemShown})
    def get(self, request: Request, item: uuid.UUID) -> Response:
        """Return an item with its answer."""
        return Response(ItemShown(_called(item)).data)


class ItemAnswering(Resource):
    """The answer to an item."""

    roles = {"POST": ANSWERING}

    @described("Answer an item", body=ItemAnswer, answers={200: ItemShown})
    def post(self, request: Request, item: uuid.UUID) -> Response:
        """Answer an open item."""
        row, values = _called(item), self.body(ItemAnswer)
        if (wanted := values.pop("dossier", None)) is not None:
            values["dossier"] = Dossier.objects.filter(pk=wanted).first()
            if values["dossier"] is None:
                raise DomainError("unknown-dossier", _("There is no such dossier."), kind="not-found")
        return Response(ItemShown(request_list.answer_item(row, actor=self.actor, **values)).data)


class ItemReturning(Resource):
    """The return of an answer."""

    roles = {"POST": ASKING}

    @described("Return the answer to an item", body=ItemReturn, answers={200: ItemShown})
    def post(self, request: Request, item: uuid.UUID) -> Response:
        """Return an answer with a reason; the item is open again."""
        return Response(
            ItemShown(request_list.return_item(_called(item), actor=self.actor, **self.body(ItemReturn))).data
        )


class ItemAcceptance(Resource):
    """The acceptance of an answer."""

    roles = {"POST": ASKING}

    @described("Accept the answer to an item", body=Nothing, answers={200: ItemShown})
    def post(self, request: Request, item: uuid.UUID) -> Response:
        """Accept an answer."""
        row = _called(item)
        self.body(Nothing)
        return Response(ItemShown(request_list.accept_item(row, actor=self.actor)).data)


class ItemWithdrawal(Resource):
    """The withdrawal of an item."""

    roles = {"POST": ASKING}

    @described("Withdraw an item", body=Nothing, answers={200: ItemShown})
    def post(self, request: Request, item: uuid.UUID) -> Response:
        """Take an item from the list."""
        row = _called(item)
        self.body(Nothing)
        return Response(ItemShown(request_list.withdraw_item(row, actor=self.actor)).data)


def _rows() -> Any:
    return WantedItem.objects.select_related("version", "asked_by", "answered_by")


def _called(item: uuid.UUID) -> WantedItem:
    found: WantedItem | None = _rows().filter(pk=item).first()
    if found is None:
        raise DomainError("unknown-item", _("There is no such item on the request list."), kind="not-found")
    return found
