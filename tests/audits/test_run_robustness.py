"""Does a run change the rows as its policy asks, score them in the sandbox, and measure what the artifact costs?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.runs.execute import execute
from registry.actions.deployments import set_environment_limits
from registry.actions.versions import ArtifactRef, DatasetRef, Origin, register_version
from tests import builders
from tests.audits.predictions import a_snapshot, ask_for

pytestmark = [pytest.mark.django_db, pytest.mark.thorough]

FEATURES = ["income", "debt"]
ROLES = {"target": "defaulted", "features": FEATURES}
LINES = {
    "noise": ("robustness.noise", "<=", 0.2, "{}"),
    "change": ("robustness.noise", "<=", 0.2, "{of: change}"),
    "order": ("robustness.permutation", "<=", 0.0, "{}"),
    "ends": ("robustness.boundary", "<=", 0.0, "{}"),
    "falling": ("robustness.monotonicity", "<=", 0.05, "{}"),
    "same": ("robustness.determinism", "<=", 0.0, "{}"),
    "size": ("fitness.artifact_size", "<=", 1.0, "{}"),
    "memory": ("fitness.peak_memory", "<=", 1.0, "{}"),
    "slow": ("fitness.latency", "<=", 10.0, "{scale: amount}"),
    "seen": ("data.train_test_overlap", "<=", 0.0, "{}"),
    "leak": ("data.leakage_suspicion", "<=", 0.95, "{}"),
    "moved": ("drift.ks_features", "<=", 0.3, "{}"),
}
REQUIREMENTS = "\n".join(
    f'  - {{key: {key}, check: {check}, op: "{op}", limit: {limit}, params: {params}, severity: advisory, clause: test,'
    " mend: Look.}"
    for key, (check, op, limit, params) in LINES.items()
)
POLICY = f"""
slug: robust
title: Robust and fit to run
edition: "1"
effective_from: 2020-01-01
applies_to: {{tiers: [1, 2, 3], environments: [production]}}
requirements:
{REQUIREMENTS}
approvals: {{quorum: 2, roles: [risk_manager, approver], valid_days: 90}}
evidence: {{max_age_days: 90}}
lineage: {{training_required: true, evaluation_required: true}}
artifact_formats: [skops]
"""


def a_table(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": draw.normal(size=rows), "debt": draw.normal(size=rows)})
    return frame.assign(defaulted=(frame.debt - frame.income + draw.normal(scale=0.6, size=rows) > 0).astype(int))


def test_a_run_changes_scores_and_measures_what_its_policy_asks(cast):
    training, evaluation = a_table(300, 1), a_table(200, 2)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(training[FEATURES], training.defaulted)
    data = skops.io.dumps(model)
    version, _ = register_version(
        builders.a_model(cast),
        version="1.0",
        artifacts=[ArtifactRef(builders.an_artifact(cast, data), "model", "skops")],
        datasets=[
            DatasetRef(a_snapshot(cast, split, rows.to_csv(index=False).encode(), split=split, roles=ROLES), split)
            for split, rows in (("training", training), ("evaluation", evaluation))
        ],
        scoring={"threshold": 0.5, "positive_label": 1, "monotone": {"income": "decreasing", "debt": "increasing"}},
        origin=Origin(change_summary="First."),
        actor=cast.ci_bot,
    )
    set_environment_limits(
        builders.an_environment(cast),
        limits={"artifact_bytes": len(data) - 1, "peak_memory_bytes": 4_000_000_000},
        actor=cast.ravi,
    )
    run = execute(str(ask_for(cast, version, policy=POLICY).run_id), worker="test")
    found = {result.requirement_key: result for result in run.results.all()}
    assert {key: result.status for key, result in found.items()} == {
        key: "not_met" if key == "size" else "met" for key in LINES
    }, {key: result.reason for key, result in found.items()}
    assert found["order"].measurement["value"] == 0.0
    assert found["falling"].measurement["n"] == 400
    assert [row["perturbation"] for row in found["noise"].measurement["detail"]["levels"]] == [
        "noise-0.05", "noise-0.1", "noise-0.2",
    ]  # fmt: skip
