"""How does a test get a model, a version, a policy, a concluded run? Built only through the real actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.cast import Cast, in_session_of

if TYPE_CHECKING:
    from audits.models import ValidationRun
    from governance.models import Approval, PolicyVersion, PromotionRequest
    from registry.models import Artifact, Dataset, DatasetVersion, Environment, Model, ModelVersion, User

MODEL_BYTES = b"the bytes of version 1.0"
TABLE = b"age,income,group,defaulted\n" + b"".join(
    b"%d,%d,%s,%d\n" % (20 + row, 1000 + 10 * row, b"a" if row % 2 else b"b", row % 3 == 0) for row in range(40)
)
ROLES: dict[str, Any] = {"target": "defaulted", "features": ["age", "income"], "sensitive": ["group"]}
POLICY = """
slug: {slug}
title: Test policy for {environment}
edition: "1"
effective_from: 2020-01-01
applies_to: {{tiers: [1, 2, 3], environments: [{environment}]}}
requirements:
  - {{key: auc, check: performance.roc_auc, op: ">=", limit: {auc}, severity: blocking, clause: test, mend: Train it better.}}
  - {{key: ece, check: calibration.expected_calibration_error, op: "<=", limit: 0.1, severity: advisory, clause: test,
     mend: Recalibrate.}}
approvals: {{quorum: 2, roles: [risk_manager, approver, validator], valid_days: 90}}
evidence: {{max_age_days: 90}}
lineage: {{training_required: true, evaluation_required: true}}
artifact_formats: [skops, joblib, onnx]
"""
HIGH_RISK = {"exposure": "high", "purpose": "rights_of_people", "complexity": "high"}
TRAINING_TABLE = b"".join(TABLE.splitlines(keepends=True)[:-1])


def a_model(cast: Cast, slug: str = "consumer-credit-default", **fields: Any) -> Model:
    """Register a model with an intended use, owned by Olga."""
    from registry.actions.inventory import assign_owner, register_model

    stated = {"name": "Consumer credit default", "intended_use": "Decide on consumer loans."} | fields
    model, _ = register_model(slug=slug, actor=cast.ci_bot, **stated)
    return assign_owner(model, cast.olga, actor=cast.ravi)


def an_artifact(cast: Cast, data: bytes = MODEL_BYTES, *, actor: User | None = None) -> Artifact:
    """Upload bytes."""
    from registry.actions.artifacts import store_artifact
    from registry.digests import sha256_hex

    artifact, _ = store_artifact(sha256_hex(data), [data], actor=actor or cast.ci_bot, declared=len(data))
    return artifact


def a_dataset(cast: Cast, slug: str = "loans") -> Dataset:
    """Register a dataset."""
    from registry.actions.datasets import register_dataset

    dataset, _ = register_dataset(slug=slug, name=slug.capitalize(), actor=cast.ci_bot)
    return dataset


def a_dataset_version(
    cast: Cast,
    version: str = "2026-10",
    *,
    dataset: str = "loans",
    data: bytes = TABLE,
    roles: Mapping[str, Any] = ROLES,
    split: str = "evaluation",
) -> DatasetVersion:
    """Register a CSV snapshot of a dataset with its column roles."""
    from registry.actions.datasets import checked_roles, register_dataset_version

    header, *rows = data.decode().splitlines()
    made, _ = register_dataset_version(
        a_dataset(cast, dataset),
        version=version,
        artifact=an_artifact(cast, data),
        format="csv",
        roles=checked_roles(dict(roles)),
        split=split,
        row_count=len(rows),
        columns=[{"name": name, "type": "text" if name == "group" else "number"} for name in header.split(",")],
        actor=cast.ci_bot,
    )
    return made


def a_version(
    cast: Cast,
    version: str = "1.0",
    *,
    model: Model | None = None,
    data: bytes = MODEL_BYTES,
    format: str = "skops",
    contributors: tuple[tuple[User, str], ...] = (),
    actor: User | None = None,
) -> ModelVersion:
    """Register a version with a model artifact, training data and evaluation data.

    The artifact's bytes are not looked at here: that is the business of ``governance.actions.versions.admit_version``.
    """
    from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version

    made, _ = register_version(
        model or a_model(cast),
        version=version,
        artifacts=[ArtifactRef(an_artifact(cast, data), "model", format)],
        datasets=[
            DatasetRef(a_dataset_version(cast, "2026-09", data=TRAINING_TABLE, split="training"), "training"),
            DatasetRef(a_dataset_version(cast, "2026-10", split="evaluation"), "evaluation"),
        ],
        scoring={"threshold": 0.5, "positive_label": 1},
        origin=Origin(change_summary=f"Version {version}.", code_commit="0123abcd", training_run="run-1", seed=7),
        contributors=contributors,
        actor=actor or cast.ci_bot,
    )
    return made


def an_environment(cast: Cast, slug: str = "production", *, gated: bool = True) -> Environment:
    """Name a place to run."""
    from registry.actions.deployments import register_environment

    place, _ = register_environment(slug=slug, name=slug.capitalize(), gated=gated, actor=cast.ravi)
    return place


def a_tier(cast: Cast, model: Model, answers: Mapping[str, str] = HIGH_RISK) -> int:
    """Assess a model's risk tier as Ravi."""
    from governance.actions.tiers import assess_tier

    return assess_tier(model, answers=answers, actor=cast.ravi).tier


def a_policy(
    cast: Cast, slug: str = "test-policy", *, environment: str = "production", auc: float = 0.7, text: str = ""
) -> PolicyVersion:
    """Have Ravi draft a small policy (quorum two, one blocking requirement) and Pia publish it."""
    from governance.actions.policies import draft_policy, publish_policy

    draft = draft_policy(text or POLICY.format(slug=slug, environment=environment, auc=auc), actor=cast.ravi)
    return publish_policy(draft, actor=cast.pia)


def a_concluded_run(run: ValidationRun, *, passed: bool = True, worker: str = "test-worker") -> ValidationRun:
    """Take the steps of a queued run and end it with one judged result per requirement of its plan."""
    from audits.actions.conclusion import JudgedRequirement
    from audits.actions.evidence import store_json
    from audits.checks.contract import Measurement
    from tests.governance.judging import concluded

    results = []
    for requirement in run.plan["requirements"]:
        at_least = requirement["op"].startswith(">")
        value = (0.83 if at_least else 0.04) if passed else (0.55 if at_least else 0.31)
        measurement = Measurement(
            value=value, unit="1", low=value - 0.02, high=value + 0.02, confidence=0.95, n=4000, method="DeLong"
        )
        evidence = store_json(
            {"run": str(run.pk), "requirement": requirement, "measurement": measurement.as_json()}, kind="measurement"
        )
        sign = "at least" if at_least else "at most"
        results.append(
            JudgedRequirement(
                requirement=requirement,
                status="met" if passed else "not_met",
                observed=f"{value} (95 % interval {value - 0.02:.2f} to {value + 0.02:.2f}), n = 4000",
                required=f"{sign} {requirement['limit']}",
                reason=f"The value is {'' if passed else 'not '}{sign} {requirement['limit']}.",
                mend="" if passed else requirement["mend"],
                evidence_sha256=evidence.sha256,
            )
        )
    return concluded(run, results, manifest={"sandbox": "none", "worker": worker}, worker=worker)


def a_promotable_version(cast: Cast, version: str = "1.0", **fields: Any) -> ModelVersion:
    """Register a version, the gated place production, the model's risk tier and the policy that joins them."""
    from governance.models import PolicyVersion

    made = a_version(cast, version, **fields)
    an_environment(cast)
    if not made.model.tier_assessments.exists():
        a_tier(cast, made.model)
    if not PolicyVersion.objects.filter(policy="test-policy").exists():
        a_policy(cast)
    return made


def an_open_promotion(
    cast: Cast, version: ModelVersion | None = None, *, concluded: bool = True, passed: bool = True
) -> PromotionRequest:
    """Ask, as ci-bot, for the promotion of a version to production; its validation has concluded unless told otherwise."""
    from governance.actions.promotions import open_promotion, take_up_validation

    asked = version or a_promotable_version(cast)
    request, _ = open_promotion(
        asked, environment=an_environment(cast), statement="Replaces the scorecard.", actor=cast.ci_bot
    )
    if concluded:
        assert request.run is not None
        run = a_concluded_run(request.run, passed=passed)
        take_up_validation(run)
        request.refresh_from_db()
    return request


def an_approval(request: PromotionRequest, person: User, statement: str = "The evidence supports it.") -> Approval:
    """Have a person approve a request in a session, on the evidence as it is."""
    from governance.actions.approvals import approve

    assert request.run is not None
    request.run.refresh_from_db()
    with in_session_of(person):
        return approve(request, actor=person, statement=statement, evidence_digest=request.run.evidence_digest)


def an_approved_promotion(cast: Cast, version: ModelVersion | None = None) -> PromotionRequest:
    """Have Ravi and Pia approve a promotion whose validation passed."""
    request = an_open_promotion(cast, version)
    an_approval(request, cast.ravi)
    an_approval(request, cast.pia)
    request.refresh_from_db()
    return request


def a_checkpoint() -> int:
    """Sequence and anchor everything written so far, as the commit of a real transaction would; return the tree's size."""
    from registry.ledger.anchors import anchor_latest
    from registry.ledger.sequencer import sequence_all

    sequence_all()
    return anchor_latest()
