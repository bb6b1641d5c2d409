"""Is a measurement judged by the policy as it is written, and is a fault never a pass?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.checks.contract import CHECKS, CheckSpec, CheckSubject, Insufficient, Measurement
from audits.checks.requirement import Requirement, figure, judge, measure
from audits.tables.contract import ColumnRoles
from registry.errors import DomainError
from tests.audits.evaluation_samples import complete_subject, sample, table_of

AUC = {"key": "ranks", "check": "performance.roc_auc", "op": ">=", "limit": 0.7}


def required(**changes: Any) -> Requirement:
    return Requirement.from_policy(AUC | changes)


def result(value: float | None, low: float | None = None, high: float | None = None, n: int = 500) -> Measurement:
    return Measurement(value, "u", low, high, 0.95, n, "m", reason="" if value is not None else "No rows of one kind.")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"check": "performance.luck"}, "unknown-check"),
        ({"check": None}, "unknown-check"),
        ({"limit": math.nan}, "bad-limit"),
        ({"limit": math.inf}, "bad-limit"),
        ({"limit": "0.5 "}, "bad-limit"),
        ({"limit": True}, "bad-limit"),
        ({"limit": None}, "bad-limit"),
        ({"limit": 10**400}, "bad-limit"),
        ({"op": "=="}, "bad-comparison"),
        ({"op": ["<="]}, "bad-comparison"),
        ({"confidence": 95}, "bad-confidence"),
        ({"confidence": math.nan}, "bad-confidence"),
        ({"confidence": "high"}, "bad-confidence"),
        ({"min_group_size": 2}, "bad-min-group-size"),
        ({"min_group_size": 20.0}, "bad-min-group-size"),
        ({"min_group_size": True}, "bad-min-group-size"),
        ({"judged_on": "mood"}, "bad-judged-on"),
        ({"severity": "fatal"}, "bad-severity"),
        ({"params": {"bins": 10}}, "bad-check-parameters"),
        ({"params": [1]}, "bad-check-parameters"),
        ({"params": {"confidence": 0.9}}, "bad-check-parameters"),
        ({"key": ""}, "bad-requirement-key"),
        ({"key": "a\nb"}, "bad-requirement-key"),
        ({"key": "k" * 101}, "bad-requirement-key"),
        ({"threshold": 1}, "bad-requirement"),
    ],
)
def test_a_bad_line_of_policy_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        required(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize("missing", ["key", "check", "op", "limit"])
def test_a_line_of_policy_without_its_heart_is_refused(missing: str) -> None:
    with pytest.raises(DomainError) as caught:
        Requirement.from_policy({name: value for name, value in AUC.items() if name != missing})
    assert caught.value.code == "bad-requirement"
    with pytest.raises(DomainError):
        Requirement.from_policy([])  # type: ignore[arg-type]  # what a policy file may hold by mistake


def test_a_requirement_survives_json() -> None:
    data = {
        "key": "sexes",
        "check": "fairness.selection_rate_ratio",
        "params": {"attributes": ["sex"], "intersections": True},
        "op": ">=",
        "limit": 0.8,
        "judged_on": "bound",
        "confidence": 0.9,
        "min_group_size": 30,
        "severity": "advisory",
    }
    found = Requirement.from_policy(data)
    assert found.as_json() == data
    assert Requirement.from_policy(found.as_json()) == found
    assert found.required() == "at least 0.8 for the whole 90 % interval"
    assert found.arguments() == {"attributes": ["sex"], "intersections": True, "min_group_size": 30, "confidence": 0.9}


@pytest.mark.parametrize(
    ("op", "value", "status"),
    [
        (">=", 0.7, "met"),
        (">=", 0.7 - 1e-15, "met"),
        (">=", 0.6999, "not_met"),
        (">", 0.7, "not_met"),
        (">", 0.7001, "met"),
        ("<=", 0.7, "met"),
        ("<=", 0.7001, "not_met"),
        ("<", 0.7, "not_met"),
        ("<", 0.6999, "met"),
    ],
)
def test_the_estimate_is_held_against_the_limit(op: str, value: float, status: str) -> None:
    assert judge(required(op=op), result(value)).status == status


@pytest.mark.parametrize(
    ("op", "low", "high", "status"),
    [
        (">=", 0.71, 0.8, "met"),
        (">=", 0.7, 0.8, "met"),
        (">=", 0.6, 0.8, "insufficient"),
        (">=", 0.5, 0.69, "not_met"),
        ("<=", 0.5, 0.69, "met"),
        ("<=", 0.6, 0.8, "insufficient"),
        ("<=", 0.71, 0.8, "not_met"),
        ("<", 0.5, 0.7, "insufficient"),
        (">=", None, None, "insufficient"),
    ],
)
def test_the_bound_asks_for_the_whole_interval(op: str, low: float | None, high: float | None, status: str) -> None:
    value = 0.65 if low is None or high is None else (low + high) / 2
    assert judge(required(op=op, judged_on="bound"), result(value, low, high)).status == status


@given(
    st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1), st.sampled_from(["<=", ">=", "<", ">"])
)
def test_a_met_bound_is_always_a_met_estimate(value: float, down: float, up: float, limit: float, op: str) -> None:
    measurement = result(value, value - down, value + up)
    bound = judge(required(op=op, limit=limit, judged_on="bound"), measurement).status
    estimate = judge(required(op=op, limit=limit), measurement).status
    assert (bound, estimate) in {
        ("met", "met"),
        ("not_met", "not_met"),
        ("insufficient", "met"),
        ("insufficient", "not_met"),
    }


def test_no_value_and_too_few_rows_are_insufficient_never_met() -> None:
    nothing = judge(required(), result(None))
    assert (nothing.status, nothing.reason) == ("insufficient", "No rows of one kind.")
    few = judge(required(min_group_size=50), result(0.99, n=49))
    assert (few.status, few.reason) == ("insufficient", "The measurement is over 49 rows; at least 50 are required.")


def test_a_judgement_says_what_was_observed_what_is_required_and_how_to_mend_it() -> None:
    found = judge(required(judged_on="bound"), result(0.65, 0.62, 0.68, n=812))
    assert found.as_json() == {
        "status": "not_met",
        "observed": "0.65 (95 % interval 0.62 to 0.68), n = 812",
        "required": "at least 0.7 for the whole 95 % interval",
        "reason": "No part of the 95 % interval is at least 0.7.",
        "mend": CHECKS.get("performance.roc_auc").mend,
    }
    assert judge(required(), result(0.9)).mend == ""


def test_rounding_never_moves_a_number_over_the_limit() -> None:
    assert figure(0.6999999, 0.7) == "0.6999999"
    assert figure(0.7, 0.7) == "0.7"
    assert figure(1 / 3, 0.7) == "0.3333"
    assert judge(required(), result(0.69999)).observed.startswith("0.69999,")


def test_a_real_measurement_is_judged() -> None:
    outcome = measure(required(limit=0.6), complete_subject())
    assert outcome.judgement.status == "met"
    assert outcome.measurement is not None
    assert outcome.as_json()["measurement"]["n"] == 400
    assert measure(required(limit=0.99), complete_subject()).judgement.status == "not_met"


def test_a_subject_that_lacks_something_is_insufficient() -> None:
    bare = CheckSubject(table_of(sample(60), roles=ColumnRoles(target="y", score="s")))
    outcome = measure(required(check="drift.psi_score", op="<=", limit=0.25), bare)
    assert outcome.judgement.status == "insufficient"
    assert outcome.measurement is None
    assert "training dataset" in outcome.judgement.mend


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (
            lambda: ZeroDivisionError("row of Jane Doe"),
            "error",
            "The check drift.broken failed with ZeroDivisionError.",
        ),
        (
            lambda: DomainError("unknown-column", "There is no such column."),
            "error",
            "There is no such column. (unknown-column)",
        ),
        (lambda: Insufficient("Too little.", "More."), "insufficient", "Too little."),
    ],
)
def test_a_check_that_breaks_is_an_error_and_quotes_no_row(
    fault: Callable[[], Exception], status: str, reason: str
) -> None:
    def broken(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
        raise fault()

    spec = CheckSpec("drift.broken", "Breaks.", "drift", broken, (), "u", "none", {"properties": {}})
    with CHECKS.temporarily("drift.broken", spec):
        outcome = measure(required(check="drift.broken"), complete_subject())
    assert (outcome.judgement.status, outcome.judgement.reason) == (status, reason)
    assert "Jane" not in str(outcome.as_json())


def test_memory_that_ran_out_is_left_to_the_step_which_ends_the_run_with_its_own_code() -> None:
    def greedy(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
        raise ValueError("no room") from MemoryError()

    spec = CheckSpec("drift.greedy", "Takes all.", "drift", greedy, (), "u", "none", {"properties": {}})
    with CHECKS.temporarily("drift.greedy", spec), pytest.raises(ValueError, match="no room"):
        measure(required(check="drift.greedy"), complete_subject())


def test_a_check_that_returns_something_else_is_an_error() -> None:
    spec = CheckSpec("drift.odd", "Odd.", "drift", lambda subject, **_: 1.0, (), "u", "none", {"properties": {}})  # type: ignore[arg-type, return-value]  # what a third party may do
    with CHECKS.temporarily("drift.odd", spec):
        assert measure(required(check="drift.odd"), complete_subject()).judgement.status == "error"
