"""Does a whole run of every kind of model end with an answer to each requirement, through steps and sandbox?"""

from __future__ import annotations

import json
from importlib.metadata import version

import numpy as np
import pytest

from audits.actions.evidence import read_evidence
from audits.actions.reperformance import reperform_validation
from audits.models import ValidationRun
from audits.runs.explaining import read_explanation
from audits.tables.sources import sources_from
from governance.actions.deployments import report_deployment
from tests.cast import make_cast
from tests.journeys.kinds import (
    CLASSES,
    DIRECTIONS,
    REASONS,
    Register,
    a_model_file,
    answers,
    applications,
    done,
    evaluation,
    requirements_on,
    training,
)
from tests.journeys.waiting import until

EACH = (
    "performance.overfit_gap", "performance.weak_segments", "drift.prediction_shift", "drift.ks_features",
    "data.schema_change", "data.row_count", "robustness.noise", "robustness.missing_values", "robustness.monotonicity",
    "robustness.determinism", "fitness.artifact_size", "fitness.latency", "explainability.shap_importance",
    "explainability.rank_stability", "explainability.dependence_against_declared", "explainability.interaction_strength",
    "fairness.proxy_screen", "comparison.bootstrap_difference",
)  # fmt: skip
OF_BINARY = (
    "performance.roc_auc", "calibration.brier_score", "calibration.hosmer_lemeshow", "fairness.selection_rate_ratio",
    "explainability.reason_fidelity", "explainability.counterfactual_coverage",
)  # fmt: skip
OF_CLASSES = (
    "performance.macro_f1", "calibration.top_label_calibration_error", "fairness.equal_opportunity_difference",
    "fairness.selection_rate_ratio", "performance.roc_auc",
)  # fmt: skip
OF_AMOUNTS = ("performance.rmse", "fairness.ll144_scoring", "performance.roc_auc")
BINARY, CHOSEN = ({}, OF_BINARY), {"favourable": "high"}
KINDS = {
    ("lightgbm", "regression"): ({}, OF_AMOUNTS),
    ("xgboost", "multiclass"): (CHOSEN | {"classes": list(CLASSES)}, OF_CLASSES),
    ("skops", "multiclass"): (CHOSEN, OF_CLASSES),
    ("onnx", "binary"): BINARY,
    ("catboost", "binary"): BINARY,
}
INNER, *OTHERS = KINDS
ALONE = {"comparison.bootstrap_difference"}
ANSWERED = {"met", "not_met", "insufficient"}
OTHER_TASK = {"performance.roc_auc"}
BLANKS_REFUSED = {"robustness.missing_values"}


def libraries(kind: str) -> dict[str, str]:
    return {"lightgbm": version("lightgbm")} if kind == "lightgbm" else {}


def insufficient(found) -> set[str]:
    assert {result.status for result in found.values()} <= ANSWERED, {key: one.reason for key, one in found.items()}
    return {key for key, result in found.items() if result.status == "insufficient"}


def with_tables(cast, task, **more) -> Register:
    register = Register(cast, task, **more)
    register.admit_table("training", training())
    register.admit_table("evaluation", evaluation())
    return register


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "task"), [INNER, *(pytest.param(*other, marks=pytest.mark.thorough) for other in OTHERS)]
)
def test_every_requirement_has_an_answer(cast, kind, task):
    said, checks = KINDS[kind, task]
    register = with_tables(cast, task)
    register.place(requirements_on(*EACH, *checks))
    data = a_model_file(kind, task)
    _, asked = register.admit(data, kind, libraries=libraries(kind), monotone=DIRECTIONS, reasons=REASONS, **said)
    run = done(asked)
    found = answers(run)
    expected = ALONE | (OTHER_TASK if task != "binary" else set())
    assert insufficient(found) == expected | (BLANKS_REFUSED if kind in ("onnx", "skops") else set())
    explained = json.loads(read_evidence(run.manifest["explanation_sha256"]))
    assert explained["dependence"]
    assert explained["explained"] == {"multiclass": "high", "regression": "", "binary": "1"}[task]
    assert found["explainability.shap_importance"].measurement["value"] < 1e-3
    assert all(result.reason for result in found.values())


@pytest.mark.thorough
@pytest.mark.django_db
def test_a_challenger_is_measured_against_the_version_in_place_and_a_repetition_agrees(cast):
    register = with_tables(cast, "binary")
    said = {"monotone": DIRECTIONS, "reasons": REASONS, "threshold": 0.5}
    compared = (
        "comparison.delong_difference", "comparison.mcnemar", "comparison.bootstrap_difference",
        "comparison.no_group_worse", "explainability.attribution_drift", "explainability.attribution_rank_correlation",
        "explainability.counterfactual_validity",
    )  # fmt: skip
    place = register.place(
        requirements_on(*compared, "explainability.counterfactual_coverage", "explainability.reason_fidelity",
                        "fitness.latency")
    )  # fmt: skip
    first, run = register.admit(a_model_file("catboost", "binary"), "catboost", **said)
    alone = answers(done(run))
    assert insufficient(alone) == set(compared)
    report_deployment(
        first, environment=place, artifact_sha256=first.model_artifact().artifact_id, decision_id=None,
        actor=cast.ci_bot,
    )  # fmt: skip
    _, run = register.admit(a_model_file("catboost", "binary", seed=3), "catboost", version="2.0", **said)
    run = done(run)
    found = answers(run)
    assert insufficient(found) == set(), {key: one.reason for key, one in found.items()}
    assert run.plan["baseline"]["version"] == first.ledger_key()
    assert 0 < found["explainability.attribution_drift"].measurement["value"] < 0.5
    kept = found["explainability.counterfactual_validity"].measurement["detail"]
    assert 0 < kept["still_flip"] <= kept["rechecked"] <= 30
    fidelity = found["explainability.reason_fidelity"].measurement
    assert fidelity["n"] == 100
    assert 0.5 < fidelity["value"] <= 1
    assert "local" not in fidelity["detail"], "rows with their reasons stay in the stored explanation"
    stored = read_explanation(run.manifest["explanation_sha256"])
    assert set(REASONS.values()) <= {words for one in stored.local for words in one.reasons}
    assert all(one.answer < 0.5 for one in stored.local), "a low answer is a refusal"
    again, _ = reperform_validation(run, actor=cast.otto)
    assert (done(again).agreement["agree"], len(found)) == (10, 10)


@pytest.mark.thorough
@pytest.mark.django_db
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_predictions_are_measured_where_their_table_stays(cast, settings, tmp_path, task):
    settings.TABLE_SOURCES = sources_from(json.dumps({"share": {"kind": "folder", "path": str(tmp_path)}}))
    answered = {"regression": {"prediction": "said"}, "multiclass": {"class_scores": {name: name for name in CLASSES}}}
    register = Register(cast, task, said=answered[task], source="share")
    for split, frame in (("training", applications(320, 1)), ("evaluation", applications(260, 2))):
        shares = np.random.default_rng(len(split)).dirichlet((1.0, 1.0, 1.0), len(frame))
        shares = 0.5 * shares + 0.5 * (frame.grade.to_numpy()[:, None] == np.array(CLASSES))
        said = {name: shares[:, at] for at, name in enumerate(CLASSES)} | {"said": frame.amount + 20 * frame.age}
        frame.assign(**said).to_parquet(tmp_path / f"{split}.parquet")
        register.admit_table(split, frame)
    checks = [one for one in EACH if not one.startswith("comparison.")]
    register.place(requirements_on(*checks, *(OF_CLASSES if task == "multiclass" else OF_AMOUNTS)))
    favourable = {"favourable": "high"} if task == "multiclass" else {}
    _, run = register.admit(b"the card of a vendor's model", "", **favourable)
    run = done(run)
    found = answers(run)
    without_model = {one for one in checks if one.startswith(("explainability.", "fitness.", "robustness."))}
    assert insufficient(found) == without_model | OTHER_TASK
    assert run.plan["datasets"]["evaluation"]["sha256"] is None
    key = "performance.rmse" if task == "regression" else "performance.macro_f1"
    assert found[key].measurement["n"] == 260


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_a_worker_does_a_run_of_a_regression(worker):
    register = with_tables(make_cast(), "regression")
    register.place(requirements_on("performance.rmse", "explainability.rank_stability", "robustness.noise"))
    data = a_model_file("lightgbm", "regression")
    _, asked = register.admit(data, "lightgbm", libraries=libraries("lightgbm"))
    ended = ValidationRun.objects.filter(pk=asked.pk, concluded_at__isnull=False)
    assert insufficient(answers(until(ended.first, what="the conclusion"))) == set()
