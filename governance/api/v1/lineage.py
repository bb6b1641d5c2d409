"""What came from what? OpenLineage run events in, the walk of a version's lineage out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.actions.lineage import record_pipeline_run
from governance.api.auth import EVERYBODY, require_model
from governance.api.resource import Resource
from governance.api.rows import version_named
from governance.api.schema import described
from registry import texts
from registry.errors import DomainError
from registry.lineage import Node, ancestors, descendants
from registry.models import DatasetVersion, LineageEdge, Role, VersionDataset

OUR_MODELS = "cadastre:model"
OUR_DATASETS = "cadastre:dataset"
STATES = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})
LONGEST_KEY = 200


class NodeShown(serializers.Serializer[Any]):
    """One end of an edge."""

    kind = serializers.CharField()
    key = serializers.CharField()


class EdgeShown(serializers.Serializer[LineageEdge]):
    """That ``source`` led to ``target``."""

    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field of the answer, not the option of the base class
    relation = serializers.ChoiceField(LineageEdge.Relation.choices)
    target = serializers.SerializerMethodField()
    recorded_at = serializers.DateTimeField()

    def get_source(self, edge: LineageEdge) -> dict[str, str]:
        """Return where the edge comes from."""
        return {"kind": edge.source_kind, "key": edge.source_key}

    def get_target(self, edge: LineageEdge) -> dict[str, str]:
        """Return where the edge leads."""
        return {"kind": edge.target_kind, "key": edge.target_key}


class LineageShown(serializers.Serializer[Any]):
    """The lineage of one node: what led to it and what came of it, nearest first."""

    node = NodeShown()
    upstream = EdgeShown(many=True)
    downstream = EdgeShown(many=True)


class EndNamed(serializers.Serializer[Any]):
    """A dataset of a run event. ``cadastre:model`` and ``cadastre:dataset`` name what is registered here."""

    namespace = serializers.CharField()
    name = serializers.CharField()


class RunEvent(serializers.Serializer[Any]):
    """An OpenLineage RunEvent; facets and other members are taken and not kept."""

    eventType = serializers.ChoiceField(sorted(STATES))
    eventTime = serializers.DateTimeField()
    run = serializers.DictField()
    job = EndNamed()
    inputs = EndNamed(many=True, required=False)
    outputs = EndNamed(many=True, required=False)
    producer = serializers.CharField()
    schemaURL = serializers.CharField(required=False)


class RunRecorded(serializers.Serializer[Any]):
    """The edges that a run event stands for; none before the run is complete."""

    edges = EdgeShown(many=True)


class LineageEvents(Resource):
    """Where pipelines report their runs."""

    scopes = {"POST": "inventory:write"}
    roles = {"POST": frozenset({Role.DEVELOPER})}

    @described("Report an OpenLineage run", body=RunEvent, answers={200: RunRecorded, 201: RunRecorded})
    def post(self, request: Request) -> Response:
        """Record what a completed run read and built; any other state of a run is taken note of without an edge."""
        event = request.data
        if not isinstance(event, dict) or not _is_run_event(event):
            raise DomainError("not-a-run-event", _("This is not an OpenLineage RunEvent with run, job and eventType."))
        job = ("job", _key(event["job"]))
        inputs = [_node(request, end) for end in event.get("inputs") or []]
        outputs = [_node(request, end) for end in event.get("outputs") or []]
        if event["eventType"] != "COMPLETE":
            return Response({"edges": []})
        edges = record_pipeline_run(job, inputs=inputs, outputs=outputs, actor=self.actor)
        return Response({"edges": _shown(edges)}, status=201)


class VersionLineage(Resource):
    """The lineage of a version."""

    scopes = {"GET": "inventory:read"}
    roles = {"GET": EVERYBODY}

    @described("Walk the lineage of a version", answers={200: LineageShown})
    def get(self, request: Request, model: str, version: str) -> Response:
        """Return all that led to a version and all that came of it."""
        found = version_named(request, model, version)
        node = (found.ledger_kind, found.ledger_key())
        return Response(
            {
                "node": {"kind": node[0], "key": node[1]},
                "upstream": _shown(ancestors(node)),
                "downstream": _shown(descendants(node)),
            }
        )


def _shown(edges: list[LineageEdge]) -> list[Mapping[str, Any]]:
    return [EdgeShown(edge).data for edge in edges]


def _is_run_event(event: Mapping[str, Any]) -> bool:
    run, job = event.get("run"), event.get("job")
    ends = [event.get("inputs") or [], event.get("outputs") or []]
    return (
        event.get("eventType") in STATES
        and isinstance(event.get("eventTime"), str)
        and isinstance(run, dict)
        and isinstance(run.get("runId"), str)
        and _is_end(job)
        and all(isinstance(listed, list) and all(map(_is_end, listed)) for listed in ends)
    )


def _is_end(end: object) -> bool:
    return isinstance(end, dict) and isinstance(end.get("namespace"), str) and isinstance(end.get("name"), str)


def _node(request: Request, end: Mapping[str, str]) -> Node:
    if end["namespace"] == OUR_MODELS:
        model, _slash, version = end["name"].partition("/")
        found = version_named(request, model, version)
        return found.ledger_kind, found.ledger_key()
    if end["namespace"] == OUR_DATASETS:
        dataset, _slash, version = end["name"].partition("/")
        if not DatasetVersion.objects.filter(dataset=dataset, version=version).exists():
            raise DomainError("unknown-dataset-version", _("There is no dataset version of that name."))
        users = VersionDataset.objects.filter(dataset_version__dataset=dataset, dataset_version__version=version)
        for model in sorted(set(users.values_list("version__model_id", flat=True))):
            require_model(request, model)
        return DatasetVersion.ledger_kind, f"{dataset}/{version}"
    return "outside_dataset", _key(end)


def _key(end: Mapping[str, str]) -> str:
    texts.line(end["namespace"], field="namespace")
    texts.line(end["name"], field="name")
    return texts.line(f"{end['namespace']}/{end['name']}", field="name", limit=LONGEST_KEY)
