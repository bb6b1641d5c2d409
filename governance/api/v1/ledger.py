"""What does the ledger prove? Checkpoints, entries and proofs, for the auditor."""

from __future__ import annotations

import base64
import uuid

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.auth import models_seen
from governance.api.resource import Resource
from governance.api.schema import described
from registry.errors import DomainError
from registry.ledger import heads, proofs
from registry.models import Role

LARGEST = 2**53


class LedgerResource(Resource):
    """What all of the ledger has in common: it is read by auditors, and by tokens that are not limited to a model."""

    scopes = {"GET": "ledger:read"}
    roles = {"GET": frozenset({Role.AUDITOR})}

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Refuse a token that may see some models only: the ledger is of all."""
        super().initial(request, *args, **kwargs)
        if models_seen(request) is not None:
            raise DomainError(
                "token-not-for-this-model", _("The ledger is of all models; the token is not."), kind="forbidden"
            )


class CheckpointShown(serializers.Serializer[object]):
    """A signed statement of the tree's size and root."""

    size = serializers.IntegerField()
    root = serializers.CharField(help_text="base64")  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    note = serializers.CharField()
    instant = serializers.DateTimeField()


class EntryShown(serializers.Serializer[object]):
    """A leaf with the exact bytes of its event."""

    index = serializers.IntegerField()
    event_id = serializers.UUIDField()
    leaf_hash = serializers.CharField()
    body = serializers.CharField(help_text="base64")


class EntriesShown(serializers.Serializer[object]):
    """A run of entries; ``next`` is where the following one starts, None at the end."""

    entries = EntryShown(many=True)
    next = serializers.IntegerField(allow_null=True)


class Checkpoint(LedgerResource):
    """The newest checkpoint."""

    @described("The newest checkpoint, as a signed note or as JSON", answers={200: CheckpointShown})
    def get(self, request: Request) -> HttpResponse:
        """Return the signed note as text; as JSON when the Accept header asks for it."""
        newest = proofs.latest_checkpoint()
        if newest is None:
            raise DomainError("no-checkpoint", _("Nothing has been sequenced yet."), kind="not-found")
        if "application/json" not in request.headers.get("Accept", ""):
            return HttpResponse(newest.note, content_type="text/plain; charset=utf-8")
        root = base64.b64encode(bytes(newest.root)).decode()
        return Response({"size": newest.size, "root": root, "note": newest.note, "instant": newest.instant})


class Entries(LedgerResource):
    """The entries in the order of the tree."""

    parameters = frozenset({"start", "limit"})
    hands_out = True

    @described("Read entries", answers={200: EntriesShown}, query=("start", "limit"))
    def get(self, request: Request) -> Response:
        """Return up to ``limit`` (at most 1000) entries from leaf ``start`` on."""
        start, limit = _number(request, "start", "0"), _number(request, "limit", "100")
        found = proofs.entries(start, limit)
        follow = start + len(found) if len(found) == limit else None
        return Response({"entries": [entry.as_dict() for entry in found], "next": follow})


class Proofs(LedgerResource):
    """Proofs of inclusion, of consistency, and of completeness."""

    parameters = frozenset({"event", "size", "old", "new", "kind", "key"})

    @described("Prove", answers={200: OpenApiTypes.OBJECT}, query=("event", "size", "old", "new", "kind", "key"))
    def get(self, request: Request) -> Response:
        """Prove that ``event`` is in the tree (over ``size``), that tree ``new`` extends tree ``old``, or with which
        event the history of the subject ``kind`` ``key`` ended when heads were recorded last."""
        asked = frozenset(request.query_params)
        if asked in ({"event"}, {"event", "size"}):
            size = _number(request, "size", "") if "size" in asked else None
            return Response(proofs.inclusion(_event(request), size=size).as_dict())
        if asked == {"old", "new"}:
            return Response(proofs.consistency(_number(request, "old", ""), _number(request, "new", "")).as_dict())
        if asked == {"kind", "key"}:
            return Response(heads.completeness(request.query_params["kind"], request.query_params["key"]).as_dict())
        message = _("Ask for ?event= (and size=), for ?old= and new=, or for ?kind= and key=.")
        raise DomainError("bad-proof-question", message)


def _number(request: Request, name: str, default: str) -> int:
    text = request.query_params.get(name, default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= LARGEST):
        raise DomainError("bad-number", _("%s is a whole number.") % name, field=name)
    return int(text)


def _event(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.query_params["event"])
    except ValueError:
        raise DomainError("unknown-event", _("There is no such event."), kind="not-found") from None
