"""How do bytes come in over HTTP? Piece by piece to the store, never whole in memory, and only under their digest."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.auth import EVERYBODY
from governance.api.errors import Refusal
from governance.api.resource import Resource
from governance.api.schema import Problem
from registry.actions.artifacts import store_artifact
from registry.errors import DomainError
from registry.models import Artifact, Role
from registry.storage import artifacts

PIECE = 1 << 18


class ArtifactShown(serializers.Serializer[Artifact]):
    """Stored bytes."""

    sha256 = serializers.CharField()
    size = serializers.IntegerField()
    uploaded_by = serializers.CharField(source="uploaded_by.username")
    uploaded_at = serializers.DateTimeField()


class ArtifactBytes(Resource):
    """The bytes known by one digest."""

    scopes = {"PUT": "artifacts:write", "HEAD": "artifacts:write"}
    roles = {"PUT": frozenset({Role.DEVELOPER}), "HEAD": EVERYBODY}

    @extend_schema(
        summary="Upload an artifact under its SHA-256",
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={200: ArtifactShown, 201: ArtifactShown, ("4XX", "application/problem+json"): Problem},
    )
    def put(self, request: Request, sha256: str) -> Response:
        """Store the body; 422 when it is not what the digest promises. The same bytes again are 200."""
        length = declared_length(request._request)
        row, created = store_artifact(sha256, pieces(request._request), actor=self.actor, declared=length)
        return Response(ArtifactShown(row).data, status=201 if created else 200)

    @extend_schema(
        summary="Ask whether an artifact is stored",
        responses={200: OpenApiResponse(description="It is stored."), 404: OpenApiResponse(description="It is not.")},
    )
    def head(self, request: Request, sha256: str) -> HttpResponse:
        """Answer 200 when the bytes are stored, else 404; the size is in ``X-Artifact-Size``."""
        row = Artifact.objects.filter(pk=sha256).first() if artifacts().holds(sha256) else None
        if row is None:
            raise DomainError("unknown-artifact", _("No such bytes are stored."), kind="not-found")
        return HttpResponse(headers={"X-Artifact-Size": str(row.size), "ETag": f'"sha256:{sha256}"'})


def declared_length(request: HttpRequest) -> int:
    """Return the declared length of an upload; refuses one without, and one that is too large, unread."""
    if (request.headers.get("Content-Encoding") or "identity").lower() != "identity":
        raise Refusal(415, "content-encoding-not-supported", _("Send the bytes as they are, not compressed."))
    length = request.headers.get("Content-Length") or ""
    if not (length.isascii() and length.isdecimal()):
        raise Refusal(411, "length-required", _("Declare the length of the upload."))
    limit = settings.ARTIFACT_MAX_BYTES
    if int(length[:19]) > limit:
        raise DomainError("artifact-too-large", _("At most %s bytes are taken.") % limit, kind="too-large", limit=limit)
    return int(length)


def pieces(request: HttpRequest) -> Iterator[bytes]:
    """Yield the body of a request in small pieces, as they arrive."""
    while piece := request.read(PIECE):
        yield piece
