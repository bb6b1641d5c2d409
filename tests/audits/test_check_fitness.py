"""Does an artifact that its target environment cannot bear ever pass, and what is said without a limit?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy import stats

from audits.checks.contract import CHECKS, MEASURED_ONCE, CheckSubject, Insufficient, Measurement
from audits.checks.requirement import CheckOutcome, Requirement, measure
from audits.statistics.order import quantile, quantile_interval
from tests.audits.evaluation_samples import FITNESS, complete_subject

CHECKED = ("artifact_size", "load_time", "peak_memory", "latency")


def subject(**more: Any) -> CheckSubject:
    return dataclasses.replace(complete_subject(), fitness=dataclasses.replace(FITNESS, **more))


def run(name: str, given: CheckSubject, **params: Any) -> Measurement:
    return CHECKS.get(f"fitness.{name}").run(given, **params)


def judged(name: str, given: CheckSubject, *, op: str = "<=", limit: float = 1.0, **params: Any) -> CheckOutcome:
    line = {"key": "k", "check": f"fitness.{name}", "op": op, "limit": limit, "params": params}
    return measure(Requirement.from_policy(line), given)


@pytest.mark.parametrize("name", CHECKED)
def test_the_value_is_the_share_of_the_environments_limit_and_the_amount_on_request(name: str) -> None:
    given = subject()
    limit = {"artifact_size": 1e8, "load_time": 10.0, "peak_memory": 1e9, "latency": 0.1}[name]
    share, amount = run(name, given), run(name, given, scale="amount")
    assert share.value is not None
    assert amount.value == share.detail["amount"] == pytest.approx(share.value * limit)
    assert (share.unit, amount.unit) == ("share of limit", amount.unit)
    assert amount.unit in {"bytes", "seconds"}
    assert share.plots


@pytest.mark.parametrize("name", CHECKED)
def test_without_a_limit_nothing_is_claimed_and_it_is_said_how_to_mend_it(name: str) -> None:
    with pytest.raises(Insufficient, match="states no limit") as caught:
        run(name, subject(limits={}))
    assert "among the limits of the environment" in caught.value.mend
    assert judged(name, subject(limits={})).judgement.status == "insufficient"
    assert run(name, subject(limits={}), scale="amount").value is not None


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("artifact_size", {"artifact_bytes": 100_000_001}),
        ("load_time", {"load_seconds": 10.001}),
        ("peak_memory", {"peak_memory_bytes": 1_000_000_001}),
        ("latency", {"latency_seconds": (*FITNESS.latency_seconds, *([0.11] * 5))}),
    ],
)
def test_a_model_too_large_or_too_slow_for_its_host_does_not_pass(name: str, more: dict[str, Any]) -> None:
    outcome = judged(name, subject(**more))
    assert outcome.judgement.status == "not_met"
    assert outcome.measurement is not None
    assert outcome.measurement.value is not None
    assert outcome.measurement.value > 1.0
    assert judged(name, subject()).judgement.status == "met"


def test_at_the_limit_is_within_it() -> None:
    assert run("artifact_size", subject(artifact_bytes=100_000_000)).value == 1.0
    assert judged("artifact_size", subject(artifact_bytes=100_000_000)).judgement.status == "met"


def test_one_file_is_no_sample_but_few_timings_are() -> None:
    assert run("artifact_size", subject()).method == MEASURED_ONCE
    assert judged("latency", subject(latency_seconds=(0.001,) * 5)).judgement.status == "insufficient"


def test_latency_quantiles_are_order_statistics_as_scipy_gives_them() -> None:
    times = np.random.default_rng(1).exponential(0.01, 900)
    found = run("latency", subject(latency_seconds=tuple(times)), scale="amount")
    for row in found.detail["quantiles"]:
        expected = stats.quantile_test(times, p=row["quantile"]).confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
        assert row["seconds"] == np.sort(times)[int(np.ceil(row["quantile"] * 900)) - 1]
    assert found.low is not None
    assert found.high is not None
    assert found.low < (found.value or 0.0) < found.high
    assert found.n == 900


def test_the_interval_holds_the_true_quantile_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    truth = stats.expon.ppf(0.95)
    held = 0
    for _ in range(400):
        found = quantile_interval(rng.exponential(1.0, 200), 0.95)
        assert found is not None
        held += found.low <= truth <= found.high
    assert held >= 380 - 12


def test_too_few_timings_have_a_quantile_without_interval() -> None:
    found = run("latency", subject(latency_seconds=(0.002, 0.004)))
    assert found.value == pytest.approx(0.04)
    assert (found.low, found.high) == (None, None)
    assert "too few" in found.notes[0]
    with pytest.raises(Insufficient, match="No single row"):
        run("latency", subject(latency_seconds=(float("nan"),)))
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_throughput_is_rows_per_second_and_a_share_where_the_environment_asks_for_some() -> None:
    assert run("throughput", subject()).value == pytest.approx(40_000.0)
    asked = subject(limits={"rows_per_second": 80_000.0})
    assert run("throughput", asked, scale="share").value == pytest.approx(0.5)
    assert judged("throughput", asked, op=">=", scale="share").judgement.status == "not_met"
    with pytest.raises(Insufficient, match="No batch"):
        run("throughput", subject(batch_seconds=0.0))
    with pytest.raises(Insufficient, match="rows_per_second"):
        run("throughput", subject(), scale="share")
