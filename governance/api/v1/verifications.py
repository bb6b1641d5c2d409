"""How does a machine or an auditor have the ledger verified? Asked for here, carried out by a worker."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.bodies import Strict, Text
from governance.api.resource import many
from governance.api.schema import described
from governance.api.v1.ledger import LedgerResource
from registry.actions.verification import LONGEST_KEY, LONGEST_NOTE, MAY_VERIFY, request_verification
from registry.errors import DomainError
from registry.models import Verification

VERIFYING = frozenset(role.value for role in MAY_VERIFY)


class VerificationOrder(Strict):
    """What the caller brings along; without it the installation's own checkpoints and key are used."""

    kept_checkpoint = Text(required=False, max_length=LONGEST_NOTE)
    trusted_key = Text(required=False, max_length=LONGEST_KEY)


class StatementShown(serializers.Serializer[Any]):
    """One claim about the ledger, and what speaks against it."""

    slug = serializers.CharField()
    claim = serializers.CharField()
    outcome = serializers.ChoiceField(Verification.Verdict.choices)
    checked = serializers.IntegerField()
    wrong = serializers.IntegerField()
    unknown = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField(allow_blank=True)


class VerificationShown(serializers.Serializer[Verification]):
    """A verification; ``verdict``, ``size`` and ``root`` are there once it is concluded."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Verification.State.choices)
    progress = serializers.IntegerField(help_text="Percent of the work that is done.")
    verdict = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField(allow_null=True)
    root = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    checkpoint = serializers.CharField(allow_blank=True)
    kept_checkpoint = serializers.CharField(allow_blank=True)
    trusted_key = serializers.CharField(allow_blank=True)
    requested_by = serializers.CharField(source="requested_by.username")
    requested_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    failure = serializers.DictField(allow_null=True)


class VerificationRead(VerificationShown):
    """A verification with every statement of its report."""

    statements = serializers.SerializerMethodField()

    def get_statements(self, row: Verification) -> list[dict[str, Any]]:
        """Return the statements; none before it is concluded."""
        return list((row.report or {}).get("statements", ()))


class VerificationList(LedgerResource):
    """The verifications."""

    scopes = {"GET": "ledger:read"}
    roles = {"GET": VERIFYING, "POST": VERIFYING}
    ordering = ("-requested_at", "-id")
    always_open = True

    @described(
        "List verifications of the ledger",
        answers={200: VerificationShown},
        listed=True,
        operation="ledger_verifications_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of verifications, the newest first."""
        rows = Verification.objects.select_related("requested_by").defer("report")
        return self.page(rows, lambda found: many(VerificationShown, found))

    @described("Have the ledger verified", body=VerificationOrder, answers={202: VerificationRead})
    def post(self, request: Request) -> Response:
        """Ask for the ledger to be verified; a worker does it."""
        row, _created = request_verification(actor=self.actor, **self.body(VerificationOrder))
        return Response(VerificationRead(row).data, status=202)


class VerificationDetail(LedgerResource):
    """One verification."""

    roles = {"GET": VERIFYING}

    @described("Read a verification of the ledger", answers={200: VerificationRead})
    def get(self, request: Request, verification: uuid.UUID) -> Response:
        """Return a verification with its report."""
        found = Verification.objects.select_related("requested_by").filter(pk=verification).first()
        if found is None:
            raise DomainError("unknown-verification", _("There is no such verification."), kind="not-found")
        return Response(VerificationRead(found).data)
