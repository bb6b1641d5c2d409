"""Where a low score is declared the good answer, or a feature immutable: does what follows go by it?"""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from audits.checks.contract import CHECKS, CheckSubject
from audits.explanations.plan import asked_for
from audits.explanations.routes import explain
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from tests.audits.evaluation_samples import sample
from tests.audits.test_explanation_effects import _frames
from tests.cast import Cast

DECIDED = (
    *(
        f"fairness.{rate}_{kind}"
        for rate in (
            "selection_rate",
            "true_positive_rate",
            "false_positive_rate",
            "false_negative_rate",
            "positive_predictive_value",
            "accuracy",
        )
        for kind in ("difference", "ratio")
    ),
    "fairness.equal_opportunity_difference",
    "fairness.equalized_odds_difference",
    "fairness.exact_tests",
    "fairness.four_fifths",
    "fairness.ll144_selection",
)
SAID = "A low score is declared favourable"


def opened(frame: pd.DataFrame, *, favourable: str | None = None, threshold: float = 0.5) -> EvaluationTable:
    roles = ColumnRoles(target="y", score="s", sensitive=("sex", "region"))
    return open_frame(frame, roles=roles, threshold=threshold, favourable=favourable)


@pytest.mark.parametrize("slug", DECIDED)
def test_fairness_turns_decision_and_outcome_over_where_low_is_good(slug: str) -> None:
    frame = sample(600, seed=3)
    low = CHECKS.get(slug).run(CheckSubject(opened(frame, favourable="low"), seed=1))
    # no score equals 0.495: below it in the one table is above 0.505 in the other
    turned = frame.assign(s=1.0 - frame.s, y=1 - frame.y)
    same = CHECKS.get(slug).run(CheckSubject(opened(turned, threshold=0.505), seed=1))
    assert low.as_json() | {"notes": []} == same.as_json() | {"notes": []}
    assert any(note.startswith(SAID) for note in low.notes)
    assert not any(note.startswith(SAID) for note in same.notes)
    high = CHECKS.get(slug).run(CheckSubject(opened(frame, favourable="high"), seed=1))
    assert high == CHECKS.get(slug).run(CheckSubject(opened(frame), seed=1))
    assert slug in ("fairness.accuracy_difference", "fairness.accuracy_ratio") or low.groups != high.groups


def test_a_scoring_rate_counts_who_is_below_the_median_where_low_is_good() -> None:
    frame = sample(601, seed=4)
    found = CHECKS.get("fairness.ll144_scoring").run(CheckSubject(opened(frame, favourable="low"), seed=1))
    median = frame.s.median()
    by_sex = next(table for table in found.detail["tables"] if table["table"] == "sex")
    for row in by_sex["rows"]:
        assert row["hits"] == int((frame[frame.sex == row["category"]].s < median).sum())
    assert found.detail["median"] == pytest.approx(median)


def test_counterfactuals_and_reasons_work_towards_a_low_score_and_leave_what_nobody_can_change() -> None:
    frame, bought = _frames()
    default = 1 - bought
    model = RandomForestClassifier(20, max_depth=5, random_state=0).fit(frame, default)
    declared: dict[str, Any] = {"favourable": "low", "immutable": ["age", "debt"]}
    plan = asked_for(
        ["explainability.counterfactual_coverage", "explainability.reason_fidelity"], threshold=0.4, declared=declared
    )
    told = explain(model, frame, frame, column=1, plan=plan)
    assert told.counterfactuals is not None
    assert [told.features[at] for at in told.counterfactuals.fixed] == ["debt", "age"]
    assert told.counterfactuals.kept
    for one in told.counterfactuals.kept:
        row = dict(zip(told.features, one.values, strict=True))
        assert model.predict_proba(pd.DataFrame([row]))[0, 1] >= 0.4
        changed = {told.features[at] for at, _ in one.changes}
        assert not changed & {"age", "debt"}
        row |= {told.features[at]: new for at, new in one.changes}
        assert model.predict_proba(pd.DataFrame([row]))[0, 1] < 0.4
    assert told.local
    for case in told.local:
        assert case.unfavourable
        assert case.answer >= 0.4
        assert all(share > 0 for _, share in case.against)  # pushes the score up, away from the good answer
    high = explain(model, frame, frame, column=1, plan=dataclasses.replace(plan, favourable_high=True))
    assert high.local
    assert all(case.answer < 0.4 for case in high.local)


@pytest.mark.django_db
def test_the_dossier_says_what_is_declared(cast: Cast) -> None:
    from django.utils.translation import override

    from audits.dossier.sections.design import Design
    from registry.ledger.clock import database_now
    from registry.models import ModelVersion
    from tests.builders import a_version

    version = a_version(cast)
    stated = {"threshold": 0.5, "positive_label": 1, "favourable": "low", "immutable": ["age", "sex"]}
    ModelVersion.objects.filter(pk=version.pk).update(scoring=stated)
    version.refresh_from_db()
    section = Design()
    with override("en"):
        words = str(section.compose(section.gather(version, database_now())))
    assert "a score below the threshold" in words
    assert "age, sex" in words
