"""Do the robustness checks measure what was done to the rows, for each kind of model?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.checks.requirement import Requirement, measure
from audits.runs.perturbations import GIVEN, perturbed_frame, with_given
from audits.tables.aggregates import quiet
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from tests.audits.evaluation_samples import (
    AMOUNT_ROLES,
    DECLARED,
    FITNESS,
    MANY_ROLES,
    ROLES,
    amounts,
    complete_subject,
    many_classes,
    mortgages,
    sample,
    subject_of,
)
from tests.audits.perturbed_samples import income_amount, income_classes, income_score, perturbed_tables, said


def run(name: str, subject: CheckSubject, **params: Any) -> Measurement:
    return CHECKS.get(f"robustness.{name}").run(subject, **params)


def opened_rows(table: EvaluationTable) -> pd.DataFrame:
    with quiet():
        return table.table.to_pyarrow().to_pandas()


def rows_of(key: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the sample's perturbed table of this key was made from."""
    ordered = pa.Table.from_pandas(frame.sort_index(), preserve_index=False)
    fields = {"features": ("income", "region"), "seed": 7, "declared": DECLARED, "reference": None}
    return perturbed_frame(key, ordered, **fields).to_pandas()


@pytest.mark.parametrize("key", ["missing-0.1", "missing-0.2", "noise-0.1", "noise-0.2"])
class TestLoss:
    def test_of_a_binary_model_it_is_the_loss_of_auc(self, key: str) -> None:
        frame = sample(400)
        changed, before = rows_of(key, frame), income_score(frame)["s"]
        after = income_score(changed)["s"]
        found = run(
            key.split("-", maxsplit=1)[0].replace("missing", "missing_values"), subject_of(frame), perturbation=key
        )
        assert found.value == pytest.approx(roc_auc_score(frame.y, before) - roc_auc_score(changed.y, after), abs=1e-12)
        level = next(row for row in found.detail["levels"] if row["perturbation"] == key)
        assert level["change"] == pytest.approx(np.abs(np.asarray(after) - np.asarray(before)).mean(), abs=1e-12)
        assert found.low is not None
        assert found.low <= found.value <= found.high

    def test_of_a_multiclass_model_it_is_the_loss_of_accuracy(self, key: str) -> None:
        frame = many_classes(400, seed=1)
        changed = rows_of(key, frame)
        before, after = (said(income_classes(rows), "multiclass") for rows in (frame, changed))
        name = key.split("-", maxsplit=1)[0].replace("missing", "missing_values")
        found = run(name, complete_subject("multiclass"), perturbation=key)
        assert found.value == pytest.approx(
            accuracy_score(frame.y, before) - accuracy_score(changed.y, after), abs=1e-12
        )
        moved = run(name, complete_subject("multiclass"), perturbation=key, of="change")
        assert moved.value == pytest.approx((before != after).mean(), abs=1e-12)

    def test_of_a_regression_it_is_the_growth_of_rmse_in_standard_deviations(self, key: str) -> None:
        frame = amounts(400, seed=1)
        changed = rows_of(key, frame)
        before, after = (np.asarray(income_amount(rows)["p"]) for rows in (frame, changed))
        grown = root_mean_squared_error(changed.y, after) - root_mean_squared_error(frame.y, before)
        name = key.split("-", maxsplit=1)[0].replace("missing", "missing_values")
        found = run(name, complete_subject("regression"), perturbation=key)
        assert found.value == pytest.approx(grown / frame.y.std(ddof=0), rel=1e-9)
        moved = run(name, complete_subject("regression"), perturbation=key, of="change")
        assert moved.value == pytest.approx(np.abs(after - before).mean() / frame.y.std(ddof=0), rel=1e-9)


def test_a_perturbation_that_was_not_scored_is_insufficient_and_says_why() -> None:
    subject = dataclasses.replace(complete_subject(), unscored={"noise-0.3": "The sandbox ended it."})
    with pytest.raises(Insufficient, match=r"noise-0\.3 rows\. The sandbox ended it\."):
        run("noise", subject, perturbation="noise-0.3")
    unpaired = dataclasses.replace(complete_subject(), perturbed={"noise-0.1": complete_subject().evaluation})
    with pytest.raises(Insufficient, match="before the change"):
        run("noise", unpaired, of="change")


def test_outcomes_of_one_kind_have_no_quality_to_lose_but_a_change_of_score() -> None:
    subject = subject_of(sample(60).assign(y=1), check_values=False)
    assert run("noise", subject).value is None
    assert run("noise", subject, of="change").value is not None
    alike = amounts(60).assign(y=3.0)
    tables = perturbed_tables(alike, roles=AMOUNT_ROLES, keys=("noise-0.1",), task="regression")
    table = open_frame(alike, roles=AMOUNT_ROLES, task="regression")
    assert "no quality" in run("noise", CheckSubject(table, perturbed=tables)).reason


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_another_order_of_rows_changes_nothing_for_a_model_that_sees_single_rows(task: str) -> None:
    found = run("permutation", complete_subject(task))
    assert (found.value, found.detail["rows_that_differ"], found.n) == (0.0, 0, 400)
    assert found.detail["share_at_most"] == pytest.approx(1 - 0.025 ** (1 / 400))


@pytest.mark.parametrize(
    ("task", "draw", "roles", "answers"),
    [
        ("binary", sample, ROLES, lambda rows: {"s": np.linspace(0.0, 1.0, len(rows))}),
        ("regression", amounts, AMOUNT_ROLES, lambda rows: {"p": np.cumsum(rows.income.fillna(0.0))}),
        (
            "multiclass",
            many_classes,
            MANY_ROLES,
            lambda rows: {
                name: (np.arange(len(rows)) % 3 == at) * 1.0 for at, name in enumerate(("p_high", "p_low", "p_middle"))
            },
        ),
    ],
)
def test_a_model_that_looks_at_its_neighbours_is_found(task: str, draw: Any, roles: ColumnRoles, answers: Any) -> None:
    frame = draw(200)
    tables = perturbed_tables(frame, roles=roles, keys=("permutation",), task=task, answers=answers)
    found = run("permutation", dataclasses.replace(complete_subject(task), perturbed=tables))
    assert found.value is not None
    assert found.value > 0.1
    assert found.detail["share"] > 0.5


def test_two_answers_to_the_same_rows_are_compared() -> None:
    assert run("determinism", complete_subject()).value == 0.0
    shaky = dataclasses.replace(complete_subject(), fitness=dataclasses.replace(FITNESS, repeat_difference=0.25))
    assert run("determinism", shaky).value == 0.25
    line = {"key": "k", "check": "robustness.determinism", "op": "<=", "limit": 0.0}
    assert measure(Requirement.from_policy(line), shaky).judgement.status == "not_met"
    never = dataclasses.replace(complete_subject(), fitness=dataclasses.replace(FITNESS, repeat_rows=0))
    with pytest.raises(Insufficient, match="twice"):
        run("determinism", never)


def subject_with(rule: Any, key: str, *, task: str = "binary", declared: dict[str, Any] | None = None) -> CheckSubject:
    draw, roles = {"binary": (sample, ROLES), "regression": (amounts, AMOUNT_ROLES)}[task]
    stated = DECLARED if declared is None else declared
    more = {"threshold": 0.5} if task == "binary" else {}
    frame = draw(300)
    tables = perturbed_tables(
        frame, roles=roles, keys=(key,), task=task, declared=stated, answers=rule, reference=draw(500, seed=9), **more
    )
    return dataclasses.replace(complete_subject(task), perturbed=tables, declared=stated)


def test_a_model_that_rises_with_income_keeps_to_its_declaration_and_one_that_falls_breaks_it() -> None:
    kept = run("monotonicity", subject_with(income_score, "monotone"))
    assert (kept.value, kept.n, kept.low) == (0.0, 200, 0.0)
    falling = run("monotonicity", subject_with(lambda rows: {"s": 1.0 - income_score(rows)["s"]}, "monotone"))
    assert falling.value == 1.0
    row = falling.detail["features"][0]
    assert row["violated"] == row["n"] == 200
    assert row["largest"] > 0.0
    down = {"monotone": {"income": "decreasing"}}
    assert run("monotonicity", subject_with(income_score, "monotone", declared=down)).value == 1.0


def test_a_dip_in_the_middle_is_found_with_its_size_and_may_be_tolerated() -> None:
    def dips(rows: pd.DataFrame) -> dict[str, Any]:
        income = pd.to_numeric(rows.income)
        return {
            "s": np.clip(income / 100.0, 0.0, 1.0)
            - 0.05 * ((income > 20.0) & (income < 24.0)) * (rows.region == "south")
        }

    subject = subject_with(dips, "monotone")
    found = run("monotonicity", subject)
    row = found.detail["features"][0]
    rows = opened_rows(subject.perturbed["monotone"])
    assert row["violated"] == rows[rows.region == "south"].cadastre_origin.nunique()
    assert 0.0 < row["mean"] <= row["largest"] < 0.05
    assert run("monotonicity", subject, tolerance=0.06).value == 0.0


def test_monotonicity_of_amounts_and_of_the_favourable_class() -> None:
    assert run("monotonicity", subject_with(income_amount, "monotone", task="regression")).value == 0.0
    assert run("monotonicity", complete_subject("multiclass")).value == 0.0
    frame = many_classes(100)
    tables = perturbed_tables(frame, roles=MANY_ROLES, keys=("monotone",), task="multiclass", declared=DECLARED)
    with pytest.raises(Insufficient, match="favourable"):
        run("monotonicity", dataclasses.replace(complete_subject("multiclass"), perturbed=tables))


def test_without_a_declaration_monotonicity_is_insufficient() -> None:
    with pytest.raises(Insufficient, match="Nothing is declared"):
        run("monotonicity", dataclasses.replace(complete_subject(), declared={}))
    with pytest.raises(Insufficient, match="not scored on monotone rows"):
        run("monotonicity", dataclasses.replace(complete_subject(), perturbed={"other": complete_subject().evaluation}))


def test_answers_out_of_range_at_the_ends_are_counted() -> None:
    inside = run("boundary", subject_with(income_score, "boundary"))
    assert (inside.value, inside.low) == (0.0, 0.0)
    assert inside.high == pytest.approx(0.0188, abs=1e-4)

    def wild(rows: pd.DataFrame) -> dict[str, Any]:
        return {"s": np.where(pd.to_numeric(rows.income) > 400.0, 1.5, income_score(rows)["s"])}

    found = run("boundary", subject_with(wild, "boundary"))
    assert found.value == 1.0, "income may be up to 500 by its declaration"
    assert (found.detail["ends"][0]["feature"], found.detail["ends"][0]["end"]) == ("income", "upper end")

    def lost(rows: pd.DataFrame) -> dict[str, Any]:
        return {"s": np.where(pd.to_numeric(rows.income) == 0.0, np.nan, income_score(rows)["s"])}

    assert run("boundary", subject_with(lost, "boundary")).value == 1.0


def test_decisions_that_change_at_the_ends_are_counted() -> None:
    found = run("boundary", subject_with(income_score, "boundary"), of="changed")
    table = opened_rows(subject_with(income_score, "boundary").perturbed["boundary"])
    expected = (
        table.assign(changed=(table.s >= 0.5) != (table[GIVEN] >= 0.5)).groupby("cadastre_step").changed.mean().max()
    )
    assert found.value == pytest.approx(expected)


def test_amounts_far_beyond_what_was_observed_are_out_of_range() -> None:
    def exploding(rows: pd.DataFrame) -> dict[str, Any]:
        income = pd.to_numeric(rows.income).fillna(20.0)
        return {"p": np.where(income >= 499.0, 1e9, income * 3.0)}

    found = run("boundary", subject_with(exploding, "boundary", task="regression"))
    assert found.value == 1.0
    stated = DECLARED | {"ranges": {"income": [0.0, 60.0], "y": [0.0, 100.0]}}
    within = run("boundary", subject_with(income_amount, "boundary", task="regression", declared=stated))
    assert within.detail["range"] == [0.0, 100.0]
    assert within.value == 1.0, "three times sixty is above the declared hundred"


def test_a_model_of_the_mortgages_loses_with_noise_and_keeps_its_answers() -> None:
    frame = mortgages().fillna(0.0).reset_index(drop=True)
    features = ("loanprc", "obrat", "appinc", "unem", "married")
    half = frame.index % 2 == 0
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(
        frame.loc[half, list(features)], frame.approve[half]
    )
    evaluation = pa.Table.from_pandas(frame[~half], preserve_index=False)
    roles = ColumnRoles(target="approve", score="s", features=features)

    def score(rows: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(rows[list(features)])[:, 1]

    before, tables = score(evaluation.to_pandas()), {}
    for key in ("noise-0.05", "noise-0.1", "noise-0.2", "noise-1", "permutation", "boundary"):
        moved = perturbed_frame(key, evaluation, features=features, seed=1, declared={}, reference=None)
        rows = with_given(moved, before).to_pandas()
        tables[key] = open_frame(
            rows.assign(s=score(rows)),
            roles=dataclasses.replace(roles, baseline=GIVEN),
            threshold=0.5,
            check_values=False,
        )
    given = open_frame(evaluation.to_pandas().assign(s=before), roles=roles, threshold=0.5)
    subject = CheckSubject(given, perturbed=tables)
    strong = run("noise", subject, perturbation="noise-1")
    assert strong.value is not None
    assert strong.value > 0.02, "noise as large as the features' own spread must cost something"
    changes = [row["change"] for row in strong.detail["levels"]]
    assert changes == sorted(changes)
    assert run("permutation", subject).value == 0.0
    assert run("boundary", subject).value == 0.0
