"""What does it take to register a model and a version, and what is the same, another, or none?"""

from __future__ import annotations

import pytest

from registry.actions.inventory import edit_model, register_model
from registry.actions.versions import ArtifactRef, DatasetRef, Origin, move_stage, register_version
from registry.errors import DomainError
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.lifecycle import Stage
from registry.models import Contribution, LineageEdge, Model, ModelVersion
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def enter(cast, model, **fields):
    stated = {
        "version": "1.0", "artifacts": [ArtifactRef(builders.an_artifact(cast), "model", "skops")], "datasets": [],
        "scoring": {"threshold": 0.5}, "origin": Origin(), "actor": cast.ci_bot,
    }  # fmt: skip
    return register_version(model, **stated | fields)


def test_the_same_statement_is_the_same_row_and_another_is_a_conflict(cast):
    model = builders.a_model(cast)
    first, created = enter(cast, model)
    events = LedgerEvent.objects.count()
    assert (created, enter(cast, model)) == (True, (first, False))
    assert LedgerEvent.objects.count() == events
    other = ArtifactRef(builders.an_artifact(cast, b"other bytes"), "model", "skops")
    for difference in (
        {"artifacts": [other]},
        {"artifacts": [ArtifactRef(builders.an_artifact(cast), "model", "joblib")]},
        {"scoring": {"threshold": 0.4}},
        {"origin": Origin(seed=1)},
        {"origin": Origin(code_commit="abc")},
        {"origin": Origin(hyperparameters={"depth": 3})},
        {"origin": Origin(library_versions={"scikit-learn": "1.9"})},
        {"datasets": [DatasetRef(builders.a_dataset_version(cast), "evaluation")]},
    ):
        with pytest.raises(DomainError, match="version-differs") as refusal:
            enter(cast, model, **difference)
        assert refusal.value.kind == "conflict"
        assert refusal.value.context["registered"] == first.manifest_digest
    assert ModelVersion.objects.count() == 1
    assert differences() == []


def test_who_registered_uploaded_and_supplied_the_data_is_recorded_as_a_person(cast):
    version = builders.a_version(cast)
    assert set(version.contributions.values_list("person__username", "kind")) == {
        ("ada", Contribution.Kind.REGISTERED),
        ("ada", Contribution.Kind.UPLOADED),
        ("ada", Contribution.Kind.SUPPLIED),
    }
    assert version.registered_by == cast.ci_bot


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (lambda one, two, data: {"artifacts": []}, "artifact-missing"),
        (lambda one, two, data: {"artifacts": [one, one]}, "artifact-named-twice"),
        (lambda one, two, data: {"artifacts": [one, two]}, "several-model-artifacts"),
        (lambda one, two, data: {"datasets": [DatasetRef(data, "training")] * 2}, "dataset-role-twice"),
    ],
)
def test_a_version_that_names_things_twice_or_not_at_all_is_refused(cast, fields, code):
    model = builders.a_model(cast)
    one = ArtifactRef(builders.an_artifact(cast), "model", "skops")
    two = ArtifactRef(builders.an_artifact(cast, b"two"), "model", "skops")
    with pytest.raises(DomainError, match=code):
        enter(cast, model, **fields(one, two, builders.a_dataset_version(cast)))
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize(
    "name", ["", " 1.0", "1.0 ", "1/0", "../1", "v" * 81, "1\u20240", "١.٠", "1.0\n", ".1", None, 1]
)
def test_a_version_is_named_plainly(cast, name):
    with pytest.raises(DomainError, match="bad-version-name"):
        enter(cast, builders.a_model(cast), version=name)


def test_a_retired_model_takes_no_further_version(cast):
    model = builders.a_model(cast)
    Model.objects.update(retired_at=model.registered_at)
    with pytest.raises(DomainError, match="model-retired"):
        enter(cast, model)


@pytest.mark.parametrize("name", ["olga", "vera", "ravi", "pia", "otto", "adam"])
def test_only_developers_and_their_accounts_register_versions(cast, name):
    model, artifact = builders.a_model(cast), builders.an_artifact(cast)
    with pytest.raises(DomainError, match="role-missing"):
        enter(cast, model, artifacts=[ArtifactRef(artifact, "model", "skops")], actor=getattr(cast, name))


def test_lineage_leads_from_data_through_the_version_to_its_bytes_and_its_successor(cast):
    first = builders.a_version(cast)
    builders.a_version(cast, "2.0", model=first.model, data=b"2.0")
    edges = set(LineageEdge.objects.values_list("source_key", "relation", "target_key"))
    name = "consumer-credit-default/1.0"
    assert {
        ("loans/2026-09", "trained_on", name),
        ("loans/2026-10", "evaluated_on", name),
        (name, "serialised_as", first.model_artifact().artifact_id),
        ("0123abcd", "built_by", name),
        (name, "replaces", "consumer-credit-default/2.0"),
    } <= edges


def test_an_event_too_large_for_the_ledger_leaves_nothing(cast):
    model = builders.a_model(cast)
    events = LedgerEvent.objects.count()
    big = Origin(hyperparameters={f"parameter-{number}": "x" * 100 for number in range(700)})
    with pytest.raises(DomainError, match="event-too-large"):
        enter(cast, model, artifacts=[ArtifactRef(builders.an_artifact(cast), "card")], origin=big)
    assert not ModelVersion.objects.exists()
    assert LedgerEvent.objects.filter(action__startswith="version.").count() == 0
    assert LedgerEvent.objects.count() == events + 1, "only the upload"


def test_a_model_is_entered_once_and_what_differs_is_named(cast):
    stated = {"slug": "scorecard", "name": "Scorecard", "intended_use": "Rank.", "kind": "statistical"}
    first, created = register_model(**stated, actor=cast.ci_bot)
    assert created
    assert register_model(**stated, actor=cast.ada) == (first, False)
    with pytest.raises(DomainError, match="model-differs") as refusal:
        register_model(**stated | {"intended_use": "Decide.", "kind": "rules"}, actor=cast.ci_bot)
    assert refusal.value.context["fields"] == ["intended_use", "kind"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "magic"}, "unknown-kind"),
        ({"kind": ["rules"]}, "unknown-kind"),
        ({"origin": ""}, "unknown-origin"),
        ({"affects_people": "yes"}, "not-a-boolean"),
        ({"owner": "ravi"}, "unknown-field"),
        ({"registered_by": "ravi"}, "unknown-field"),
        ({"retired_at": None}, "unknown-field"),
        ({"intended_use": 7}, "not-text"),
        ({"intended_use": "x" * 20_001}, "text-too-long"),
        ({"name": "x" * 201}, "text-too-long"),
        ({"name": ""}, "text-empty"),
    ],
)
def test_a_model_takes_known_fields_in_their_bounds_and_nothing_by_the_way(cast, fields, code):
    with pytest.raises(DomainError, match=code):
        register_model(**{"slug": "m", "name": "M"} | fields, actor=cast.ci_bot)
    assert not Model.objects.exists()
    model = builders.a_model(cast)
    with pytest.raises(DomainError, match=code):
        edit_model(model, **fields, actor=cast.ci_bot)


def test_editing_records_the_new_state_and_changing_nothing_records_nothing(cast):
    model = builders.a_model(cast)
    edit_model(model, description="Scores loans.", actor=cast.olga)
    events = LedgerEvent.objects.count()
    edit_model(model, description="Scores loans.", actor=cast.olga)
    assert LedgerEvent.objects.count() == events
    assert differences() == []


def test_an_illegal_move_is_refused_and_leaves_no_event(cast):
    version = builders.a_version(cast)
    events = LedgerEvent.objects.count()
    for stage in (Stage.APPROVED, Stage.VALIDATED, Stage.PENDING_APPROVAL, Stage.REJECTED, Stage.SUSPENDED):
        with pytest.raises(DomainError, match="illegal-stage-move"):
            move_stage(version, stage, actor=cast.ci_bot, reason="a test")
    move_stage(version, Stage.REGISTERED, actor=cast.ci_bot, reason="where it is")
    assert LedgerEvent.objects.count() == events
