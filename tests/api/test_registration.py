"""How does CI register what it built? Model, data, bytes and version over HTTP, each statement as often as it likes."""

from __future__ import annotations

from typing import Any

import pytest

from registry.digests import sha256_hex
from tests.api.calls import a_skops_file, ci, nothing_written, person, refused
from tests.builders import a_dataset_version, a_policy, a_tier, a_version, an_environment
from tests.cast import Cast

pytestmark = pytest.mark.postgres

MODEL = {"slug": "credit", "name": "Consumer credit", "intended_use": "Decide on loans.", "business_line": "Retail"}
VERSIONS = "/api/v1/models/credit/versions/"


def upload(cast: Cast, data: bytes) -> str:
    """Upload bytes and return their digest."""
    digest = sha256_hex(data)
    assert ci(cast).put(f"/api/v1/artifacts/{digest}", data).status_code in {200, 201}
    return digest


def a_registered_version(cast: Cast, **changes: Any) -> dict[str, Any]:
    """Register a model, a snapshot and the bytes of a version, and return the body that registers the version."""
    caller = ci(cast)
    assert caller.post("/api/v1/models/", MODEL).status_code in {200, 201}
    a_dataset_version(cast, "2026-10")
    return {
        "version": "1.0",
        "artifacts": [{"sha256": upload(cast, a_skops_file()), "role": "model", "format": "skops"}],
        "datasets": [{"dataset": "loans", "version": "2026-10", "role": "evaluation"}],
        "scoring": {"threshold": 0.5, "positive_label": 1},
        "code_commit": "0123abcd",
        "training_run": "run-7",
        "change_summary": "First.",
        "library_versions": {"scikit-learn": "1.9.0"},
        "hyperparameters": {"C": 1.0, "penalty": None, "nested": {"depth": [1, 2, 3]}},
        "seed": 7,
        "contributors": [{"person": "vera", "kind": "trained"}],
    } | changes


def test_a_model_is_entered_once_and_read_back(cast: Cast) -> None:
    first, second = (ci(cast).post("/api/v1/models/", MODEL) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    shown = ci(cast).get("/api/v1/models/credit/").json()
    assert shown == first.json() == second.json()
    assert shown | MODEL == shown
    assert (shown["owner"], shown["tier"], shown["registered_by"]) == (None, None, "ci-bot")


def test_the_same_name_for_another_model_is_a_conflict(cast: Cast) -> None:
    ci(cast).post("/api/v1/models/", MODEL)
    with nothing_written():
        document = refused(ci(cast).post("/api/v1/models/", MODEL | {"name": "Other"}), 409, "model-differs")
    assert document["fields"] == ["name"]


def differing(now: dict[str, Any], then: dict[str, Any]) -> set[str]:
    """Return the fields of two answers that differ."""
    return {name for name in now if now[name] != then[name]}


def test_an_entry_is_edited_and_shown_as_it_was_before(cast: Cast) -> None:
    from registry.ledger.clock import database_now

    ci(cast).post("/api/v1/models/", MODEL)
    before = database_now().isoformat().replace("+00:00", "Z")
    edited = ci(cast).patch("/api/v1/models/credit/", {"intended_use": "Decide on cars.", "affects_people": False})
    assert edited.json()["intended_use"] == "Decide on cars."
    past = ci(cast).get(f"/api/v1/models/credit/?as_of={before}").json()
    assert (past["intended_use"], past["affects_people"], past["as_of"]) == ("Decide on loans.", True, before)
    assert past["registered_by"] == "ci-bot"
    listed = ci(cast).get(f"/api/v1/models/?as_of={before}").json()
    assert listed["results"] == [{name: value for name, value in past.items() if name != "people"}]
    assert listed["next"] is None
    assert listed["people"] == past["people"] == [{"id": str(cast.ci_bot.pk), "person": "ci-bot", "name": "CI"}]
    assert differing(ci(cast).get("/api/v1/models/credit/").json(), past) == {"intended_use", "affects_people"}


@pytest.mark.parametrize("instant", ["", "yesterday", "2026-11-21", "2026-11-21T12:00:00", "0000-01-01T00:00:00Z"])
def test_an_instant_without_a_time_zone_is_none(cast: Cast, instant: str) -> None:
    refused(ci(cast).get(f"/api/v1/models/?as_of={instant}"), 422, "bad-instant")


def test_a_version_is_registered_once_with_everything_that_was_said(cast: Cast) -> None:
    body = a_registered_version(cast)
    first, second = (ci(cast).post(VERSIONS, body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200), first.content
    shown = ci(cast).get(f"{VERSIONS}1.0/").json()
    assert shown == first.json() == second.json()
    same = ("version", "scoring", "code_commit", "training_run", "change_summary", "library_versions", "seed")
    assert {name: shown[name] for name in same} == {name: body[name] for name in same}
    assert shown["hyperparameters"] == body["hyperparameters"]
    assert shown["artifacts"] == [body["artifacts"][0] | {"size": len(a_skops_file())}]
    assert shown["datasets"][0]["role"] == "evaluation"
    hands = {(one["person"], one["kind"]) for one in shown["contributors"]}
    assert hands == {("ada", "registered"), ("ada", "uploaded"), ("ada", "supplied"), ("vera", "trained")}
    assert (shown["stage"], shown["validation"]) == ("registered", None)


def test_registering_wakes_validation_where_a_policy_demands_one(cast: Cast) -> None:
    from registry.models import Model

    body = a_registered_version(cast)
    an_environment(cast)
    a_policy(cast)
    a_tier(cast, Model.objects.get(pk="credit"))
    first = ci(cast).post(VERSIONS, body).json()
    run = ci(cast).get(f"/api/v1/validations/{first['validation']}/").json()
    assert (run["state"], run["progress"]["total"], run["results"]) == ("queued", 2, [])
    assert ci(cast).post(VERSIONS, body).json()["validation"] == first["validation"]


@pytest.mark.parametrize(
    "change",
    [
        {"artifacts": "other"},
        {"scoring": {"threshold": 0.6}},
        {"hyperparameters": {"C": 2.0}},
        {"datasets": []},
        {"seed": 8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_version_again_with_other_content_is_a_conflict(cast: Cast, change: dict[str, Any]) -> None:
    body = a_registered_version(cast)
    ci(cast).post(VERSIONS, body)
    if change.get("artifacts") == "other":
        digest = upload(cast, a_skops_file("sklearn.tree"))
        change = {"artifacts": [{"sha256": digest, "role": "model", "format": "skops"}]}
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body | change), 409, "version-differs")


def test_the_lineage_of_a_version_names_data_code_and_bytes(cast: Cast) -> None:
    version = a_version(cast)
    shown = ci(cast).get(f"/api/v1/models/{version.model_id}/versions/1.0/lineage/").json()
    here = {"kind": "version", "key": "consumer-credit-default/1.0"}
    assert shown["node"] == here
    up = {(edge["source"]["kind"], edge["source"]["key"], edge["relation"]) for edge in shown["upstream"]}
    assert up == {
        ("dataset_version", "loans/2026-09", "trained_on"),
        ("dataset_version", "loans/2026-10", "evaluated_on"),
        ("commit", "0123abcd", "built_by"),
    }
    (edge,) = shown["downstream"]
    assert (edge["source"], edge["relation"], edge["target"]["kind"]) == (here, "serialised_as", "artifact")


def test_a_developer_may_register_in_a_session_too(cast: Cast) -> None:
    assert person(cast.ada).post("/api/v1/models/", MODEL).json()["registered_by"] == "ada"


RECORDED = b"age,income,expected\n20,1000,0.25\n"


def _with_sample(cast: Cast, data: bytes, **how: str) -> dict[str, Any]:
    body = a_registered_version(cast, scoring={"threshold": 0.5, "conformance": {"tolerance": 1e-9}})
    sample = {"sha256": upload(cast, data), "role": "conformance", "format": "csv"} | how
    return body | {"artifacts": [*body["artifacts"], sample]}


def test_recorded_predictions_are_registered_with_the_version(cast: Cast) -> None:
    answer = ci(cast).post(VERSIONS, _with_sample(cast, RECORDED))
    assert answer.status_code == 201, answer.content
    shown = ci(cast).get(f"{VERSIONS}1.0/").json()
    assert {one["role"]: one["format"] for one in shown["artifacts"]} == {"model": "skops", "conformance": "csv"}
    assert shown["scoring"] == {"threshold": 0.5, "positive_label": 1, "conformance": {"tolerance": 1e-9}}


@pytest.mark.parametrize(
    ("data", "how", "code"),
    [
        (RECORDED, {"format": "parquet"}, "artifact-not-what-it-says"),
        (RECORDED, {"format": "xlsx"}, "unknown-table-format"),
        (RECORDED, {"format": ""}, "unknown-table-format"),
        (b"PAR1" + bytes(40) + b"PAR1", {"format": "csv"}, "artifact-not-what-it-says"),
        (b"\x80\x04\x00pickle", {"format": "csv"}, "artifact-not-what-it-says"),
    ],
)
def test_a_file_that_is_no_table_of_predictions_is_refused(cast: Cast, data: bytes, how, code: str) -> None:
    body = _with_sample(cast, data, **how)
    with nothing_written():
        refused(ci(cast).post(VERSIONS, body), 422, code)


def test_recorded_predictions_need_a_model_and_come_once(cast: Cast) -> None:
    body = _with_sample(cast, RECORDED)
    other = {"sha256": upload(cast, RECORDED + b"21,1010,0.5\n"), "role": "conformance", "format": "csv"}
    with nothing_written():
        twice = body | {"artifacts": [*body["artifacts"], other]}
        refused(ci(cast).post(VERSIONS, twice), 422, "several-conformance-artifacts")
        alone = body | {"artifacts": [other]}
        refused(ci(cast).post(VERSIONS, alone), 422, "conformance-without-model")


def test_which_answer_is_good_and_what_nobody_can_change_is_declared_with_the_version(cast: Cast) -> None:
    from governance.plans import build_plan
    from registry.models import ModelVersion

    stated = {"threshold": 0.3, "positive_label": 1, "favourable": "low", "immutable": ["age"]}
    body = a_registered_version(cast, scoring=stated)
    assert ci(cast).post(VERSIONS, body).json()["scoring"] == stated
    version = ModelVersion.objects.get(model="credit")
    plan = build_plan(version, policy=a_policy(cast), environment="production")
    assert plan["declared"] == {"favourable": "low", "immutable": ["age"]}


def test_a_feature_that_is_not_there_cannot_be_declared_immutable(cast: Cast) -> None:
    body = a_registered_version(cast, scoring={"threshold": 0.5, "immutable": ["age", "agee"]})
    with nothing_written():
        document = refused(ci(cast).post(VERSIONS, body), 422, "bad-scoring")
    assert document["field"] == "immutable"
    assert "'agee'" in document["detail"]


def test_a_statement_about_scoring_is_refused_by_field(cast: Cast) -> None:
    body = a_registered_version(cast, scoring={"task": "multiclass", "classes": ["a", "b"], "favourable": "c"})
    with nothing_written():
        document = refused(ci(cast).post(VERSIONS, body), 422, "bad-scoring")
    assert document["field"] == "favourable"
