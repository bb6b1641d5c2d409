"""Which version can be measured without the sandbox? One that brings its scores along, in a column of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests import builders
from tests.cast import Cast

if TYPE_CHECKING:
    from registry.models import DatasetVersion, ModelVersion

SCORED_ROLES: dict[str, Any] = {"target": "defaulted", "score": "score", "features": ["age"], "sensitive": ["group"]}
HEADER = "age,group,score,defaulted"
COLUMNS = HEADER.split(",")


def scored_table(*, good: bool = True, rows: int = 60, group: str = "b") -> bytes:
    """Return a CSV table whose scores rank the cases well, or the wrong way round."""
    lines = [HEADER]
    for row in range(rows):
        label = int(row % 3 == 0)
        risk = 0.55 + 0.006 * (row % 50) if (label == 1) == good else 0.05 + 0.006 * (row % 50)
        lines.append(f"{20 + row},{'a' if row % 2 else group},{risk:.3f},{label}")
    return ("\n".join(lines) + "\n").encode()


def a_snapshot(
    cast: Cast, version: str, data: bytes, *, split: str = "evaluation", roles: dict[str, Any] = SCORED_ROLES
) -> DatasetVersion:
    """Register a snapshot without looking into its bytes, so that also a bad one gets in."""
    from registry.actions.datasets import checked_roles, register_dataset_version

    made, _ = register_dataset_version(
        builders.a_dataset(cast, "scored-loans"),
        version=version,
        artifact=builders.an_artifact(cast, data),
        format="csv",
        roles=checked_roles(dict(roles)),
        split=split,
        row_count=max(data.count(b"\n") - 1, 0),
        columns=[{"name": name, "type": "text" if name == "group" else "number"} for name in COLUMNS],
        actor=cast.ci_bot,
    )
    return made


def a_scored_version(
    cast: Cast, version: str = "1.0", *, evaluation: bytes | None = None, training: bytes | None = None, **more: Any
) -> ModelVersion:
    """Register a vendor's version: a model card, and tables that already hold its scores."""
    from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version

    evaluation = scored_table() if evaluation is None else evaluation
    training = scored_table(rows=90) if training is None else training
    made, _ = register_version(
        more.pop("model", None) or builders.a_model(cast),
        version=version,
        artifacts=[ArtifactRef(builders.an_artifact(cast, f"card of {version}".encode()), "card")],
        datasets=[
            DatasetRef(a_snapshot(cast, f"training-{version}", training, split="training", **more), "training"),
            DatasetRef(a_snapshot(cast, f"evaluation-{version}", evaluation, **more), "evaluation"),
        ],
        scoring={"threshold": 0.5, "positive_label": 1},
        origin=Origin(change_summary=f"Version {version}."),
        actor=cast.ci_bot,
    )
    return made


def ask_for(cast: Cast, version: ModelVersion, *, policy: str = "") -> Any:
    """Ask for a version's promotion to production under the small test policy, or under the text ``policy``."""
    from governance.actions.promotions import open_promotion
    from governance.models import PolicyVersion

    place = builders.an_environment(cast)
    if not version.model.tier_assessments.exists():
        builders.a_tier(cast, version.model)
    if not PolicyVersion.objects.exists():
        builders.a_policy(cast, text=policy)
    return open_promotion(version, environment=place, actor=cast.ci_bot)[0]
