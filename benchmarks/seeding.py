"""What is in the register before the clock starts? People, a token, models and versions, by the real actions."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.models import Artifact, User


@dataclass(frozen=True)
class Seed:
    """What the calls need: a token, the model to register under, digests of versions, digests that no version has yet."""

    token: str
    model: str
    environment: str
    digests: tuple[str, ...]
    spare: tuple[str, ...]


def seed(*, models: int, registrations: int) -> Seed:
    """Enter ``models`` models with one version and one artifact each; return what the calls need."""
    from governance.actions.credentials import SCOPES, make_credential
    from registry.actions.deployments import register_environment
    from registry.actions.inventory import register_model
    from registry.actions.people import (
        grant_role,
        register_person,
        register_service_account,
        set_up_first_person,
    )
    from registry.actions.versions import ArtifactRef, Origin, register_version
    from registry.models import Role

    adam = set_up_first_person(username="adam", display_name="Adam")
    ravi = register_person(username="ravi", display_name="Ravi", actor=adam)
    ada = register_person(username="ada", display_name="Ada", actor=adam)
    grant_role(ravi, Role.RISK_MANAGER, actor=adam)
    grant_role(ada, Role.DEVELOPER, actor=adam)
    robot = register_service_account(username="ci-bot", display_name="ci-bot", responsible=ada, actor=adam)
    _, token = make_credential(robot, name="bench", scopes=sorted(SCOPES), days=1, actor=adam)
    register_environment(slug="production", name="Production", gated=True, actor=ravi)
    digests, spare = [], []
    for number in range(models):
        model, _ = register_model(slug=f"model-{number:05}", name=f"Model {number}", actor=robot)
        artifact = _stored(f"weights of model {number}", actor=robot)
        reference = ArtifactRef(artifact=artifact, role="model", format="joblib")
        register_version(
            model, version="1.0.0", artifacts=[reference], datasets=[], scoring={}, origin=Origin(), actor=robot
        )
        digests.append(artifact.sha256)
    for number in range(registrations):
        spare.append(_stored(f"weights to come {number}", actor=robot).sha256)
    return Seed(token=token, model="model-00000", environment="production", digests=tuple(digests), spare=tuple(spare))


def _stored(text: str, *, actor: User) -> Artifact:
    from registry.actions.artifacts import store_artifact

    content = pickle.dumps(text)  # a readable pickle that holds text and runs nothing
    artifact, _ = store_artifact(hashlib.sha256(content).hexdigest(), [content], actor=actor)
    return artifact
