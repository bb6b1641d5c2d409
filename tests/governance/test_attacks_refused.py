"""Are the ways in that a review found shut? Each test is one attack that worked once."""

from __future__ import annotations

import pytest
from django.urls import reverse

from registry.errors import DomainError
from registry.models import Contribution, DatasetVersion, User
from registry.storage import artifacts
from tests import builders
from tests.cast import Cast, a_client, signed_in

pytestmark = pytest.mark.django_db


def test_a_list_of_people_is_not_narrowed_by_their_password_hashes(cast: Cast) -> None:
    people = reverse("admin:registry_user_changelist")
    assert User.objects.get(username="pia").password
    answer = signed_in(cast.otto).get(people, {"username__exact": "pia", "password__startswith": "argon2"})
    assert answer.status_code == 400
    assert signed_in(cast.otto).get(people, {"kind__exact": "person"}).status_code == 200


def test_whoever_supplied_the_data_has_a_hand_in_the_version(cast: Cast) -> None:
    version = builders.a_promotable_version(cast)
    supplied = version.contributions.filter(kind=Contribution.Kind.SUPPLIED).values_list("person", flat=True)
    snapshots = DatasetVersion.objects.filter(version_links__version=version)
    wanted = {row.registered_by.person.pk for row in snapshots} | {
        row.artifact.uploaded_by.person.pk for row in snapshots
    }
    assert set(supplied) == wanted
    assert wanted


def test_a_version_is_not_evaluated_on_its_training_data(cast: Cast) -> None:
    from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version

    snapshot = builders.a_dataset_version(cast)
    used = [DatasetRef(snapshot, "training"), DatasetRef(snapshot, "evaluation")]
    held = ArtifactRef(builders.an_artifact(cast), "model", "skops")
    with pytest.raises(DomainError) as caught:
        register_version(
            builders.a_model(cast), version="1.0", artifacts=[held], datasets=used, scoring={}, origin=Origin(),
            actor=cast.ci_bot,
        )  # fmt: skip
    assert caught.value.code == "evaluated-on-training-data"
    assert artifacts().holds(held.artifact.sha256)


def test_the_gate_repeats_no_answer_for_a_key(cast: Cast) -> None:
    question = {"artifact_sha256": "0" * 64, "environment": "production", "nonce": "asked-once-only"}
    headers = {"Authorization": f"Bearer {cast.token}", "Idempotency-Key": "k"}
    path = "/api/v1/gate/decisions/"
    first = a_client().post(path, question, content_type="application/json", headers=headers)
    again = a_client().post(path, question, content_type="application/json", headers=headers)
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 409, "nonce-used")
