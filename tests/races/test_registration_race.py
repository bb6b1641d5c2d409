"""When two machines state the same fact at the same instant, is it one row?"""

from __future__ import annotations

import pytest

from governance.actions.people import make_link, use_link
from governance.actions.policies import draft_policy, publish_policy
from governance.models import PolicyVersion
from registry.actions.artifacts import store_artifact
from registry.actions.datasets import register_dataset
from registry.actions.deployments import record_deployment, register_environment
from registry.actions.inventory import register_model
from registry.actions.people import register_person
from registry.actions.versions import ArtifactRef, Origin, register_version
from registry.digests import sha256_hex
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from registry.models import Artifact, Dataset, Deployment, Environment, LineageEdge, Model, ModelVersion, User
from tests import builders
from tests.cast import PASSWORD, make_cast
from tests.races.racing import at_once, codes, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def entering(cast, model, artifact, version="1.0", seed=1):
    return lambda: register_version(
        model,
        version=version,
        artifacts=[ArtifactRef(artifact, "model", "skops")],
        datasets=[],
        scoring={"threshold": 0.5},
        origin=Origin(seed=seed),
        actor=cast.ci_bot,
    )


def test_two_registrations_of_the_same_version_are_one_row():
    cast = make_cast()
    model, artifact = builders.a_model(cast), builders.an_artifact(cast)
    ends = at_once([entering(cast, model, artifact)] * 4)
    assert codes(ends) == []
    assert sorted(created for _, created in ends) == [False, False, False, True]
    assert ModelVersion.objects.count() == 1
    assert LedgerEvent.objects.filter(action="version.registered").count() == 1
    assert differences() == []


def test_of_two_different_versions_of_one_name_one_is_refused():
    cast = make_cast()
    model, artifact = builders.a_model(cast), builders.an_artifact(cast)
    ends = at_once([entering(cast, model, artifact, seed=seed) for seed in (1, 2)])
    assert codes(ends) == ["version-differs"]
    assert ModelVersion.objects.count() == 1


def test_different_versions_registered_at_once_all_come_in():
    cast = make_cast()
    model = builders.a_model(cast)
    held = [builders.an_artifact(cast, builders.MODEL_BYTES + bytes([number])) for number in range(4)]
    ends = at_once([entering(cast, model, held[number], version=f"{number}.0") for number in range(4)])
    assert codes(ends) == []
    assert ModelVersion.objects.count() == 4
    assert LineageEdge.objects.filter(relation="replaces").count() == 3
    assert differences() == []


def test_the_same_model_dataset_place_and_bytes_stated_at_once_are_one_row_each():
    cast = make_cast()
    data = b"the same bytes"
    for works in (
        [lambda: register_model(slug="scorecard", name="Scorecard", actor=cast.ci_bot)] * 3,
        [lambda: register_dataset(slug="loans", name="Loans", actor=cast.ci_bot)] * 3,
        [lambda: register_environment(slug="production", name="Production", gated=True, actor=cast.ravi)] * 3,
        [lambda: store_artifact(sha256_hex(data), [data], actor=cast.ci_bot)] * 3,
    ):
        ends = at_once(works)
        assert codes(ends) == []
        assert sorted(created for _, created in ends) == [False, False, True]
    assert [kind.objects.count() for kind in (Model, Dataset, Environment, Artifact)] == [1, 1, 1, 1]
    assert differences() == []


def test_one_user_name_given_out_twice_at_once_is_given_once():
    cast = make_cast()
    ends = at_once([lambda: register_person(username="nora", display_name="Nora", actor=cast.adam)] * 3)
    assert sorted(codes(ends)) == ["username-taken"] * 2
    assert User.objects.filter(username="nora").count() == 1


def test_a_policy_drafted_twice_at_once_gets_two_numbers_or_one_refusal():
    cast = make_cast()
    texts = [builders.POLICY.format(slug="rules", environment="production", auc=auc) for auc in (0.6, 0.7)]
    ends = at_once([lambda text=text: draft_policy(text, actor=cast.ravi) for text in texts])
    assert set(codes(ends)) <= {"policy-drafted-meanwhile"}
    numbers = sorted(PolicyVersion.objects.values_list("number", flat=True))
    assert numbers == list(range(1, len(won(ends)) + 1))
    draft = PolicyVersion.objects.get(number=1)
    ends = at_once([lambda: publish_policy(PolicyVersion.objects.get(pk=draft.pk), actor=cast.pia)] * 3)
    assert sorted(codes(ends)) == ["policy-not-a-draft"] * 2


def test_one_deployment_reported_twice_at_once_is_one_row():
    cast = make_cast()
    version, place = builders.a_version(cast), builders.an_environment(cast)
    sha256 = version.model_artifact().artifact_id
    ends = at_once(
        [
            lambda: record_deployment(
                version, environment=place, artifact_sha256=sha256, gate_decision=None, gated=False, actor=cast.ci_bot
            )
        ]
        * 4
    )
    assert codes(ends) == []
    assert sorted(created for _, created in ends) == [False, False, False, True]
    assert Deployment.objects.count() == 1
    assert differences() == []


def test_a_one_time_link_opened_in_two_windows_lets_one_in():
    cast = make_cast()
    token = make_link(cast.vera, actor=cast.adam).rsplit("/", 2)[-2]
    ends = at_once([lambda number=number: use_link(token, password=f"{PASSWORD} {number}") for number in range(4)])
    assert sorted(codes(ends)) == ["link-not-valid"] * 3
    cast.vera.refresh_from_db()
    assert sum(cast.vera.check_password(f"{PASSWORD} {number}") for number in range(4)) == 1
