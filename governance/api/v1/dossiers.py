"""How is a dossier asked for and downloaded? Asked for here, built by a worker, inert when it comes back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.actions.bundles import make_bundle
from audits.actions.dossiers import request_dossier, request_register_report
from audits.actions.evidence import read_evidence
from audits.dossier.kind import is_of_register
from audits.models import Dossier
from governance.api.auth import EVERYBODY, require_model
from governance.api.bodies import Instant, Strict, Text
from governance.api.resource import Resource
from governance.api.rows import dossier_called, version_named
from governance.api.schema import Problem, described
from registry.errors import DomainError
from registry.models import Role


class DossierOrder(Strict):
    """Of which version, of which kind, in which language, and as of when (now unless it says).

    ``compared_with`` names another version of the model, for the kind ``differences``. The kind ``portfolio`` is about the
    whole register: it names neither model nor version.
    """

    model = Text(required=False)
    version = Text(required=False)
    kind = serializers.ChoiceField(Dossier.Kind.choices, default=Dossier.Kind.FULL)
    language = serializers.ChoiceField([code for code, _name in settings.LANGUAGES], default="en")
    as_of = Instant(required=False)
    compared_with = Text(required=False)


class DossierShown(serializers.Serializer[Dossier]):
    """A dossier; ``sha256`` is that of its PDF once it is issued."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(Dossier.State.choices)
    kind = serializers.ChoiceField(Dossier.Kind.choices)
    language = serializers.CharField()
    model = serializers.CharField(source="version.model_id", default=None)
    version = serializers.CharField(source="version.version", default=None)
    compared_with = serializers.CharField(source="compared_with.version", default=None)
    progress = serializers.IntegerField(help_text="Percent of the work that is done.")
    as_of = serializers.DateTimeField()
    sha256 = serializers.CharField(source="pdf_sha256")
    document_sha256 = serializers.CharField(help_text="Digest of the PDF before its signature was appended.")
    content_digest = serializers.CharField(help_text="The digest whose first digits every page prints.")
    facts_sha256 = serializers.CharField()
    checkpoint = serializers.CharField()
    failure = serializers.DictField(allow_null=True)
    supersedes = serializers.UUIDField(source="supersedes_id", allow_null=True)
    requested_by = serializers.CharField(source="requested_by.username")
    requested_at = serializers.DateTimeField()
    issued_at = serializers.DateTimeField(allow_null=True)


class DossierList(Resource):
    """Where a dossier is asked for."""

    scopes = {"POST": "dossiers:write"}
    roles = {"POST": EVERYBODY - {Role.ADMINISTRATOR.value}}

    @described("Ask for a dossier", body=DossierOrder, answers={202: DossierShown})
    def post(self, request: Request) -> Response:
        """Ask for a dossier of a version, or for a report on the whole register; a worker builds it."""
        values = self.body(DossierOrder)
        if is_of_register(values["kind"]):
            return Response(_shown(self._of_register(request, values)), status=202)
        for name in ("model", "version"):
            if name not in values:
                raise DomainError("dossier-of-a-version", _("This kind is about one version; name it."), field=name)
        version = version_named(request, values["model"], values["version"])
        other = values.get("compared_with")
        row, _created = request_dossier(
            version,
            compared_with=version_named(request, values["model"], other) if other else None,
            actor=self.actor,
            kind=values["kind"],
            language=values["language"],
            as_of=values.get("as_of"),
        )
        return Response(_shown(row), status=202)

    def _of_register(self, request: Request, values: Mapping[str, Any]) -> Dossier:
        require_model(request, None)
        for name in ("model", "version", "compared_with"):
            if name in values:
                message = _("This kind is about the whole register.")
                raise DomainError("dossier-of-the-register", message, field=name)
        row, _created = request_register_report(
            actor=self.actor, kind=values["kind"], language=values["language"], as_of=values.get("as_of")
        )
        return row


class DossierDetail(Resource):
    """One dossier."""

    scopes = {"GET": "dossiers:read"}
    roles = {"GET": EVERYBODY}

    @described("Read the state of a dossier", answers={200: DossierShown})
    def get(self, request: Request, dossier: uuid.UUID) -> Response:
        """Return a dossier's state and digests."""
        return Response(_shown(dossier_called(request, dossier)))


class DossierPdf(Resource):
    """The PDF of an issued dossier."""

    scopes = {"GET": "dossiers:read"}
    roles = {"GET": EVERYBODY}
    hands_out = True

    @extend_schema(
        summary="Download the PDF of a dossier",
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            ("4XX", "application/problem+json"): Problem,
        },
    )
    def get(self, request: Request, dossier: uuid.UUID) -> HttpResponse:
        """Return the PDF, re-hashed on reading, as a download that no browser runs anything of."""
        row = dossier_called(request, dossier)
        if row.state != Dossier.State.ISSUED:
            raise DomainError(
                "dossier-not-issued", _("The dossier has not been issued."), kind="conflict", state=row.state
            )
        return HttpResponse(
            read_evidence(row.pdf_sha256),
            content_type="application/pdf",
            headers={
                "Content-Disposition": f'attachment; filename="{row.file_name()}"',
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
                "ETag": f'"sha256:{row.pdf_sha256}"',
            },
        )


class DossierBundle(Resource):
    """An issued dossier with its proof."""

    scopes = {"GET": "dossiers:read"}
    roles = {"GET": EVERYBODY - {Role.ADMINISTRATOR.value}}
    hands_out = True

    @extend_schema(
        summary="Download a dossier with its proof",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            ("4XX", "application/problem+json"): Problem,
        },
    )
    def get(self, request: Request, dossier: uuid.UUID) -> HttpResponse:
        """Return the zip that proves itself to whoever holds a trusted key; that it was taken is an event."""
        row = dossier_called(request, dossier)
        return HttpResponse(
            make_bundle(row, actor=self.actor),
            content_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="{row.bundle_name()}"',
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )


def _shown(dossier: Dossier) -> Mapping[str, Any]:
    return DossierShown(dossier).data
