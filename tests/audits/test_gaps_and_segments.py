"""Are gaps between tables and over time what the rows say, and are weak segments found only where they are?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.statistics.segments import searched
from audits.tables.contract import ColumnRoles
from registry.errors import DomainError
from tests.audits.evaluation_samples import AMOUNT_ROLES, MANY_ROLES, amounts, complete_subject, many_classes, sample
from tests.audits.quality_samples import SCORED, run, table

pytestmark = pytest.mark.thorough

TIMED = ColumnRoles(target="y", score="s", time="t")
FEATURED = ColumnRoles(target="y", score="s", features=("a", "b", "c"))


def gap(now: pd.DataFrame, before: pd.DataFrame, **params: object) -> Measurement:
    tables = [table(rows, roles=SCORED) for rows in (now, before)]
    try:
        return CHECKS.get("performance.overfit_gap").run(CheckSubject(*tables), **params)
    finally:
        for each in tables:
            each.close()


def test_the_gap_to_training_is_the_difference_of_both_figures() -> None:
    now, before = sample(300, seed=1), sample(500, seed=2)
    area = gap(now, before)
    assert area.value == pytest.approx(
        metrics.roc_auc_score(before.y, before.s) - metrics.roc_auc_score(now.y, now.s), abs=1e-12
    )
    loss = gap(now, before, metric="log_loss")
    assert loss.value == pytest.approx(metrics.log_loss(now.y, now.s) - metrics.log_loss(before.y, before.s))
    right = gap(now, before, metric="accuracy")
    shares = [(rows.y == (rows.s >= 0.5)).mean() for rows in (before, now)]
    assert right.value == pytest.approx(shares[0] - shares[1])
    assert right.low is not None
    assert right.low < right.value < right.high


def test_a_model_that_knows_its_training_rows_by_heart_has_a_gap_with_an_interval() -> None:
    now, before = sample(300, seed=1), sample(500, seed=2)
    found = gap(now, before.assign(s=before.y.astype(float)))
    assert found.value == pytest.approx(1 - metrics.roc_auc_score(now.y, now.s))
    assert found.low is not None
    assert found.low > 0.1
    one = gap(now.assign(y=0), before)
    assert (one.value, bool(one.reason)) == (None, True)


def test_the_interval_of_the_gap_covers_as_often_as_promised() -> None:
    rng, held = np.random.default_rng(8), 0
    for _ in range(70):
        frames = []
        for n in (200, 400):
            s = rng.random(n)
            frames.append(pd.DataFrame({"s": s, "y": (rng.random(n) < s).astype(int)}))
        found = gap(*frames, metric="brier", confidence=0.9)
        assert found.low is not None
        held += found.low <= 0.0 <= found.high
    assert 0.79 <= held / 70 <= 0.985


def test_a_training_table_without_what_is_needed_is_insufficient() -> None:
    reference = table(sample(50), roles=ColumnRoles(target="y"))
    with pytest.raises(Insufficient, match="reference table has no scores"):
        CHECKS.get("performance.overfit_gap").run(CheckSubject(complete_subject().evaluation, reference=reference))
    reference.close()
    with pytest.raises(DomainError) as caught:
        CHECKS.get("performance.overfit_gap").run(complete_subject(), metric="rmse")
    assert caught.value.code == "bad-check-parameters"


def test_time_is_cut_into_stretches_of_whole_days() -> None:
    frame = sample(400).assign(t=lambda rows: pd.Timestamp("2026-01-01") + pd.to_timedelta(rows.index // 4, unit="D"))
    frame.loc[frame.t >= "2026-03-17", "s"] = 1 - frame.s
    found = run("performance.out_of_time_gap", frame, roles=TIMED, metric="brier")
    stretches = found.detail["periods"]
    assert [(part["first"], part["last"]) for part in stretches] == [
        ("2026-01-01", "2026-01-25"),
        ("2026-01-26", "2026-02-19"),
        ("2026-02-20", "2026-03-16"),
        ("2026-03-17", "2026-04-10"),
    ]
    losses = ((frame.s - frame.y) ** 2).groupby(frame.index // 100).mean()
    assert [part["value"] for part in stretches] == pytest.approx(losses.tolist())
    assert found.value == pytest.approx(losses.iloc[-1] - losses.iloc[0])
    assert found.low is not None
    assert found.low > 0.0
    assert found.n == 200


def test_years_as_numbers_order_and_missing_times_are_counted() -> None:
    frame = sample(300).assign(t=lambda rows: 2020.0 + rows.index % 3)
    frame.loc[:9, "t"] = None
    found = run("performance.out_of_time_gap", frame, roles=TIMED, periods=3, metric="accuracy")
    assert [part["first"] for part in found.detail["periods"]] == ["2020", "2021", "2022"]
    assert any(note.startswith("10 rows") for note in found.notes)
    one = run("performance.out_of_time_gap", frame.assign(t=2020), roles=TIMED)
    assert (one.value, bool(one.reason)) == (None, True)
    with pytest.raises(DomainError) as caught:
        run("performance.out_of_time_gap", frame.assign(t="soon"), roles=TIMED)
    assert caught.value.code == "time-not-ordered"


def test_classes_and_amounts_have_gaps_over_time_too() -> None:
    frame = many_classes(400)
    found = run("performance.out_of_time_gap", frame, task="multiclass", roles=MANY_ROLES, metric="log_loss")
    assert found.value is not None
    frame = amounts(400)
    found = run("performance.out_of_time_gap", frame, task="regression", roles=AMOUNT_ROLES, periods=2)
    day = frame.day.dt.date
    parts = [frame[(day.astype(str) >= part["first"]) & (day.astype(str) <= part["last"])]
             for part in found.detail["periods"]]  # fmt: skip
    errors = [metrics.mean_absolute_error(rows.y, rows.p) for rows in parts]
    assert found.value == pytest.approx(errors[1] - errors[0])


def segmented(n: int, *, weak: bool, seed: int = 0) -> pd.DataFrame:
    """Draw rows with three features; where a > 0.7 and b is "x" the model errs in half of the rows, else in a tenth."""
    rng = np.random.default_rng(seed)
    a, c = rng.random(n), rng.normal(0, 1, n)
    b = pd.Series(rng.choice(["x", "y", "z"], n))
    inside = (a > 0.7) & (b == "x")
    wrong = rng.random(n) < np.where(inside & weak, 0.5, 0.1)
    y = rng.integers(0, 2, n)
    c[rng.random(n) < 0.05] = np.nan
    return pd.DataFrame({"y": y, "s": np.where(wrong, 1 - y, y) * 0.8 + 0.1, "a": a, "b": b, "c": c})


def test_a_weak_segment_is_found_and_named() -> None:
    frame = segmented(4000, weak=True)
    found = run("performance.weak_segments", frame, roles=FEATURED)
    worst = found.detail["segments"][0]
    assert "a > " in worst["segment"]
    assert "b is x" in worst["segment"]
    assert worst["p_value_holm"] < 1e-6
    assert found.low is not None
    assert found.low > 0.1
    cut = float(worst["segment"].split("a > ")[1].split(" ")[0])
    rows = frame[(frame.a > cut) & (frame.b == "x")]
    rest = frame.drop(rows.index)
    wrong = [(part.y != (part.s >= 0.5)) for part in (rows, rest)]
    assert worst["n"] == pytest.approx(len(rows), abs=3)  # the cut is printed with six digits
    assert found.value == pytest.approx(wrong[0].mean() - wrong[1].mean(), abs=0.01)
    table_of_both = [[wrong[0].sum(), len(rows) - wrong[0].sum()], [wrong[1].sum(), len(rest) - wrong[1].sum()]]
    expected = stats.fisher_exact(table_of_both, alternative="greater").pvalue
    assert np.log10(worst["p_value"]) == pytest.approx(np.log10(expected), rel=0.1)


def test_where_no_segment_is_weak_none_stands_out() -> None:
    flagged = 0
    for seed in range(25):
        found = run("performance.weak_segments", segmented(800, weak=False, seed=seed), roles=FEATURED)
        flagged += found.low is not None and found.low > 0.0
        assert min(part["p_value_holm"] for part in found.detail["segments"]) > 0.05 or found.low is not None
    assert flagged <= 1


@pytest.mark.parametrize("loss", ["squared", "log"])
def test_other_losses_are_held_by_welchs_test(loss: str) -> None:
    frame = segmented(2000, weak=True)
    found = run("performance.weak_segments", frame, roles=FEATURED, loss=loss, depth=1)
    worst = found.detail["segments"][0]
    name, cut = worst["segment"].split(" > ") if " > " in worst["segment"] else (None, None)
    inside = frame[name] > float(cut) if name else frame.b == "x"
    p = np.where(frame.y == 1, frame.s, 1 - frame.s)
    losses = (1 - p) ** 2 if loss == "squared" else -np.log(p)
    tested = stats.ttest_ind(losses[inside], losses[~inside], equal_var=False, alternative="greater")
    assert found.value == pytest.approx(losses[inside].mean() - losses[~inside].mean(), rel=0.02)
    assert np.log10(worst["p_value"]) == pytest.approx(np.log10(tested.pvalue), rel=0.05)
    assert worst["mean"] == pytest.approx(losses[inside].mean(), rel=0.02)


def test_every_candidate_is_counted() -> None:
    # two cuts of a number in four bins (one for missing): three cuts, six sides; a category of three: three, six sides
    assert searched([4], [True], 1) == 6
    assert searched([4, 3], [True, False], 2) == 12 + 144
    found = run("performance.weak_segments", segmented(500, weak=False), roles=FEATURED)
    sides = 2 * 16 + 2 * 4 + 2 * 16
    assert found.detail["candidates"] == sides + sides**2


def test_degenerate_segments_have_a_defined_answer() -> None:
    frame = segmented(300, weak=True)
    few = run("performance.weak_segments", frame.head(60), roles=FEATURED)
    assert (few.value, bool(few.reason)) == (None, True)
    right = run("performance.weak_segments", frame.assign(s=frame.y.astype(float)), roles=FEATURED)
    assert (right.value, right.low) == (0.0, None)
    constant = run("performance.weak_segments", frame.assign(a=1.0, b="x", c=np.nan), roles=FEATURED)
    assert constant.value is None
    dated = frame.assign(a=pd.Timestamp("2026-01-01"))
    assert any("Not searched" in note for note in run("performance.weak_segments", dated, roles=FEATURED).notes)
    with pytest.raises(DomainError):
        run("performance.weak_segments", frame, roles=FEATURED, loss="absolute")


def test_missing_values_can_be_the_segment() -> None:
    frame = segmented(3000, weak=False)
    frame.loc[frame.c.isna(), "s"] = 1 - frame.s
    found = run("performance.weak_segments", frame, roles=FEATURED, depth=1)
    assert found.detail["segments"][0]["segment"] == "c is missing"
    assert found.detail["segments"][0]["n"] == frame.c.isna().sum()
