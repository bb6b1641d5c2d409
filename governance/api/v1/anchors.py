"""Where else are checkpoints kept, how does the register stand, and how does it come back from a rollback?"""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.bodies import Strict, Text
from governance.api.resource import Resource
from governance.api.schema import described
from governance.api.v1.ledger import LedgerResource
from registry.actions.ledger import MAY_DECLARE, confirm_rollback, request_rollback
from registry.ledger import anchoring, rollback
from registry.models import Role

LOOKING = frozenset({Role.AUDITOR, *MAY_DECLARE})


class ReceiptShown(serializers.Serializer[object]):
    """The receipt of an anchor with the checkpoint it is for: the document that a verifier takes."""

    kind = serializers.CharField()
    size = serializers.IntegerField()
    reference = serializers.CharField(allow_blank=True)
    note = serializers.CharField()
    receipt = serializers.JSONField()
    instant = serializers.CharField()


class CoverageShown(serializers.Serializer[object]):
    """How far one anchor covers the ledger."""

    kind = serializers.CharField()
    size = serializers.IntegerField()
    waiting_seconds = serializers.IntegerField()
    fault = serializers.CharField(allow_blank=True)


class StandingShown(serializers.Serializer[object]):
    """Whether the register may be written to, and how well it is anchored."""

    read_only = serializers.BooleanField()  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    healthy = serializers.BooleanField()
    needed = serializers.IntegerField()
    limit_seconds = serializers.IntegerField()
    anchors = CoverageShown(many=True)


class RollbackShown(serializers.Serializer[object]):
    """A rollback that was asked for or declared, as its event states it."""

    event = serializers.UUIDField()
    instant = serializers.DateTimeField()
    epoch = serializers.IntegerField()
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    kept_size = serializers.IntegerField()
    abandoned_epoch = serializers.IntegerField()
    abandoned_size = serializers.IntegerField()
    abandoned_root = serializers.CharField()
    reason = serializers.CharField()
    requested_by = serializers.CharField()
    confirmed_by = serializers.CharField(allow_null=True)


class RollbacksShown(serializers.Serializer[object]):
    """The request that waits for a second person, and every declared rollback, the oldest first."""

    waiting = RollbackShown(allow_null=True)
    declared = RollbackShown(many=True)


class RollbackRequest(Strict):
    """Why one goes on without what is lost."""

    reason = Text()


class Nothing(Strict):
    """An empty body."""


class AnchorReceipts(LedgerResource):
    """The receipts of all anchors."""

    parameters = frozenset({"kind"})
    ordering = ("-id",)

    @described("List receipts of anchors", answers={200: ReceiptShown}, listed=True, query=("kind",))
    def get(self, request: Request) -> Response:
        """Return a page of receipts, the newest first."""
        rows = anchoring.receipts()
        if "kind" in request.query_params:
            rows = rows.filter(kind=anchoring.require_known_kind(request.query_params["kind"]))
        return self.page(rows, lambda page: [anchoring.receipt_document(row) for row in page])


class Standing(LedgerResource):
    """How the register stands."""

    roles = {"GET": LOOKING}

    @described("How the register stands", answers={200: StandingShown})
    def get(self, request: Request) -> Response:
        """Return whether it is read-only and why, and how far each anchor covers it."""
        return Response(anchoring.how_it_stands())


class Rollbacks(Resource):
    """Declared rollbacks: the way back from a database that is older than what was anchored."""

    roles = {"GET": LOOKING, "POST": frozenset(MAY_DECLARE)}
    always_open = True

    @described("Declared rollbacks", answers={200: RollbacksShown})
    def get(self, request: Request) -> Response:
        """Return the request that waits, and every declared rollback."""
        return Response(RollbacksShown(rollback.told()).data)

    @described("Ask for a rollback to be declared", body=RollbackRequest, answers={201: RollbacksShown})
    def post(self, request: Request) -> Response:
        """Ask; a second person confirms."""
        request_rollback(reason=self.body(RollbackRequest)["reason"], actor=self.actor)
        return Response(RollbacksShown(rollback.told()).data, status=201)


class RollbackConfirmation(Resource):
    """The second person's word."""

    roles = {"POST": frozenset(MAY_DECLARE)}
    always_open = True

    @described("Declare the rollback that another person asked for", body=Nothing, answers={200: RollbacksShown})
    def post(self, request: Request) -> Response:
        """Confirm; a new epoch begins."""
        self.body(Nothing)
        confirm_rollback(actor=self.actor)
        return Response(RollbacksShown(rollback.told()).data)
