"""Does every registered check, ours or a third party's, keep the contract of a check?"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import inspect
import json
import math
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.checks.contract import (
    CHECKS,
    NEEDS,
    TASKS,
    CheckSpec,
    CheckSubject,
    GroupRow,
    Insufficient,
    Measurement,
    Plot,
    check,
    plain,
)
from audits.tables.contract import ColumnRoles
from registry.digests import canonical_json
from registry.errors import DomainError
from tests.audits.evaluation_samples import ROLES, complete_subject, sample, subject_of, table_of
from tests.drawing import examples

SPECS = [pytest.param(entry.item, id=entry.slug) for entry in CHECKS]
EXPECTED = {
    "calibration.brier_score",
    "calibration.expected_calibration_error",
    "drift.psi_features",
    "drift.psi_score",
    "explainability.shap_importance",
    "fairness.equal_opportunity_difference",
    "fairness.equalized_odds_difference",
    "fairness.selection_rate_ratio",
    "performance.log_loss",
    "performance.roc_auc",
    "robustness.missing_values",
}


def test_the_checks_the_first_policy_needs_are_registered() -> None:
    assert {entry.slug for entry in CHECKS} >= EXPECTED


DEGENERATE = {
    "outcome 0 only": lambda frame: frame.assign(y=0),
    "outcome 1 only": lambda frame: frame.assign(y=1),
    "nobody selected": lambda frame: frame.assign(s=frame.s / 4),
    "all selected": lambda frame: frame.assign(s=0.5 + frame.s / 2),
    "two rows": lambda frame: frame.head(2).assign(y=[0, 1]),
    "one score": lambda frame: frame.assign(s=0.5),
    "groups missing": lambda frame: frame.assign(sex=pd.Series([None] * 60, dtype="object"), region="only"),
}


@functools.cache
def degenerate_subject(kind: str) -> CheckSubject:
    return subject_of(DEGENERATE[kind](sample(60)), check_values=False)


atexit.register(degenerate_subject.cache_clear)


@pytest.mark.parametrize("spec", SPECS)
class TestEveryCheck:
    def test_it_says_what_it_measures_with_formula_meaning_and_source(self, spec: CheckSpec) -> None:
        text = inspect.getdoc(spec.function) or ""
        assert spec.summary
        assert spec.summary == text.split("\n", 1)[0]
        assert spec.summary.endswith(".")
        for part in (".. math::", "0: ", "References\n----------", "Notes\n-----"):
            assert part in text
        notes = text.partition("Notes\n-----")[2].partition("References\n")[0]
        assert "Limits: " in notes
        assert "Not for: " in notes
        assert "Parameters" in text
        assert CHECKS.entry(spec.slug).module == spec.function.__module__
        assert spec.mend

    def test_it_takes_the_parameters_of_its_schema_and_a_confidence(self, spec: CheckSpec) -> None:
        signature = inspect.signature(spec.function).parameters
        assert set(signature) == {"subject", "confidence", *spec.parameters["properties"]}
        for name, parameter in signature.items():
            if name != "subject":
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
                assert parameter.default is not inspect.Parameter.empty
        with pytest.raises(DomainError) as caught:
            spec.run(complete_subject(spec.tasks[0]), surprise=1)
        assert caught.value.code == "bad-check-parameters"
        for confidence in (0.0, 1.0, math.nan, "0.95", True):
            with pytest.raises(DomainError):
                spec.run(complete_subject(spec.tasks[0]), confidence=confidence)

    def test_it_measures_a_complete_subject_of_each_task(self, spec: CheckSpec) -> None:
        for task in spec.tasks:
            found = spec.run(complete_subject(task), confidence=0.9)
            assert found.value is not None
            assert found.unit == spec.unit
            assert found.confidence == 0.9
            assert found.n > 0
            assert found.method
            if found.low is not None and found.high is not None:
                assert found.low <= found.value <= found.high

    def test_it_does_not_measure_a_model_of_another_task(self, spec: CheckSpec) -> None:
        for task in set(TASKS) - set(spec.tasks):
            with pytest.raises(Insufficient, match=f"this one is a {task} model"):
                spec.run(complete_subject(task))

    def test_what_it_plots_survives_json_and_is_drawn_from_its_own_table(self, spec: CheckSpec) -> None:
        for task in spec.tasks:
            for plot in spec.run(complete_subject(task)).plots:
                assert Plot.from_json(json.loads(canonical_json(plot.as_json()))) == plot
                assert plot.rows

    def test_its_measurement_survives_json_and_holds_no_nan(self, spec: CheckSpec) -> None:
        found = spec.run(complete_subject(spec.tasks[0]))
        data = canonical_json(found.as_json())
        assert Measurement.from_json(json.loads(data)) == found

    def test_it_gives_the_same_numbers_again(self, spec: CheckSpec) -> None:
        assert spec.run(complete_subject(spec.tasks[0])) == spec.run(complete_subject(spec.tasks[0]))

    def test_a_higher_confidence_never_makes_the_interval_narrower(self, spec: CheckSpec) -> None:
        subject = complete_subject(spec.tasks[0])
        narrow, wide = spec.run(subject, confidence=0.6), spec.run(subject, confidence=0.99)
        assert narrow.value == wide.value
        if narrow.low is not None and narrow.high is not None:
            assert wide.low is not None
            assert wide.high is not None
            assert wide.low <= narrow.low
            assert wide.high >= narrow.high

    def test_it_says_what_it_lacks(self, spec: CheckSpec) -> None:
        empty = CheckSubject(table_of(sample(40), roles=ColumnRoles(), required=()))
        if set(spec.needs) <= {"explanation"}:
            empty = dataclasses.replace(empty, explanation=None)
        with pytest.raises(Insufficient) as caught:
            spec.run(empty)
        assert caught.value.reason.endswith(".")
        assert caught.value.mend.endswith(".")

    @pytest.mark.parametrize("kind", DEGENERATE)
    def test_degenerate_tables_have_a_defined_answer(self, spec: CheckSpec, kind: str) -> None:
        if "binary" not in spec.tasks:
            pytest.skip("its own tests hold the degenerate tables of its task")
        found = spec.run(degenerate_subject(kind))
        assert (found.value is None) == bool(found.reason)
        assert Measurement.from_json(json.loads(canonical_json(found.as_json()))) == found


@pytest.mark.thorough
# an example runs every check twice, which takes seconds
@examples(2)
@given(order=st.permutations(list(range(120))), cut=st.integers(60, 120))
def test_the_order_of_rows_never_matters_to_any_check(order: list[int], cut: int) -> None:
    frame = sample(120).head(cut)
    shuffled = frame.iloc[[at for at in order if at < cut]]
    subjects = [subject_of(rows, check_values=False) for rows in (frame, shuffled)]
    for entry in CHECKS:
        if "binary" in entry.item.tasks:
            assert entry.item.run(subjects[0]) == entry.item.run(subjects[1]), entry.slug


def test_a_subject_without_features_or_attributes_is_told_apart_from_one_without_tables() -> None:
    table = table_of(sample(40), roles=ColumnRoles(target="y", score="s"))
    for slug, need in (("drift.psi_features", "features"), ("fairness.selection_rate_ratio", "sensitive")):
        with pytest.raises(Insufficient) as caught:
            CHECKS.get(slug).run(CheckSubject(table, reference=table))
        assert caught.value.reason == NEEDS[need][1]


def test_a_measurement_refuses_nan_and_half_an_interval_and_cleans_its_detail() -> None:
    fields = {"unit": "u", "confidence": 0.95, "n": 3, "method": "m"}
    for bad in (
        {"value": math.nan, "low": None, "high": None},
        {"value": 1.0, "low": 0.0, "high": math.inf},
        {"value": 1.0, "low": 0.5, "high": None},
        {"value": 1.0, "low": 0.9, "high": 0.1},
        {"value": None, "low": None, "high": None},
        {"value": 1.0, "low": None, "high": None, "reason": "both"},
    ):
        with pytest.raises(ValueError, match=r"measurement|interval"):
            Measurement(**fields, **bad)
    found = Measurement(-0.0, "u", None, None, 0.95, 3, "m", detail={"a": (1.0, math.nan, math.inf), 2: {"b": True}})
    assert found.detail == {"a": [1.0, None, None], "2": {"b": True}}
    assert str(found.value) == "0.0"
    with pytest.raises(TypeError, match="object"):
        plain({"a": object()})


def test_a_suppressed_group_can_show_neither_rate_nor_number() -> None:
    with pytest.raises(ValueError, match="no rate"):
        GroupRow("sex", "f", None, {"selection_rate": 0.5}, None, None, "suppressed")
    with pytest.raises(ValueError, match="how many"):
        GroupRow("sex", "f", 2, {}, None, None, "suppressed")


def test_a_check_of_unknown_needs_or_family_cannot_be_registered() -> None:
    for slug, family, needs in (("a.b", "a", ()), ("drift.b", "fairness", ()), ("drift.b", "drift", ("luck",))):
        with pytest.raises(ValueError, match="known kinds"):
            check(slug, family=family, needs=needs, unit="u", better="none")(lambda subject: None)
        assert slug not in CHECKS


def test_an_unknown_check_is_refused_with_the_names_of_those_that_exist() -> None:
    with pytest.raises(DomainError) as caught:
        CHECKS.get("fairness.vibes")
    assert caught.value.code == "unknown-check"
    assert set(caught.value.context["known"]) >= EXPECTED


def test_loading_every_check_and_requirement_imports_no_heavy_library_and_no_django() -> None:
    heavy = [
        "numpy",
        "scipy",
        "pandas",
        "pyarrow",
        "duckdb",
        "ibis",
        "sklearn",
        "shap",
        "matplotlib",
        "django",
        "celery",
    ]
    program = (
        "import sys; from audits.checks.contract import CHECKS; "
        "import audits.checks.requirement, audits.tables.contract; "
        f"CHECKS.load(); print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_roles_of_the_sample_cover_what_the_contract_tests_need() -> None:
    subject = complete_subject()
    assert subject.evaluation.roles == ROLES
    assert {need for need, (holds, _, _) in NEEDS.items() if not holds(subject)} == {"class-scores"}
    for task in ("multiclass", "regression"):
        other = complete_subject(task)
        assert other.task == task
        assert all(NEEDS[need][0](other) for need in ("labels", "predictions", "baseline", "sensitive", "features"))
    assert NEEDS["class-scores"][0](complete_subject("multiclass"))
