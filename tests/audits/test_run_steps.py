"""Which steps does a plan come to, what do they hand on, and do several workers really share a run?"""

from __future__ import annotations

import io
import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from audits.actions.comparison import difference_of
from audits.actions.reperformance import reperform_validation
from audits.models import Evidence, RunAttempt, ValidationRun
from audits.runs.execute import execute
from audits.runs.explaining import read_explanation
from audits.runs.steps import complete, perturbations_of, steps_of
from governance.actions.deployments import report_deployment
from governance.actions.promotions import open_promotion
from registry.ledger.replay import differences
from registry.storage import artifacts
from tests import builders
from tests.audits.hostile_models import on_scoring

pytestmark = pytest.mark.thorough

WHOLE = builders.POLICY.replace(
    "requirements:",
    """requirements:
  - {{key: gap, check: fairness.selection_rate_ratio, op: ">=", limit: 0.1, severity: advisory, clause: test, mend: Look.}}
  - {{key: psi, check: drift.psi_score, op: "<=", limit: 9, severity: advisory, clause: test, mend: Look.}}
  - {{key: why, check: explainability.shap_importance, op: "<=", limit: 0.001, severity: advisory, clause: test, mend: Look.}}
  - {{key: blank, check: robustness.missing_values, op: "<=", limit: 1, severity: advisory, clause: test, mend: Look.}}
""".rstrip(),
)


def a_plan(*checks, artifact=True, baseline=None, chunks=2):
    requirements = [{"key": f"r{number}", "check": check, "params": {}} for number, check in enumerate(checks)]
    plan = {"artifact": {"sha256": "0"} if artifact else None, "baseline": baseline, "requirements": requirements}
    return complete(plan) | {"explanation": {"rows": 10, "chunks": chunks, "background": 10}}


def laid_out(plan):
    return {step.key: (step.kind, list(step.needs)) for step in steps_of(plan)}


def test_only_what_the_checks_read_is_made_and_each_step_comes_after_what_it_needs():
    assert laid_out(a_plan("performance.roc_auc", "calibration.brier_score", artifact=False)) == {
        "score": ("score", []),
        "measure:answers": ("measure", ["score"]),
    }
    whole = laid_out(
        a_plan("performance.roc_auc", "explainability.shap_importance", "robustness.missing_values", "fitness.latency")
    )
    assert whole == {
        "score": ("score", []),
        "score:perturbed": ("score", ["score"]),
        "explain:1": ("explain", ["score"]),
        "explain:2": ("explain", ["score"]),
        "measure:answers": ("measure", ["score"]),
        "measure:explainability": ("measure", ["score", "explain:1", "explain:2"]),
        "measure:robustness": ("measure", ["score", "score:perturbed"]),
        "measure:fitness": ("measure", ["score"]),
    }
    before: set[str] = set()
    for key, (_, needs) in whole.items():
        assert before.issuperset(needs)
        before.add(key)


def test_every_requirement_is_in_one_batch_of_bounded_size_also_one_whose_check_is_gone():
    checks = ["performance.roc_auc"] * 11 + ["fairness.selection_rate_ratio"] * 2 + ["nobodys.check"]
    batches = [step.scope["requirements"] for step in steps_of(a_plan(*checks)) if step.kind == "measure"]
    assert sorted(map(len, batches)) == [1, 2, 3, 8]
    assert sorted(key for batch in batches for key in batch) == sorted(f"r{number}" for number in range(14))


def test_rows_are_changed_as_the_parameters_of_the_requirements_say():
    plan = a_plan("robustness.missing_values")
    default = perturbations_of(plan)
    assert all(key.startswith("missing-") for key in default)
    plan["requirements"][0]["params"] = {"perturbation": "missing-0.3"}
    assert "missing-0.3" in perturbations_of(plan)


def trained(seed=0):
    from tests.builders import TABLE

    frame = pd.read_csv(io.BytesIO(TABLE))
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(
        frame[["age", "income"]] * [1.0, 0.01 + seed / 1000], frame["defaulted"]
    )
    stream = io.BytesIO()
    joblib.dump(model, stream)
    return stream.getvalue()


def asked(cast, version, policy=WHOLE):
    builders.an_environment(cast)
    if not version.model.tier_assessments.exists():
        builders.a_tier(cast, version.model)
        builders.a_policy(cast, text=policy.format(slug="test-policy", environment="production", auc=0.1))
    return open_promotion(version, environment=builders.an_environment(cast), actor=cast.ci_bot)[0].run


@pytest.mark.django_db
def test_one_worker_does_all_steps_of_a_model_and_the_same_plan_gives_the_same_numbers(cast):
    run = asked(cast, builders.a_version(cast, data=trained(), format="joblib"))
    ended = execute(str(run.pk), worker="only")
    assert (ended.state, ended.failure) == ("concluded", None)
    results = {result.requirement_key: result for result in ended.results.all()}
    assert {key: result.status for key, result in results.items() if result.status == "error"} == {}
    assert results["why"].measurement is not None, results["why"].reason
    assert results["blank"].measurement is not None, results["blank"].reason
    steps = {step.key: step for step in ended.steps.all()}
    assert {step.state for step in steps.values()} == {"done"}
    scores = steps["score"].facts["files"]["evaluation"]
    assert Evidence.objects.get(pk=scores).kind == "scores"
    array = np.lib.format.read_array(io.BytesIO(artifacts().read(scores)), allow_pickle=False)
    assert (array.shape, array.dtype) == ((40,), np.float64)
    manifest = ended.manifest
    assert manifest["evidence"]["score/evaluation"] == scores
    assert read_explanation(manifest["explanation_sha256"]).sample_rows == 40
    assert len(manifest["code"]["digest"]) == 64
    assert manifest["limits"]["rows"] > 0
    assert b"income" not in artifacts().read(scores)
    again, _ = reperform_validation(ended, actor=cast.vera)
    execute(str(again.pk), worker="another")
    again.refresh_from_db()
    assert (again.agreement["agree"], again.agreement["of"]) == (6, 6), difference_of(again)["measurements"]
    assert difference_of(again)["manifest"] == []


@pytest.mark.django_db
def test_stored_scores_that_were_changed_are_not_measured(cast, alter):
    run = asked(cast, builders.a_version(cast, data=trained(), format="joblib"))
    from audits.actions import steps as acting
    from audits.runs import execute as executing

    lease = acting.claim(str(run.pk), worker="w")
    executing._carry_out(lease)
    path = artifacts().path(run.steps.get(key="score").facts["files"]["evaluation"])
    alter(path, path.read_bytes()[:-8] + b"\0" * 8)
    ended = execute(str(run.pk), worker="w")
    assert (ended.outcome, ended.failure["code"]) == ("error", "bytes-altered")
    assert not ended.results.exists()


@pytest.mark.django_db
def test_the_version_in_place_is_in_the_plan_with_its_explanation_and_scores_the_same_rows(cast, tmp_path):
    first = builders.a_version(cast, "1.0", data=trained(), format="joblib")
    before = execute(str(asked(cast, first).pk), worker="w")
    report_deployment(
        first,
        environment=builders.an_environment(cast),
        artifact_sha256=first.model_artifact().artifact_id,
        decision_id=None,
        actor=cast.ci_bot,
    )
    second = builders.a_version(cast, "2.0", model=first.model, data=trained(seed=3), format="joblib")
    plan = asked(cast, second).plan
    assert plan["baseline"]["version"] == first.ledger_key()
    assert plan["baseline"]["artifact"]["sha256"] == first.model_artifact().artifact_id
    assert plan["baseline"]["explanation_sha256"] == before.manifest["explanation_sha256"]
    from audits.runs import scoring

    product = scoring.score_baseline(complete(plan), {}, tmp_path, lambda _text: None)
    assert product.facts["baseline"]["version"] == first.ledger_key()
    own = before.steps.get(key="score").facts["files"]["evaluation"]
    assert product.files["rows"].read_bytes() == artifacts().read(own), "the baseline says of the rows what it said"


@pytest.mark.django_db(transaction=True)
@pytest.mark.worker
def test_two_workers_share_one_run(start_worker):
    from tests.cast import make_cast
    from tests.journeys.waiting import until

    workers = [start_worker(), start_worker()]
    cast = make_cast()
    slow = on_scoring("time.sleep(1)\nreturn np.column_stack([1 - X['age'] / 100, X['age'] / 100])")
    unexplained = "\n".join(line for line in WHOLE.splitlines() if "explainability" not in line)
    run = asked(cast, builders.a_version(cast, data=slow, format="joblib"), unexplained)
    until(
        lambda: ValidationRun.objects.filter(pk=run.pk, concluded_at__isnull=False).exists(),
        what="the conclusion",
        seconds=240,
    )
    run.refresh_from_db()
    assert (run.state, run.failure) == ("concluded", None)
    tries = list(RunAttempt.objects.filter(run=run).select_related("step"))
    assert {one.ending for one in tries} == {"done"}
    assert len({one.worker for one in tries}) == 2, "both had a part"
    after = [one for one in tries if one.step.key != "score"]
    assert any(
        one.started_at < other.ended_at and other.started_at < one.ended_at
        for one in after
        for other in after
        if one.worker != other.worker
    ), "and at the same time"
    assert len(workers) == 2
    assert json.dumps(run.manifest)
    assert differences() == []
