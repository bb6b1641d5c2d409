"""Which versions of a model are there, of which bytes and data, made by whom? CI registers them here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.models import ValidationRun
from governance.actions.versions import admit_version
from governance.api import past as then
from governance.api.auth import EVERYBODY
from governance.api.bodies import Object, Strict, Text, Whole
from governance.api.resource import Resource, many
from governance.api.rows import model_named, version_named
from governance.api.schema import described
from governance.in_force import complete_versions
from registry.actions.versions import Origin
from registry.errors import DomainError
from registry.ledger.past import Past
from registry.lifecycle import Stage
from registry.models import ModelVersion, Role

LONGEST_LIST = 50


class ArtifactNamed(Strict):
    """An uploaded artifact, what it is for, and its format."""

    sha256 = Text()
    role = Text(default="model")
    format = Text(default="")


class DatasetNamed(Strict):
    """A registered snapshot and what it is for."""

    dataset = Text()
    version = Text()
    role = Text()


class ScoringStated(Strict):
    """How the model's answers become decisions, and what is said of it; registry/scoring.py judges each field."""

    task = serializers.JSONField(required=False, allow_null=True)
    threshold = serializers.JSONField(required=False, allow_null=True)
    positive_label = serializers.JSONField(required=False, allow_null=True)
    favourable = serializers.JSONField(required=False, allow_null=True)
    classes = serializers.JSONField(required=False, allow_null=True)
    monotone = serializers.JSONField(required=False, allow_null=True)
    immutable = serializers.JSONField(required=False, allow_null=True)
    ranges = serializers.JSONField(required=False, allow_null=True)
    reasons = serializers.JSONField(required=False, allow_null=True)
    conformance = serializers.JSONField(required=False, allow_null=True)


class ContributorNamed(Strict):
    """Who had a hand in it: trained it, or committed its code."""

    person = Text()
    kind = Text()


class VersionEntry(Strict):
    """A new version."""

    version = Text()
    artifacts = serializers.ListField(child=ArtifactNamed(), max_length=LONGEST_LIST)
    datasets = serializers.ListField(child=DatasetNamed(), required=False, max_length=LONGEST_LIST)
    scoring = ScoringStated(required=False)
    code_commit = Text(required=False)
    training_run = Text(required=False)
    change_summary = Text(required=False)
    library_versions = serializers.DictField(child=Text(), required=False)
    hyperparameters = Object(required=False)
    seed = Whole(required=False, allow_null=True)
    contributors = serializers.ListField(child=ContributorNamed(), required=False, max_length=LONGEST_LIST)


class ArtifactUsed(serializers.Serializer[Any]):
    """An artifact of a version."""

    sha256 = serializers.CharField(source="artifact_id")
    role = serializers.CharField()
    format = serializers.CharField()
    size = serializers.IntegerField(source="artifact.size")


class DatasetUsed(serializers.Serializer[Any]):
    """A snapshot a version was trained or is evaluated on."""

    dataset = serializers.CharField(source="dataset_version.dataset_id")
    version = serializers.CharField(source="dataset_version.version")
    role = serializers.CharField()
    digest = serializers.CharField(source="dataset_version.digest")


class Contributor(serializers.Serializer[Any]):
    """A person's hand in a version."""

    person = serializers.CharField(source="person.username")
    kind = serializers.CharField()


class VersionShown(serializers.Serializer[ModelVersion]):
    """A version with its artifacts, data, contributors, and the id of its newest validation run."""

    model = serializers.CharField(source="model_id")
    version = serializers.CharField()
    stage = serializers.ChoiceField([stage.value for stage in Stage])
    manifest_digest = serializers.CharField()
    scoring = serializers.DictField()
    change_summary = serializers.CharField()
    code_commit = serializers.CharField()
    training_run = serializers.CharField()
    library_versions = serializers.DictField()
    hyperparameters = serializers.DictField()
    seed = serializers.IntegerField(allow_null=True)
    predecessor = serializers.CharField(source="predecessor.version", default=None, allow_null=True)
    artifacts = ArtifactUsed(source="artifact_links", many=True)
    datasets = DatasetUsed(source="dataset_links", many=True)
    contributors = Contributor(source="contributions", many=True)
    validation = serializers.SerializerMethodField()
    registered_by = serializers.CharField(source="registered_by.username")
    registered_at = serializers.DateTimeField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_validation(self, version: ModelVersion) -> str | None:
        """Return the id of the newest run, which was asked for all rows at once; None before the first."""
        newest: str | None = version.__dict__["newest_run"]
        return newest

    def to_representation(self, instance: ModelVersion) -> dict[str, Any]:
        """Return the answer, what belongs to the version in an order of its own and not that of the tables."""
        shown: dict[str, Any] = super().to_representation(instance)
        shown["artifacts"].sort(key=lambda one: (one["role"], one["format"], one["sha256"]))
        shown["datasets"].sort(key=lambda one: (one["role"], one["dataset"], one["version"]))
        shown["contributors"].sort(key=lambda one: (one["kind"], one["person"]))
        return shown


class VersionList(Resource):
    """The versions of a model."""

    scopes = {"GET": "inventory:read", "POST": "inventory:write"}
    roles = {"GET": EVERYBODY, "POST": frozenset({Role.DEVELOPER})}
    parameters = then.PARAMETERS
    ordering = ("-registered_at", "-id")

    @described(
        "List versions",
        answers={200: VersionShown},
        listed=True,
        query=("as_of", "after"),
        operation="versions_list",
    )
    def get(self, request: Request, model: str) -> Response:
        """Return a page of versions, newest first; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            slug = model_named(request, model).slug
            with then.past_of(request) as past:
                found = then.in_order(past.rows(ModelVersion, where={"model": [slug]}), *self.ordering)
                page = then.behind(request, found)
                return then.listed(request, past, page, lambda page: versions_then(past, page))
        rows = model_named(request, model).versions.select_related("registered_by", "predecessor")
        related = ("artifact_links__artifact", "dataset_links__dataset_version", "contributions__person")
        return self.page(rows.prefetch_related(*related), versions_shown)

    @described("Register a version", body=VersionEntry, answers={200: VersionShown, 201: VersionShown})
    def post(self, request: Request, model: str) -> Response:
        """Register a version and wake its validation; the same digests again are 200 and the same row."""
        found = model_named(request, model)
        values = self.body(VersionEntry)
        version, _run, created = admit_version(
            found,
            version=values["version"],
            artifacts=values["artifacts"],
            datasets=values.get("datasets", []),
            scoring=values.get("scoring", {}),
            origin=Origin(
                change_summary=values.get("change_summary", ""),
                code_commit=values.get("code_commit", ""),
                training_run=values.get("training_run", ""),
                library_versions=values.get("library_versions"),
                hyperparameters=values.get("hyperparameters"),
                seed=values.get("seed"),
            ),
            contributors=values.get("contributors", []),
            actor=self.actor,
        )
        return Response(version_shown(version), status=201 if created else 200)


class VersionDetail(Resource):
    """One version."""

    scopes = {"GET": "inventory:read"}
    roles = {"GET": EVERYBODY}

    parameters = frozenset({then.AS_OF})

    @described("Read a version", answers={200: VersionShown}, query=("as_of",), operation="versions_retrieve")
    def get(self, request: Request, model: str, version: str) -> Response:
        """Return a version, as it is or as it was at ``as_of``; 404 when it was not registered then."""
        found = version_named(request, model, version)
        if not then.is_asked(request):
            return Response(version_shown(found))
        with then.past_of(request) as past:
            row = past.row(ModelVersion, found.ledger_key())
            if row is None:
                message = _("The version was not registered yet.")
                raise DomainError("unknown-version", message, kind="not-found")
            return then.single(request, past, versions_then(past, [row])[0])


def version_shown(version: ModelVersion) -> Mapping[str, Any]:
    """Return a version as the API shows it."""
    return versions_shown([version])[0]


def versions_shown(rows: Sequence[ModelVersion]) -> list[Mapping[str, Any]]:
    """Return versions, each with its newest run."""
    runs = ValidationRun.objects.newest_of(rows)
    for row in rows:
        row.__dict__["newest_run"] = str(runs[row.pk]) if row.pk in runs else None
    return many(VersionShown, rows)


def versions_then(past: Past, rows: list[ModelVersion]) -> list[Mapping[str, Any]]:
    """Return versions as they were, with what belongs to them."""
    complete_versions(past, rows)
    return many(VersionShown, rows)
