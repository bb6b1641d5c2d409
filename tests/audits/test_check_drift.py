"""Do the drift checks find what moved, in numbers of scipy, and do they leave alone what did not?"""

from __future__ import annotations

import dataclasses
import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.statistics.shift import share_change, size_of
from audits.tables.contract import ColumnRoles
from audits.tables.histograms import Histograms, reference_histograms
from audits.tables.open import open_frame
from audits.tables.sides import STORED
from tests.audits.evaluation_samples import amounts, complete_subject, many_classes, mortgages, sample, table_of

pytestmark = pytest.mark.thorough

FEATURES = ("ks_features", "wasserstein_features", "jensen_shannon_features", "psi_features", "chi_square_features")
ARREST_ROLES = ColumnRoles(target="released", features=("age", "checks", "colour", "sex", "employed", "citizen"))


def run(name: str, subject: CheckSubject, **params: Any) -> Measurement:
    return CHECKS.get(f"drift.{name}").run(subject, **params)


@functools.cache
def arrests() -> pd.DataFrame:
    """Read 5,226 arrests in Toronto, 1997 to 2002, from the file inside the installed package."""
    spec = find_spec("sklego")
    assert spec is not None
    assert spec.origin is not None
    frame = pd.read_csv(Path(spec.origin).parent / "data" / "arrests.zip")
    return frame.assign(released=(frame.released == "Yes").astype(int))


def arrest_subject(before: pd.DataFrame, now: pd.DataFrame) -> CheckSubject:
    tables = [open_frame(rows, roles=ARREST_ROLES, required=("target",)) for rows in (now, before)]
    return CheckSubject(tables[0], tables[1], seed=1)


def of_feature(found: Measurement, name: str) -> dict[str, Any]:
    return next(row for row in found.detail["features"] if row["feature"] == name)


def test_every_distance_of_a_real_table_over_time_is_scipys() -> None:
    frame = arrests()
    before, now = frame[frame.year <= 1999], frame[frame.year >= 2001]
    subject = arrest_subject(before, now)
    for name in ("age", "checks"):
        row, exact = (
            of_feature(run("ks_features", subject), name),
            stats.ks_2samp(before[name], now[name], method="asymp"),
        )
        assert row["ks"] == pytest.approx(exact.statistic, abs=1e-12)
        assert row["p_value"] == pytest.approx(exact.pvalue, rel=1e-9)
        assert row["error"] == 0.0, "few ages and few checks are counted one by one"
        moved = stats.wasserstein_distance(before[name], now[name]) / before[name].std(ddof=0)
        distance = of_feature(run("wasserstein_features", subject), name)
        assert abs(distance["wasserstein"] - moved) <= distance["error"] + 1e-9
        assert distance["error"] < 1e-3
    for name in ("colour", "sex", "employed", "citizen", "checks"):
        table = pd.concat([side[name].value_counts() for side in (before, now)], axis=1).fillna(0).to_numpy().T
        row, exact = (
            of_feature(run("chi_square_features", subject), name),
            stats.chi2_contingency(table, correction=False),
        )
        assert (row["statistic"], row["p_value"]) == (pytest.approx(exact.statistic), pytest.approx(exact.pvalue))
        distance = of_feature(run("jensen_shannon_features", subject), name)
        assert distance["jensen_shannon"] == pytest.approx(jensenshannon(*table, base=2.0), abs=1e-9)


def test_multiplicity_is_holms_over_all_features() -> None:
    frame = arrests()
    found = run("chi_square_features", arrest_subject(frame[frame.year <= 1998], frame[frame.year >= 2001]))
    rows = sorted(found.detail["features"], key=lambda row: row["p_value"])
    reached = 0.0
    for at, row in enumerate(rows):
        reached = max(reached, min(1.0, (len(rows) - at) * row["p_value"]))
        assert row["p_holm"] == pytest.approx(reached)
    assert found.value == rows[0]["p_holm"]


def test_a_table_that_is_a_fresh_sample_of_the_reference_is_rarely_flagged() -> None:
    flagged = dict.fromkeys(("ks_features", "chi_square_features", "bounds"), 0)
    rng = np.random.default_rng(0)
    for _ in range(60):
        rows = arrests().iloc[rng.permutation(len(arrests()))[:3_000]]
        subject = arrest_subject(rows.head(1_500), rows.tail(1_500))
        ks = run("ks_features", subject)
        flagged["ks_features"] += min(row["p_holm"] for row in ks.detail["features"]) < 0.05
        test = run("chi_square_features", subject)
        assert test.value is not None
        flagged["chi_square_features"] += test.value < 0.05
        flagged["bounds"] += any(
            of_feature(run(name, subject), "age")["low"] > 0.02 for name in ("ks_features", "wasserstein_features")
        )
        subject.evaluation.close()
        if subject.reference is not None:
            subject.reference.close()
    assert all(count <= stats.binom.ppf(0.999, 60, 0.05) for count in flagged.values()), flagged


@pytest.mark.parametrize("name", FEATURES)
def test_a_shifted_feature_is_named_as_the_worst(name: str) -> None:
    frame = mortgages().fillna(0.0)
    before, now = frame.iloc[::2], frame.iloc[1::2]
    shifted = now.assign(obrat=now.obrat * 1.3 + 5.0, married=1.0 - now.married)
    roles = ColumnRoles(target="approve", features=("loanprc", "obrat", "appinc", "married", "male"))
    subject, clean = (
        CheckSubject(*(open_frame(rows, roles=roles, required=()) for rows in (side, before)), seed=1)
        for side in (shifted, now)
    )
    found, same = run(name, subject), run(name, clean)
    assert found.detail["worst"] == ("married" if name == "chi_square_features" else "obrat")
    assert found.value is not None
    assert same.value is not None
    assert (found.value < same.value) if name == "chi_square_features" else (found.value > 2.0 * same.value)
    assert found.plots[0].kind in ("intervals", "bars")


def test_cramers_v_may_be_judged_instead_of_the_p_value() -> None:
    subject = complete_subject()
    found = run("chi_square_features", subject, of="cramers_v")
    assert found.unit == "Cramér's V"
    assert found.value == max(row["cramers_v"] for row in found.detail["features"])


def test_a_stored_histogram_of_the_reference_spares_its_table_and_states_its_error() -> None:
    rng = np.random.default_rng(1)
    roles = ColumnRoles(features=("x",))
    before, now = (
        open_frame(pd.DataFrame({"x": rng.normal(at, 1, 50_000)}), roles=roles, required=()) for at in (0, 0.1)
    )
    stored = Histograms.from_json(reference_histograms(before, ("x",)).as_json())
    fresh = {name: run(name, CheckSubject(now, before)) for name in FEATURES[:4]}
    before.answers.clear()
    before.answers[STORED] = stored
    subject = CheckSubject(now, before)
    for name, found in fresh.items():
        again = run(name, subject)
        assert again == found
        row = again.detail["features"][0]
        assert 0.0 < row["error"] < 5e-3
        assert "Counted in histograms" in again.notes[0]
    assert set(before.answers) == {STORED}, "nothing was asked of the reference table"


def test_a_feature_that_cannot_be_compared_is_never_passed_over() -> None:
    roles = ColumnRoles(features=("x", "z"))
    now = open_frame(pd.DataFrame({"x": [1.0, 2.0], "z": ["1", "2"]}), roles=roles, required=())
    other = open_frame(pd.DataFrame({"x": [1.0, 2.0], "z": [1.0, 2.0]}), roles=roles, required=())
    lacking = open_frame(pd.DataFrame({"x": [1.0, 2.0]}), roles=ColumnRoles(features=("x",)), required=())
    for name in FEATURES:
        with pytest.raises(Insufficient, match="numbers in one table"):
            run(name, CheckSubject(now, other))
        with pytest.raises(Insufficient, match="'z' cannot be compared: the reference table lacks it"):
            run(name, CheckSubject(now, lacking))


def test_kinds_of_feature_that_a_distance_does_not_know_are_insufficient() -> None:
    texts = open_frame(pd.DataFrame({"z": ["a", "b"]}), roles=ColumnRoles(features=("z",)), required=())
    numbers = open_frame(pd.DataFrame({"x": np.arange(100.0)}), roles=ColumnRoles(features=("x",)), required=())
    constant = open_frame(pd.DataFrame({"x": np.ones(100)}), roles=ColumnRoles(features=("x",)), required=())
    for name in ("ks_features", "wasserstein_features"):
        with pytest.raises(Insufficient, match="numeric"):
            run(name, CheckSubject(texts, texts))
    with pytest.raises(Insufficient, match="two categories"):
        run("chi_square_features", CheckSubject(numbers, numbers))
    with pytest.raises(Insufficient, match="constant"):
        run("wasserstein_features", CheckSubject(numbers, constant))


def test_missing_values_that_appear_are_drift_of_shares_and_not_of_distributions() -> None:
    roles = ColumnRoles(features=("x",))
    values = np.arange(1_000.0)
    before = open_frame(pd.DataFrame({"x": values}), roles=roles, required=())
    now = open_frame(pd.DataFrame({"x": np.where(values % 2 == 0, values, np.nan)}), roles=roles, required=())
    subject = CheckSubject(now, before)
    assert run("ks_features", subject).value == pytest.approx(0.001, abs=2e-3)
    found = run("psi_features", subject)
    assert found.value is not None
    assert found.value > 1.0


def test_the_change_of_the_base_rate_has_newcombes_interval() -> None:
    before, now = sample(700, seed=3), sample(500, seed=4)
    now = now.assign(y=(now.y | (np.arange(500) % 4 == 0)).astype(int))
    found = run("label_shift", CheckSubject(table_of(now), table_of(before)))
    expected = size_of(share_change(int(before.y.sum()), 700, int(now.y.sum()), 500))
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    # Newcombe (1998), Statistics in Medicine 17, table II, method 10: 56/70 less 48/80 is .2, from .0524 to .3339
    published = share_change(48, 80, 56, 70)
    assert (published.value, published.low, published.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_other_statistics_of_the_outcome_are_named_by_the_policy() -> None:
    before, now = (
        sample(700, seed=3),
        sample(500, seed=4).assign(y=lambda rows: np.where(rows.index % 3 == 0, 1, rows.y)),
    )
    subject = CheckSubject(table_of(now), table_of(before))
    counts = np.array([[side.y.sum(), (1 - side.y).sum()] for side in (before, now)])
    test = stats.chi2_contingency(counts, correction=False)
    assert run("label_shift", subject, statistic="p_value").value == pytest.approx(test.pvalue)
    assert run("label_shift", subject, statistic="jensen_shannon").value == pytest.approx(
        jensenshannon(*counts, base=2.0)
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    psi = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    found = run("label_shift", subject, statistic="psi")
    assert (found.value, found.unit) == (pytest.approx(psi), "nats")
    with pytest.raises(Insufficient, match="no distance"):
        run("label_shift", subject, statistic="wasserstein")


def test_classes_are_compared_at_bonferronis_level_and_a_new_class_counts() -> None:
    found = run("label_shift", complete_subject("multiclass"))
    now, before = many_classes(400, seed=1), many_classes(500, seed=9)
    gaps = {name: abs((now.y == name).mean() - (before.y == name).mean()) for name in ("high", "low", "middle")}
    assert found.value == pytest.approx(max(gaps.values()))
    worst = max(gaps, key=lambda name: gaps[name])
    change = size_of(share_change(int((before.y == worst).sum()), 500, int((now.y == worst).sum()), 400, 1 - 0.05 / 3))
    assert found.low is not None
    assert found.low >= change.low
    assert found.method == "newcombe, bonferroni"
    roles = ColumnRoles(target="y")
    new, old = (
        open_frame(pd.DataFrame({"y": values}), roles=roles, task="multiclass", required=())
        for values in (["a", "b", "new", "new"], ["a", "a", "b", "b"])
    )
    assert run("label_shift", CheckSubject(new, old)).value == 0.5


def test_amounts_are_compared_as_distributions() -> None:
    subject = complete_subject("regression")
    now, before = amounts(400, seed=1), amounts(500, seed=9)
    for name, column in (("label_shift", "y"), ("prediction_shift", "p")):
        exact = stats.ks_2samp(before[column], now[column], method="asymp")
        found = run(name, subject)
        assert found.value == pytest.approx(exact.statistic, abs=1e-9)
        assert run(name, subject, statistic="p_value").value == pytest.approx(exact.pvalue, rel=1e-6)
        moved = stats.wasserstein_distance(before[column], now[column]) / before[column].std(ddof=0)
        distance = run(name, subject, statistic="wasserstein")
        assert abs((distance.value or 0.0) - moved) <= distance.detail["features"][0]["error"] + 1e-9
        assert len(found.plots) == 2


def test_scores_and_decisions_are_compared() -> None:
    before, now = sample(700, seed=3), sample(500, seed=4, shift=3.0)
    subject = CheckSubject(table_of(now), table_of(before))
    exact = stats.ks_2samp(before.s, now.s)
    assert run("score_shift", subject).value == pytest.approx(exact.statistic, abs=1e-12)
    assert run("score_shift", subject, statistic="psi").value == run("psi_score", subject).value
    chosen = [(side.s >= 0.5).mean() for side in (before, now)]
    assert run("prediction_shift", subject).value == pytest.approx(abs(chosen[1] - chosen[0]))
    classes = run("score_shift", complete_subject("multiclass"))
    assert {row["feature"] for row in classes.detail["features"]} == {"p_high", "p_low", "p_middle"}
    unscored = CheckSubject(table_of(now), table_of(before, roles=ColumnRoles(target="y"), required=()))
    with pytest.raises(Insufficient, match="no scores in both"):
        run("score_shift", unscored)


def test_a_column_without_numbers_on_one_side_has_no_value() -> None:
    roles = ColumnRoles(target="y", prediction="p", features=())
    frames = [pd.DataFrame({"y": [1.0, 2.0], "p": side}) for side in ([1.0, 2.0], [np.nan, np.nan])]
    now, before = (open_frame(rows, roles=roles, task="regression", required=(), check_values=False) for rows in frames)
    found = run("prediction_shift", CheckSubject(now, before))
    assert found.value is None
    assert found.reason


def test_weights_are_not_applied_and_it_is_said() -> None:
    frame = sample(200).assign(w=2.0)
    roles = dataclasses.replace(table_of(sample(20)).roles, weight="w")
    subject = CheckSubject(table_of(frame, roles=roles), table_of(frame, roles=roles))
    for name in (*FEATURES, "label_shift", "score_shift", "prediction_shift"):
        assert any("weight" in note for note in run(name, subject).notes), name
