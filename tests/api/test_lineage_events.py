"""Do the events of the standard lineage clients become edges? Completed runs do, and nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from registry.models import LineageEdge
from tests.api.calls import ci, nothing_written, refused
from tests.builders import a_version
from tests.cast import Cast

EVENTS = "/api/v1/lineage/"
EVENT: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-21T10:00:00.000Z",
    "producer": "https://example.org/pipeline",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "0193477c-0000-7000-8000-000000000000", "facets": {"nominalTime": {"nominalStartTime": "x"}}},
    "job": {"namespace": "airflow", "name": "train.daily", "facets": {}},
    "inputs": [{"namespace": "postgres://db:5432", "name": "loans.public.applications", "facets": {}}],
    "outputs": [{"namespace": "s3://bucket", "name": "features/2026-10.parquet"}],
}


def edges() -> set[tuple[str, str, str, str, str]]:
    """Return all edges."""
    fields = ("source_kind", "source_key", "relation", "target_kind", "target_key")
    return set(LineageEdge.objects.values_list(*fields))


def test_a_completed_run_becomes_edges_from_inputs_over_the_job_to_outputs(cast: Cast) -> None:
    response = ci(cast).post(EVENTS, EVENT)
    assert response.status_code == 201
    job = ("job", "airflow/train.daily")
    assert edges() == {
        ("outside_dataset", "postgres://db:5432/loans.public.applications", "read_by", *job),
        (*job, "built_by", "outside_dataset", "s3://bucket/features/2026-10.parquet"),
    }
    assert len(response.json()["edges"]) == 2


def test_the_same_event_again_adds_nothing(cast: Cast) -> None:
    ci(cast).post(EVENTS, EVENT)
    with nothing_written():
        assert ci(cast).post(EVENTS, EVENT).status_code == 201


def test_registered_things_are_named_by_our_namespaces(cast: Cast) -> None:
    a_version(cast)
    event = EVENT | {
        "inputs": [{"namespace": "cadastre:dataset", "name": "loans/2026-09"}],
        "outputs": [{"namespace": "cadastre:model", "name": "consumer-credit-default/1.0"}],
    }
    assert ci(cast).post(EVENTS, event).status_code == 201
    up = ci(cast).get("/api/v1/models/consumer-credit-default/versions/1.0/lineage/").json()["upstream"]
    assert {"kind": "job", "key": "airflow/train.daily"} in [edge["source"] for edge in up]


@pytest.mark.parametrize("state", ["START", "RUNNING", "ABORT", "FAIL", "OTHER"])
def test_a_run_that_has_not_completed_leaves_no_edge(cast: Cast, state: str) -> None:
    with nothing_written():
        response = ci(cast).post(EVENTS, EVENT | {"eventType": state})
    assert (response.status_code, response.json()) == (200, {"edges": []})


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"eventType": "COMPLETE"},
        EVENT | {"run": "0193477c"},
        EVENT | {"run": {}},
        EVENT | {"job": {"name": "x"}},
        EVENT | {"eventType": "DONE"},
        EVENT | {"eventTime": 5},
        EVENT | {"inputs": {"namespace": "a", "name": "b"}},
        EVENT | {"outputs": [{"namespace": "a"}]},
        EVENT | {"outputs": ["a/b"]},
    ],
)
def test_what_is_not_a_run_event_is_refused(cast: Cast, event: dict[str, Any]) -> None:
    with nothing_written():
        refused(ci(cast).post(EVENTS, event), 422, "not-a-run-event")


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [
        ({"namespace": "cadastre:model", "name": "nobody/1.0"}, 404, "unknown-model"),
        ({"namespace": "cadastre:dataset", "name": "nothing/1"}, 422, "unknown-dataset-version"),
        ({"namespace": "s3", "name": "a\nb"}, 422, "text-has-control-characters"),
        ({"namespace": "s3", "name": "x" * 300}, 422, "text-too-long"),
        ({"namespace": "", "name": "x"}, 422, "text-empty"),
        ({"namespace": "airflow", "name": "\u202etxt"}, 422, "text-has-direction-override"),
    ],
)
def test_an_end_that_cannot_be_named_refuses_the_whole_run(
    cast: Cast, end: dict[str, str], status: int, code: str
) -> None:
    with nothing_written():
        refused(ci(cast).post(EVENTS, EVENT | {"outputs": [*EVENT["outputs"], end]}), status, code)


def test_a_run_that_would_close_a_circle_is_refused_whole(cast: Cast) -> None:
    ci(cast).post(EVENTS, EVENT)
    back = EVENT | {"inputs": EVENT["outputs"], "outputs": EVENT["inputs"]}
    with nothing_written():
        refused(ci(cast).post(EVENTS, back), 409, "lineage-cycle")


def test_a_run_with_thousands_of_ends_is_refused(cast: Cast) -> None:
    many = [{"namespace": "s3", "name": f"part-{number}"} for number in range(1000)]
    with nothing_written():
        refused(ci(cast).post(EVENTS, EVENT | {"inputs": many}), 413, "lineage-too-large")
