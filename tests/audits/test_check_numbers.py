"""Do the checks give the numbers of scikit-learn and of real mortgage data?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audits.checks.contract import CHECKS, CheckSubject, Insufficient
from audits.checks.requirement import Requirement, measure
from audits.tables.contract import ColumnRoles
from audits.tables.open import with_scores
from audits.tables.perturbed import GIVEN
from tests.audits.evaluation_samples import complete_subject, explanation_of, mortgages, sample, table_of

WITHOUT_RACE = ("male", "married", "loanprc", "obrat", "appinc", "unem")
WITH_RACE = (*WITHOUT_RACE, "white", "black", "hispan")


def credit_subject(features: tuple[str, ...], threshold: float) -> CheckSubject:
    """Train on one half of the mortgage applications, score both halves and the blanked evaluation half."""
    frame = mortgages().fillna({"male": 1.0, "married": 1.0})
    training, evaluation = train_test_split(frame, test_size=0.5, random_state=0, stratify=frame[["approve", "black"]])
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(training[list(features)], training.approve)
    roles = ColumnRoles(target="approve", score="score", sensitive=("black", "hispan", "male"), features=features)
    blank = np.random.default_rng(0).random((len(evaluation), len(features))) < 0.1
    blanked = evaluation.assign(
        **evaluation[list(features)].mask(pd.DataFrame(blank, evaluation.index, features), training.mean(), axis=1)
    )
    given, _, worse = (model.predict_proba(rows[list(features)])[:, 1] for rows in (evaluation, training, blanked))
    tables = [
        with_scores(rows, model.predict_proba(rows[list(features)])[:, 1], roles=roles, threshold=threshold)
        for rows in (evaluation, training)
    ]
    paired = dataclasses.replace(roles, baseline=GIVEN)
    changed = with_scores(blanked.assign(**{GIVEN: given}), worse, roles=paired, threshold=threshold)
    return CheckSubject(tables[0], tables[1], explanation_of(features), {"missing-0.1": changed}, seed=3)


def test_scores_are_measured_as_scikit_learn_does() -> None:
    frame = sample(500)
    subject = CheckSubject(table_of(frame))
    for slug, expected in (
        ("performance.roc_auc", roc_auc_score(frame.y, frame.s)),
        ("performance.log_loss", log_loss(frame.y, frame.s)),
        ("calibration.brier_score", brier_score_loss(frame.y, frame.s)),
    ):
        assert CHECKS.get(slug).run(subject).value == pytest.approx(expected, abs=1e-12)


def test_a_model_that_reads_race_does_not_reach_four_fifths_on_the_mortgages() -> None:
    subject = credit_subject(WITH_RACE, 0.8)
    requirement = Requirement.from_policy(
        {
            "key": "four-fifths",
            "check": "fairness.selection_rate_ratio",
            "params": {"attributes": ["black"]},
            "op": ">=",
            "limit": 0.8,
            "judged_on": "bound",
        }
    )
    outcome = measure(requirement, subject)
    assert outcome.judgement.status == "not_met"
    assert outcome.measurement is not None
    assert outcome.measurement.value is not None
    assert outcome.measurement.value < 0.65
    assert outcome.measurement.high is not None
    assert outcome.measurement.high < 0.8
    assert sum(row.n or 0 for row in outcome.measurement.groups) == outcome.measurement.n == 995


def test_the_model_without_race_reaches_it_and_small_intersections_are_left_out() -> None:
    subject = credit_subject(WITHOUT_RACE, 0.5)
    ratio = CHECKS.get("fairness.selection_rate_ratio")
    found = ratio.run(subject, attributes=["black"])
    assert found.low is not None
    assert found.low > 0.8
    crossed = ratio.run(subject, attributes=["black", "hispan", "male"], intersections=True)
    statuses = {row.status for row in crossed.groups if "×" in row.attribute}
    assert {"measured", "too-small"} <= statuses
    for slug in ("drift.psi_score", "drift.psi_features"):
        drift = CHECKS.get(slug).run(subject)
        assert drift.value is not None
        assert drift.value < 0.25
    ranks = CHECKS.get("performance.roc_auc").run(subject)
    assert ranks.value is not None
    assert 0.65 < ranks.value < 0.85
    calibrated = CHECKS.get("calibration.expected_calibration_error").run(subject)
    assert calibrated.value is not None
    assert calibrated.value < 0.05
    lost = CHECKS.get("robustness.missing_values").run(subject)
    assert lost.value is not None
    assert abs(lost.value) < 0.1
    assert lost.detail["levels"][0]["auc_as_given"] == pytest.approx(ranks.value, abs=1e-12)


def test_drift_rows_name_the_worst_feature_first() -> None:
    found = CHECKS.get("drift.psi_features").run(complete_subject())
    assert [row["feature"] for row in found.detail["features"]] == [found.detail["worst"], "region"]
    assert found.value == found.detail["features"][0]["psi"] > found.detail["features"][1]["psi"]


def test_psi_of_a_table_against_itself_is_zero_and_its_bins_are_shares() -> None:
    table = table_of(sample(300))
    found = CHECKS.get("drift.psi_score").run(CheckSubject(table, reference=table))
    assert found.value == 0.0
    assert sum(row["reference"] for row in found.detail["bins"]) == pytest.approx(1.0)


def test_a_reference_without_the_features_is_insufficient() -> None:
    reference = table_of(sample(50).drop(columns="income"), roles=ColumnRoles(target="y", score="s"))
    with pytest.raises(Insufficient, match="income"):
        CHECKS.get("drift.psi_features").run(dataclasses.replace(complete_subject(), reference=reference))


def test_shap_importance_carries_what_makes_it_evidence() -> None:
    found = CHECKS.get("explainability.shap_importance").run(complete_subject(), max_rank=1)
    assert found.value == 2.5e-12
    assert [row["feature"] for row in found.detail["features"]] == ["income"]
    assert found.detail["rest_mean_abs"] == 0.25
    assert found.detail["background_sha256"] == "ab" * 32
    assert found.detail["rank_stability"] == 1.0
    assert found.n == 200
