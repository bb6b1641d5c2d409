"""Which rules hold, since when, by whose hands? Policy versions as they are published, now or at an earlier instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import past as then
from governance.api.auth import EVERYBODY
from governance.api.resource import Resource, many
from governance.api.schema import described
from governance.models import PolicyVersion
from registry import texts
from registry.errors import DomainError
from registry.ledger.past import Past


class PolicyListed(serializers.Serializer[PolicyVersion]):
    """A version of a policy."""

    policy = serializers.CharField()
    number = serializers.IntegerField()
    title = serializers.CharField()
    state = serializers.ChoiceField(PolicyVersion.State.choices)
    digest = serializers.CharField()
    effective_from = serializers.DateTimeField(allow_null=True)
    drafted_by = serializers.CharField(source="drafted_by.username")
    drafted_at = serializers.DateTimeField()
    published_by = serializers.CharField(source="published_by.username", default=None, allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)


class PolicyShown(PolicyListed):
    """A version of a policy with its rules; ``digest`` is that of the rules."""

    rules = serializers.DictField(source="body")


class PolicyList(Resource):
    """All versions of all policies."""

    scopes = {"GET": "promotions:read"}
    roles = {"GET": EVERYBODY}
    parameters = frozenset({"policy"}) | then.PARAMETERS
    ordering = ("drafted_at", "id")

    @described(
        "List policy versions",
        answers={200: PolicyListed},
        listed=True,
        query=("policy", "as_of", "after"),
        operation="policies_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of policy versions, oldest first; with ``as_of`` as the ledger has them at that instant."""
        slug = request.query_params.get("policy")
        if then.is_asked(request):
            with then.past_of(request) as past:
                found = past.rows(PolicyVersion, where={"policy": [slug]} if slug else {})
                page = then.behind(request, then.in_order(found, *self.ordering))
                return then.listed(request, past, page, lambda page: policies_then(past, page))
        rows = PolicyVersion.objects.select_related("drafted_by", "published_by").defer("body")
        return self.page(rows.filter(policy=slug) if slug else rows, lambda page: many(PolicyListed, page))


class PolicyDetail(Resource):
    """One version of a policy."""

    scopes = {"GET": "promotions:read"}
    roles = {"GET": EVERYBODY}
    parameters = frozenset({then.AS_OF})

    @described("Read a policy version", answers={200: PolicyShown}, query=("as_of",), operation="policies_retrieve")
    def get(self, request: Request, policy: str, number: int) -> Response:
        """Return a policy version with its rules, as it is or as it was at ``as_of``; 404 when it was not drafted then."""
        rows = PolicyVersion.objects.select_related("drafted_by", "published_by")
        found = rows.filter(policy=policy, number=number).first() if texts.SLUG.match(policy) else None
        if found is not None and not then.is_asked(request):
            return Response(PolicyShown(found).data)
        if found is not None:
            with then.past_of(request) as past:
                row = past.row(PolicyVersion, found.ledger_key())
                if row is not None:
                    past.vouch([row], body="digest")
                    shown = policies_then(past, [row])[0]
                    return then.single(request, past, {**shown, "rules": row.body})
        raise DomainError("unknown-policy", _("There is no such version of a policy."), kind="not-found")


def policies_then(past: Past, rows: Sequence[PolicyVersion]) -> list[Mapping[str, Any]]:
    """Return policy versions as they were, without their rules."""
    past.follow(rows, "drafted_by", "published_by")
    return many(PolicyListed, rows)
