"""On which data? Named datasets and their snapshots with column roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.datasets import admit_dataset_version
from governance.api import past as then
from governance.api.auth import EVERYBODY
from governance.api.bodies import Object, Strict, Text
from governance.api.resource import Resource, many
from governance.api.rows import dataset_named
from governance.api.schema import described
from registry.actions.datasets import register_dataset
from registry.ledger.past import Past
from registry.models import Dataset, DatasetVersion, Role

REGISTERING = frozenset({Role.DEVELOPER, Role.OWNER})


class DatasetEntry(Strict):
    """A new dataset."""

    slug = Text()
    name = Text()
    description = Text(required=False)
    origin = Text(required=False)
    lawful_basis = Text(required=False)
    known_gaps = Text(required=False)


class DatasetShown(serializers.Serializer[Dataset]):
    """A named source of data."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    origin = serializers.CharField()
    lawful_basis = serializers.CharField()
    known_gaps = serializers.CharField()
    registered_by = serializers.CharField(source="registered_by.username")
    registered_at = serializers.DateTimeField()


class DatasetVersionEntry(Strict):
    """A new snapshot: its table, uploaded or in a table source, the role of each column, and what part of the data it is."""

    version = Text()
    artifact_sha256 = Text(required=False)
    source = Text(required=False)  # type: ignore[assignment]  # declared fields leave the class again
    locator = Text(required=False)
    format = Text(required=False)
    dialect = Object(required=False)
    task = Text(required=False)
    roles = Object()
    split_role = Text()


class DatasetVersionShown(serializers.Serializer[DatasetVersion]):
    """A snapshot."""

    dataset = serializers.CharField(source="dataset_id")
    version = serializers.CharField()
    artifact_sha256 = serializers.CharField(source="artifact_id", allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # declared fields leave the class again
    locator = serializers.CharField()
    format = serializers.CharField()
    dialect = serializers.DictField()
    task = serializers.CharField()
    roles = serializers.DictField()
    split_role = serializers.CharField(source="split")
    row_count = serializers.IntegerField(allow_null=True)
    columns = serializers.ListField()
    digest = serializers.CharField()
    registered_by = serializers.CharField(source="registered_by.username")
    registered_at = serializers.DateTimeField()


class DatasetList(Resource):
    """All datasets."""

    scopes = {"GET": "inventory:read", "POST": "inventory:write"}
    roles = {"GET": EVERYBODY, "POST": REGISTERING}
    parameters = then.PARAMETERS
    ordering = ("slug",)

    @described(
        "List datasets",
        answers={200: DatasetShown},
        listed=True,
        query=("as_of", "after"),
        operation="datasets_list",
    )
    def get(self, request: Request) -> Response:
        """Return a page of datasets; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            with then.past_of(request) as past:
                rows = then.behind(request, then.in_order(past.rows(Dataset), *self.ordering))
                return then.listed(request, past, rows, lambda page: _datasets_then(past, page))
        return self.page(Dataset.objects.select_related("registered_by"), lambda page: many(DatasetShown, page))

    @described("Register a dataset", body=DatasetEntry, answers={200: DatasetShown, 201: DatasetShown})
    def post(self, request: Request) -> Response:
        """Register a dataset; the same statement again is 200 and the same row."""
        dataset, created = register_dataset(actor=self.actor, **self.body(DatasetEntry))
        return Response(_dataset(dataset), status=201 if created else 200)


class DatasetVersionList(Resource):
    """The snapshots of a dataset."""

    scopes = {"GET": "inventory:read", "POST": "inventory:write"}
    roles = {"GET": EVERYBODY, "POST": REGISTERING}
    parameters = then.PARAMETERS
    ordering = ("-registered_at", "-id")

    @described(
        "List snapshots",
        answers={200: DatasetVersionShown},
        listed=True,
        query=("as_of", "after"),
        operation="dataset_versions_list",
    )
    def get(self, request: Request, dataset: str) -> Response:
        """Return a page of snapshots, newest first; with ``as_of`` as the ledger has them at that instant."""
        if then.is_asked(request):
            with then.past_of(request) as past:
                found = past.rows(DatasetVersion, where={"dataset": [dataset_named(dataset).slug]})
                rows = then.behind(request, then.in_order(found, *self.ordering))
                return then.listed(request, past, rows, lambda page: _snapshots_then(past, page))
        present = dataset_named(dataset).versions.select_related("registered_by")
        return self.page(present, lambda page: many(DatasetVersionShown, page))

    @described(
        "Register a snapshot",
        body=DatasetVersionEntry,
        answers={200: DatasetVersionShown, 201: DatasetVersionShown},
    )
    def post(self, request: Request, dataset: str) -> Response:
        """Read the table where it lies and register it; the same statement again is 200 and the same row."""
        found = dataset_named(dataset)
        values = self.body(DatasetVersionEntry)
        values["split"] = values.pop("split_role")
        row, created = admit_dataset_version(found, actor=self.actor, **values)
        return Response(_snapshot(row), status=201 if created else 200)


def _dataset(dataset: Dataset) -> Mapping[str, Any]:
    return DatasetShown(dataset).data


def _snapshot(version: DatasetVersion) -> Mapping[str, Any]:
    return DatasetVersionShown(version).data


def _datasets_then(past: Past, rows: list[Dataset]) -> list[Mapping[str, Any]]:
    past.follow(rows, "registered_by")
    return many(DatasetShown, rows)


def _snapshots_then(past: Past, rows: list[DatasetVersion]) -> list[Mapping[str, Any]]:
    past.follow(rows, "registered_by")
    past.vouch(rows, dialect="", roles="", columns="")
    return many(DatasetVersionShown, rows)
