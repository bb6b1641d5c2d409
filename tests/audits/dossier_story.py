"""Which version do the tests of dossiers print? One with real measurements, made through the real actions."""

from __future__ import annotations

import atexit
import functools
import json
from typing import TYPE_CHECKING, Any

from tests.builders import a_version
from tests.cast import Cast

if TYPE_CHECKING:
    from audits.checks.contract import CheckSubject
    from audits.explanations.contract import Explanation
    from audits.models import ValidationRun
    from registry.models import ModelVersion

REQUIREMENTS: list[dict[str, Any]] = [
    {"key": "roc-auc", "check": "performance.roc_auc", "op": ">=", "limit": 0.7, "severity": "blocking"},
    {"key": "log-loss", "check": "performance.log_loss", "op": "<=", "limit": 0.7, "severity": "advisory"},
    {"key": "brier", "check": "calibration.brier_score", "op": "<=", "limit": 0.25, "severity": "advisory"},
    {
        "key": "calibration",
        "check": "calibration.expected_calibration_error",
        "op": "<=",
        "limit": 0.05,
        "judged_on": "bound",
        "severity": "advisory",
    },
    {"key": "stability-score", "check": "drift.psi_score", "op": "<=", "limit": 0.1, "severity": "advisory"},
    {"key": "stability", "check": "drift.psi_features", "op": "<=", "limit": 0.1, "severity": "advisory"},
    {"key": "missing", "check": "robustness.missing_values", "op": "<=", "limit": 0.05, "severity": "advisory"},
    {"key": "importance", "check": "explainability.shap_importance", "op": "<=", "limit": 1e-6, "severity": "advisory"},
    {
        "key": "selection-ratio",
        "check": "fairness.selection_rate_ratio",
        "params": {"intersections": True},
        "op": ">=",
        "limit": 0.8,
        "judged_on": "bound",
        "severity": "blocking",
    },
    {
        "key": "odds",
        "check": "fairness.equalized_odds_difference",
        "op": "<=",
        "limit": 0.15,
        "severity": "advisory",
    },
    {
        "key": "marital-status",
        "check": "fairness.equal_opportunity_difference",
        "params": {"attributes": ["married"]},
        "op": "<=",
        "limit": 0.1,
        "severity": "advisory",
    },
]


def an_explanation() -> Explanation:
    """Return an explanation of two features, as the sandbox hands one out."""
    from audits.explanations.contract import Explanation

    return Explanation(
        route="linear-closed-form",
        variant="interventional",
        library="shap 0.51",
        output="log-odds",
        features=("income", "region"),
        background_sha256="b" * 64,
        background_rows=100,
        sample_sha256="c" * 64,
        sample_rows=400,
        base_value=-0.4,
        mean_abs=(0.61, 0.12),
        mean_abs_se=(0.02, 0.01),
        additivity_residual_max=2e-15,
        rank_stability=1.0,
        seeds=(0, 1, 2),
    )


def a_policy_text() -> str:
    """Return a policy for production that asks for every requirement of the story."""
    import yaml

    common = {"clause": "SR 26-2", "mend": "Look at what moved, and register a new version."}
    return yaml.safe_dump(
        {
            "slug": "consumer-credit",
            "title": "Consumer credit in production",
            "edition": "2026",
            "effective_from": "2020-01-01",
            "applies_to": {"tiers": [1, 2, 3], "environments": ["production"]},
            "requirements": [line | common for line in REQUIREMENTS],
            "approvals": {"quorum": 2, "roles": ["risk_manager", "approver", "validator"], "valid_days": 90},
            "evidence": {"max_age_days": 90},
            "lineage": {"training_required": True, "evaluation_required": True},
            "artifact_formats": ["skops", "joblib", "onnx"],
        }
    )


@functools.cache
def _subject() -> CheckSubject:
    from audits.checks.contract import CheckSubject
    from tests.audits.evaluation_samples import sample, table_of

    return CheckSubject(
        evaluation=table_of(sample(400)),
        reference=table_of(sample(600, seed=2, shift=1.0)),
        explanation=an_explanation(),
        perturbed={"missing-0.1": table_of(sample(400, seed=3))},
    )


@functools.cache
def _measured(line: bytes) -> Any:
    """Measure the drawn sample as a requirement asks; the same sample and requirement give the same again."""
    from audits.checks.requirement import FIELDS, Requirement, measure

    asked = json.loads(line)
    return measure(Requirement.from_policy({key: asked[key] for key in asked if key in FIELDS}), _subject())


atexit.register(_subject.cache_clear)


def a_measured_run(run: ValidationRun) -> ValidationRun:
    """Measure a drawn sample with the real checks and conclude the run with what came out."""
    from audits.actions.conclusion import JudgedRequirement
    from audits.actions.evidence import store_json
    from registry.digests import canonical_json
    from tests.governance.judging import concluded

    results = []
    for line in run.plan["requirements"]:
        outcome = _measured(canonical_json(line))
        judged = outcome.judgement
        evidence = store_json(outcome.as_json() | {"requirement": line}, kind="measurement")
        results.append(
            JudgedRequirement(
                requirement=line,
                status=judged.status,
                observed=judged.observed,
                required=judged.required,
                reason=judged.reason,
                mend=judged.mend,
                evidence_sha256=evidence.sha256,
            )
        )
    manifest = {"sandbox": {"rung": "bubblewrap", "probe_digest": "d" * 64}, "seed": 7, "python": "3.11"}
    return concluded(run, results, manifest=manifest)


def a_story(cast: Cast) -> ModelVersion:
    """Register a version with its hands and data, ask for its promotion, measure it, and record that it runs."""
    from governance.actions.promotions import open_promotion, take_up_validation
    from registry.actions.deployments import record_deployment
    from registry.digests import sha256_hex
    from tests.builders import MODEL_BYTES, a_policy, a_tier, an_environment

    version = a_version(cast, "2.0.0", contributors=((cast.ada, "trained"),))
    production = an_environment(cast)
    a_tier(cast, version.model)
    a_policy(cast, text=a_policy_text())
    request, _ = open_promotion(version, environment=production, statement="Replaces 1.0.", actor=cast.ci_bot)
    assert request.run is not None
    take_up_validation(a_measured_run(request.run))
    version.refresh_from_db()
    record_deployment(
        version,
        environment=production,
        artifact_sha256=sha256_hex(MODEL_BYTES),
        gate_decision=None,
        gated=False,
        actor=cast.ci_bot,
    )
    return version
