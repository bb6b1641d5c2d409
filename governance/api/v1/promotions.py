"""May this version go to that environment? Promotion requests, who may decide on them, and the decisions of people."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.models import ValidationRun
from governance.actions.approvals import approve, reject, withdraw_approval
from governance.actions.promotions import open_promotion, withdraw_promotion
from governance.api import past as then
from governance.api.auth import EVERYBODY, WORKING, models_seen
from governance.api.bodies import Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import approval_called, environment_named, promotion_called, version_named
from governance.api.schema import described
from governance.candidates import candidates
from governance.models import Approval, PromotionRequest
from governance.plans import rules_of
from registry.errors import DomainError
from registry.ledger.past import Past, key_of
from registry.models import Role


class PromotionEntry(Strict):
    """The question."""

    model = Text()
    version = Text()
    environment = Text()
    statement = Text(default="")


class DecisionEntry(Strict):
    """A person's yes or no, on the evidence they were shown."""

    decision = serializers.ChoiceField(Approval.Decision.choices)
    statement = Text()
    evidence_digest = Text()


class ReasonEntry(Strict):
    """Why something is taken back."""

    reason = Text()


class ApprovalShown(serializers.Serializer[Approval]):
    """One person's yes or no."""

    id = serializers.UUIDField()
    promotion = serializers.UUIDField(source="request_id")
    person = serializers.CharField(source="approver.username")
    name = serializers.CharField(source="approver.display_name")
    decision = serializers.ChoiceField(Approval.Decision.choices)
    role = serializers.CharField()
    statement = serializers.CharField()
    manifest_digest = serializers.CharField()
    evidence_digest = serializers.CharField()
    decided_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_reason = serializers.CharField()


class ObstacleShown(serializers.Serializer[Any]):
    """Why a person may not decide."""

    code = serializers.CharField()
    text = serializers.CharField()


class EligiblePerson(serializers.Serializer[Any]):
    """Whether a person may decide on a request, and if not, why."""

    person = serializers.CharField()
    name = serializers.CharField()
    may = serializers.BooleanField()
    reasons = ObstacleShown(many=True)


class PromotionListed(serializers.Serializer[PromotionRequest]):
    """A request in a list."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(PromotionRequest.State.choices)
    model = serializers.CharField(source="model_id")
    version = serializers.CharField(source="version.version")
    environment = serializers.CharField(source="environment_id")
    stage = serializers.CharField(source="version.stage")
    policy = serializers.SerializerMethodField()
    tier = serializers.IntegerField()
    statement = serializers.CharField()
    manifest_digest = serializers.CharField(source="covers_digest")
    validation = serializers.UUIDField(source="run_id", allow_null=True)
    validation_state = serializers.CharField(source="run.state", default=None, allow_null=True)
    validation_outcome = serializers.CharField(source="run.outcome", default=None, allow_null=True)
    evidence_digest = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.username")
    requested_for = serializers.CharField(source="requested_for.username")
    requested_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    closed_reason = serializers.CharField()

    @extend_schema_field(serializers.CharField())
    def get_policy(self, request: PromotionRequest) -> str:
        """Return policy and number."""
        return request.policy.ledger_key()

    @extend_schema_field(serializers.CharField())
    def get_evidence_digest(self, request: PromotionRequest) -> str:
        """Return the digest of the concluded evidence; empty until then."""
        run = request.run
        return run.evidence_digest if run is not None and run.state == ValidationRun.State.CONCLUDED else ""


class PromotionShown(PromotionListed):
    """A request with what it covers, the decisions on it, and who may decide."""

    manifest = serializers.DictField(source="covers")
    approvals = ApprovalShown(many=True)
    eligible = serializers.SerializerMethodField()

    @extend_schema_field(EligiblePerson(many=True))
    def get_eligible(self, request: PromotionRequest) -> list[dict[str, Any]]:
        """Return every active person with a role, and whether they may decide."""
        return eligible_people(request)


class PromotionList(Resource):
    """All requests."""

    scopes = {"GET": "promotions:read", "POST": "promotions:write"}
    roles = {"GET": EVERYBODY, "POST": frozenset({Role.DEVELOPER, Role.OWNER})}
    parameters = frozenset({"model", "environment", "state"}) | then.PARAMETERS
    ordering = ("-requested_at", "-id")

    @described(
        "List promotion requests",
        answers={200: PromotionListed},
        listed=True,
        query=("model", "environment", "state", "as_of", "after"),
        operation="promotions_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of requests, newest first; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            return self._past(request)
        rows = PromotionRequest.objects.select_related("version", "policy", "run", "requested_by", "requested_for")
        limited = models_seen(request)
        rows = rows if limited is None else rows.filter(model__in=limited)
        if model := request.query_params.get("model"):
            rows = rows.filter(model=model)
        if environment := request.query_params.get("environment"):
            rows = rows.filter(environment=environment)
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return self.page(rows, lambda page: many(PromotionListed, page))

    def _past(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name) for name in ("model", "environment", "state")}
        fixed = {name: [value] for name in ("model", "environment") if (value := asked[name])}
        with then.past_of(request) as past:
            limited = models_seen(request)
            rows = [
                row
                for row in past.rows(PromotionRequest, where=fixed)
                if (limited is None or row.model_id in limited) and asked["state"] in (None, "", row.state)
            ]
            page = then.behind(request, then.in_order(rows, *self.ordering))
            return then.listed(request, past, page, lambda page: promotions_then(past, page))

    @described("Open a promotion request", body=PromotionEntry, answers={200: PromotionShown, 201: PromotionShown})
    def post(self, request: Request) -> Response:
        """Ask; freezes what is asked and starts its validation. The same open question is 200 and the same row."""
        values = self.body(PromotionEntry)
        version = version_named(request, values["model"], values["version"])
        place = environment_named(values["environment"])
        row, created = open_promotion(version, environment=place, statement=values["statement"], actor=self.actor)
        return Response(promotion_shown(row), status=201 if created else 200)


class PromotionDetail(Resource):
    """One request."""

    scopes = {"GET": "promotions:read"}
    roles = {"GET": EVERYBODY}

    parameters = frozenset({then.AS_OF})

    @described(
        "Read a promotion request", answers={200: PromotionShown}, query=("as_of",), operation="promotions_retrieve"
    )
    def get(self, request: Request, promotion: uuid.UUID) -> Response:
        """Return a request with its decisions and who may decide.

        With ``as_of`` as the ledger has it at that instant; nobody decides in the past, so that nobody is eligible.
        """
        found = promotion_called(request, promotion)
        if not then.is_asked(request):
            return Response(promotion_shown(found))
        with then.past_of(request) as past:
            row = past.row(PromotionRequest, found.ledger_key())
            if row is None:
                message = _("The promotion had not been asked for yet.")
                raise DomainError("unknown-promotion", message, kind="not-found")
            listed = promotions_then(past, [row])[0]
            past.vouch([row], covers="covers_digest")
            given = then.in_order(past.rows(Approval, where={"request": [key_of(row)]}), "decided_at", "id")
            whole = {"manifest": row.covers, "approvals": approvals_then(past, given), "eligible": []}
            return then.single(request, past, {**listed, **whole})


class PromotionWithdrawal(Resource):
    """The end of a question that its asker takes back."""

    scopes = {"POST": "promotions:write"}
    roles = {"POST": WORKING}

    @described("Withdraw a promotion request", body=ReasonEntry, answers={200: PromotionShown})
    def post(self, request: Request, promotion: uuid.UUID) -> Response:
        """Take a request back."""
        row = promotion_called(request, promotion)
        taken = withdraw_promotion(row, actor=self.actor, reason=self.body(ReasonEntry)["reason"])
        return Response(promotion_shown(taken))


class PromotionDecisions(Resource):
    """What people say to a request: in a signed-in session only."""

    roles = {"POST": EVERYBODY}

    @described("Approve or reject", body=DecisionEntry, answers={201: ApprovalShown})
    def post(self, request: Request, promotion: uuid.UUID) -> Response:
        """Say yes or no to exactly the evidence shown."""
        row = promotion_called(request, promotion)
        values = self.body(DecisionEntry)
        decide = approve if values["decision"] == Approval.Decision.APPROVE else reject
        given = decide(row, actor=self.actor, statement=values["statement"], evidence_digest=values["evidence_digest"])
        return Response(ApprovalShown(given).data, status=201)


class ApprovalWithdrawal(Resource):
    """The end of a person's own decision."""

    roles = {"POST": WORKING}

    @described("Withdraw one's own decision", body=ReasonEntry, answers={200: ApprovalShown})
    def post(self, request: Request, approval: uuid.UUID) -> Response:
        """Take one's own decision back; from then on it does not count."""
        row = approval_called(request, approval)
        taken = withdraw_approval(row, actor=self.actor, reason=self.body(ReasonEntry)["reason"])
        return Response(ApprovalShown(taken).data)


def promotions_then(past: Past, rows: list[PromotionRequest]) -> list[Mapping[str, Any]]:
    """Return requests as they were, without their decisions."""
    past.follow(rows, "version", "policy", "run", "requested_by", "requested_for")
    return many(PromotionListed, rows)


def approvals_then(past: Past, rows: list[Approval]) -> list[Mapping[str, Any]]:
    """Return decisions as they were."""
    past.follow(rows, "approver")
    return many(ApprovalShown, rows)


def promotion_shown(request: PromotionRequest) -> Mapping[str, Any]:
    """Return a request as the API shows it."""
    return PromotionShown(request).data


def eligible_people(request: PromotionRequest) -> list[dict[str, Any]]:
    """Return who might be thought to decide on a request, whether they may, and if not, why."""
    found = []
    for one in candidates(request, rules_of(request.policy)):
        reasons = [{"code": obstacle.code, "text": obstacle.text} for obstacle in one.obstacles]
        if one.decided is not None:
            reasons.append({"code": "already-decided", "text": "has decided on this request already"})
        shown = {"person": one.person.username, "name": one.person.display_name}
        found.append(shown | {"may": not reasons, "reasons": reasons})
    return found
