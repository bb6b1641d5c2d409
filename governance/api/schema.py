"""How is the API written down? OpenAPI 3.1 from what the views declare, made once per process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.pages import LARGEST
from governance.api.resource import Resource

Answer = type[serializers.Serializer[Any]] | OpenApiResponse | OpenApiTypes | None


class Problem(serializers.Serializer[Any]):
    """Why the answer is no: a problem document (RFC 9457) with a stable code."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable, in kebab case: what a program decides by.")
    request_id = serializers.CharField()


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registering metaclass is untyped
    """The token of a service account."""

    target_class = "governance.api.auth.CredentialAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "cad_..."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registering metaclass is untyped
    """The session of a person."""

    target_class = "governance.api.auth.PersonSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def described(
    summary: str,
    *,
    answers: Mapping[int, Answer],
    body: type[serializers.Serializer[Any]] | None = None,
    listed: bool = False,
    query: Sequence[str] = (),
    operation: str | None = None,
) -> Callable[[Any], Any]:
    """Describe a method: its body, its answers by status, whether it pages, and what may stand in the address."""
    parameters = [OpenApiParameter(name, str, required=False) for name in query]
    if listed:
        parameters += [
            OpenApiParameter("cursor", str, required=False, description="From an earlier answer."),
            OpenApiParameter("page_size", int, required=False, description=f"1 to {LARGEST}."),
        ]
    if body is not None:
        parameters.append(OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=False))
    shown: dict[Any, Any] = {status: _paged(answer) if listed else answer for status, answer in answers.items()}
    shown[("4XX", "application/problem+json")] = Problem
    return extend_schema(
        summary=summary, request=body, responses=shown, parameters=parameters, operation_id=operation, filters=False
    )


@cache
def _paged(answer: Any) -> type[serializers.Serializer[Any]]:
    fields = {
        "next": serializers.CharField(allow_null=True),
        "previous": serializers.CharField(allow_null=True),
        "results": answer(many=True),
    }
    return type(f"PageOf{answer.__name__}", (serializers.Serializer,), fields)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of the whole API."""
    made: dict[str, Any] = SchemaGenerator(urlconf="governance.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # the package ships no types for it
    return made


class SchemaView(Resource):
    """The OpenAPI document; it holds nothing secret and needs no sign-in."""

    public = frozenset({"GET"})

    @described("The OpenAPI document", answers={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Return the document."""
        return Response(document())
