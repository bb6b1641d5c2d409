"""Do two versions on the same rows compare as published tests and formulas by rows say?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from audits.checks.contract import CheckSubject, Insufficient
from audits.checks.requirement import Requirement, measure
from audits.statistics.paired import accuracy_difference, mcnemar
from audits.tables.contract import ColumnRoles
from audits.tables.pairs import pair_cells
from registry.errors import DomainError
from tests.audits.evaluation_samples import AMOUNT_ROLES, MANY_ROLES, amounts, many_classes, sample
from tests.audits.quality_samples import likeliest, run, table

BOTH = ColumnRoles(target="y", score="s", baseline="b")
GROUPED = ColumnRoles(target="y", score="s", baseline="b", sensitive=("sex", "region"))
HEAVY = ColumnRoles(target="y", score="s", baseline="b", weight="w", sensitive=("sex",))


@pytest.mark.parametrize(
    ("b", "c", "exact", "corrected", "p_corrected"),
    [
        # statsmodels, test_nonparametric.py: values of R's mcnemar.test and of its exact test
        (121, 59, 4e-6, 20.67222, 5.450095e-06),
        (70, 59, 0.378688, 0.7751938, 0.3786151),
        (80, 59, 0.089452, 2.87769784, 0.08981434),
        # the same file, values of the Vassar College calculator
        (30, 60, 0.00206, None, None),
        (10, 30, 0.002221, None, None),
        (10, 10, 1.0, None, None),
        # Cumulus chart-review documentation, page on McNemar's test
        (61, 27, None, 12.375, 0.000435),
        (20, 6, None, 6.5, 0.011),
        (25, 15, None, 2.025, 0.155),
    ],
)
def test_published_tables_of_mcnemar(
    b: int, c: int, exact: float | None, corrected: float | None, p_corrected: float | None
) -> None:
    found = mcnemar(b, c)
    if exact is not None:
        assert found.exact == pytest.approx(exact, abs=5e-6)
        assert found.exact == pytest.approx(stats.binomtest(b, b + c).pvalue, abs=1e-12)
    if corrected is not None:
        assert found.chi_square_corrected == pytest.approx(corrected, abs=1e-5)
        assert found.chi_square_corrected_p == pytest.approx(p_corrected, abs=5e-4)
    assert mcnemar(c, b).mid_p == found.mid_p


def test_published_mid_p_and_its_one_sided_form() -> None:
    # Cumulus chart-review documentation: 16 and 6 discordant rows, mid-p 0.035
    assert mcnemar(16, 6).mid_p == pytest.approx(0.035, abs=5e-4)
    # Fagerland, Lydersen, Laake 2013, table 1: 1 and 7 discordant rows, exact 0.0703 and mid-p 0.0391; with n12 = n21 their
    # supplement takes half the probability of n12 off 1
    bentur = mcnemar(1, 7)
    assert (bentur.exact, bentur.mid_p) == pytest.approx((0.0703, 0.0391), abs=5e-5)
    assert mcnemar(5, 5).mid_p == pytest.approx(1.0 - stats.binom(10, 0.5).pmf(5) / 2)
    worse = mcnemar(6, 16, "version-worse")
    assert worse.exact == pytest.approx(stats.binomtest(6, 22, alternative="less").pvalue)
    assert worse.mid_p == pytest.approx(worse.exact - stats.binom(22, 0.5).pmf(6) / 2)
    assert mcnemar(16, 6, "version-worse").exact > 0.98
    assert (mcnemar(0, 0).exact, mcnemar(0, 0).chi_square) == (1.0, None)


def test_the_difference_of_areas_has_delongs_variance_by_all_pairs() -> None:
    frame = sample(300, seed=6)
    found = run("comparison.delong_difference", frame, roles=BOTH)
    assert found.value == pytest.approx(
        metrics.roc_auc_score(frame.y, frame.s) - metrics.roc_auc_score(frame.y, frame.b), abs=1e-12
    )
    one, zero = frame[frame.y == 1], frame[frame.y == 0]

    def kernel(name: str) -> np.ndarray:
        above = one[name].to_numpy()[:, None] - zero[name].to_numpy()[None, :]
        return (above > 0) + 0.5 * (above == 0)

    apart = kernel("s") - kernel("b")
    variance = apart.mean(axis=1).var(ddof=1) / len(one) + apart.mean(axis=0).var(ddof=1) / len(zero)
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=1e-12)
    assert found.detail["p_value"] == pytest.approx(2 * stats.norm.sf(found.value / np.sqrt(variance)))
    parts = found.detail["variance"] + found.detail["variance_baseline"] - 2 * found.detail["covariance"]
    assert parts == pytest.approx(variance)


def test_many_distinct_scores_keep_exact_areas_and_say_that_the_variance_is_binned() -> None:
    rng = np.random.default_rng(0)
    s = rng.random(3000)
    frame = pd.DataFrame({"s": s, "b": np.clip(s + rng.normal(0, 0.2, 3000), 0, 1), "y": (rng.random(3000) < s) * 1})
    exact = table(frame, roles=BOTH)
    fine, coarse = pair_cells(exact)[()], pair_cells(exact, max_pairs=100)[()]
    exact.close()
    assert (fine.binned, coarse.binned) == (False, True)
    assert coarse.n == fine.n == 3000
    assert coarse.positive.sum() == frame.y.sum()
    assert len(np.unique(coarse.version)) <= 512
    assert coarse.positive @ coarse.version == pytest.approx(frame.s[frame.y == 1].sum(), rel=1e-3)


def test_equal_versions_differ_by_nothing_and_have_no_interval_of_areas() -> None:
    frame = sample(200).assign(b=lambda rows: rows.s)
    found = run("comparison.delong_difference", frame, roles=BOTH)
    assert (found.value, found.low) == (0.0, None)
    assert run("comparison.mcnemar", frame, roles=BOTH).value == 1.0
    again = run("comparison.bootstrap_difference", frame, roles=BOTH, metric="brier")
    assert (again.value, again.low) == (0.0, None)
    groups = run("comparison.no_group_worse", frame, roles=GROUPED, metric="accuracy")
    assert groups.value == 0.0
    assert groups.high is not None
    assert groups.high > 0.0  # that no row of a group is discordant does not prove that none ever is


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("metric", "function"),
    [
        ("roc_auc", lambda y, a, b: metrics.roc_auc_score(y, a) - metrics.roc_auc_score(y, b)),
        ("brier", lambda y, a, b: metrics.brier_score_loss(y, b) - metrics.brier_score_loss(y, a)),
        ("log_loss", lambda y, a, b: metrics.log_loss(y, b) - metrics.log_loss(y, a)),
        ("accuracy", lambda y, a, b: metrics.accuracy_score(y, a >= 0.5) - metrics.accuracy_score(y, b >= 0.5)),
    ],
)
def test_the_bootstrap_of_cells_is_the_bootstrap_of_rows(metric: str, function) -> None:
    frame = sample(250, seed=4).assign(b=lambda rows: rows.b.clip(0.02, 0.98), s=lambda rows: rows.s.clip(0.02, 0.98))
    y, s, b = frame.y.to_numpy(), frame.s.to_numpy(), frame.b.to_numpy()
    found = run("comparison.bootstrap_difference", frame, roles=BOTH, metric=metric)
    assert found.value == pytest.approx(function(y, s, b), abs=1e-12)
    rng, drawn = np.random.default_rng(1), []
    for _ in range(800):
        at = rng.integers(0, len(y), len(y))
        drawn.append(function(y[at], s[at], b[at]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    width = high - low
    assert found.low == pytest.approx(low, abs=0.12 * width)
    assert found.high == pytest.approx(high, abs=0.12 * width)


@pytest.mark.parametrize(
    ("metric", "function"),
    [("mae", metrics.mean_absolute_error), ("rmse", metrics.root_mean_squared_error)],
)
@pytest.mark.parametrize("n", [400, 9000])
def test_amounts_are_compared_by_the_bootstrap_too(metric: str, function, n: int) -> None:
    frame = amounts(n, seed=2)
    if n > 5000:  # all different, so that the draws are over a grid of cells
        frame = frame.assign(p=frame.p + np.random.default_rng(0).normal(0, 1e-3, n))
    found = run("comparison.bootstrap_difference", frame, task="regression", roles=AMOUNT_ROLES, metric=metric)
    assert found.value == pytest.approx(function(frame.y, frame.b) - function(frame.y, frame.p), rel=1e-9)
    rng, drawn = np.random.default_rng(1), []
    y, p, b = (frame[name].to_numpy() for name in ("y", "p", "b"))
    for _ in range(400):
        at = rng.integers(0, n, n)
        drawn.append(function(y[at], b[at]) - function(y[at], p[at]))
    assert found.high - found.low == pytest.approx(3.92 * np.std(drawn), rel=0.12)
    assert found.detail["unseen_variance"] == pytest.approx(0.0, abs=0.02 if n > 5000 else 1e-12)


def test_classes_are_compared_by_who_is_right() -> None:
    frame = many_classes(300)
    own, other = likeliest(frame) == frame.y, frame.b == frame.y
    found = run("comparison.mcnemar", frame, task="multiclass", roles=MANY_ROLES, alternative="two-sided", test="exact")
    counts = (found.detail["only_version"], found.detail["only_baseline"])
    assert counts == ((own & ~other).sum(), (~own & other).sum())
    assert found.value == pytest.approx(stats.binomtest(int(counts[0]), int(sum(counts))).pvalue)
    interval = accuracy_difference(*counts, 300, 0.95)
    assert found.detail["accuracy_difference_low"] == pytest.approx(interval.low)


def test_the_other_versions_threshold_can_differ() -> None:
    frame = sample(300)
    found = run("comparison.mcnemar", frame, roles=BOTH, baseline_threshold=0.7)
    other = (frame.b >= 0.7) == (frame.y == 1)
    assert found.detail["both_right"] + found.detail["only_baseline"] == other.sum()


def test_each_group_and_intersection_is_bounded_at_once() -> None:
    frame = sample(900, seed=5)
    found = run("comparison.no_group_worse", frame, roles=GROUPED, metric="brier")
    frame = frame.assign(d=(frame.s - frame.y) ** 2 - (frame.b - frame.y) ** 2, region=frame.region.fillna("(missing)"))
    parts = {
        **{("sex", key): rows for key, rows in frame.groupby("sex")},
        **{("region", key): rows for key, rows in frame.groupby("region")},
        **{("sex × region", " × ".join(key)): rows for key, rows in frame.groupby(["sex", "region"])},
    }
    parts = {key: rows for key, rows in parts.items() if len(rows) >= 20}
    assert found.detail["m"] == len(parts) == 14
    z = stats.norm.ppf(1 - 0.05 / len(parts))
    expected = {
        key: (rows.d.mean(), rows.d.mean() + z * rows.d.std(ddof=1) / np.sqrt(len(rows))) for key, rows in parts.items()
    }
    measured = {(row.attribute, row.group): (row.values["shortfall"], row.high) for row in found.groups}
    for key, pair in expected.items():
        assert measured[key] == pytest.approx(pair, abs=1e-12), key
    assert found.value == pytest.approx(max(value for value, _ in expected.values()))
    assert found.high == pytest.approx(max(high for _, high in expected.values()))


def test_no_group_worse_than_x_is_a_requirement_on_the_bound() -> None:
    frame = sample(900, seed=5)
    worse = frame.assign(s=np.where(frame.sex == "f", 1 - frame.s, frame.s))
    evaluation = [table(rows, roles=GROUPED) for rows in (frame.assign(b=frame.b), worse)]
    statuses = []
    for each in evaluation:
        requirement = Requirement.from_policy(
            {
                "key": "no-group-worse",
                "check": "comparison.no_group_worse",
                "params": {"metric": "brier", "attributes": ["sex"]},
                "op": "<=",
                "limit": 0.02,
                "judged_on": "bound",
            }
        )
        statuses.append(measure(requirement, CheckSubject(each)).judgement.status)
        each.close()
    assert statuses == ["met", "not_met"]


def test_groups_of_one_two_and_few_people_are_not_shown_and_never_compared() -> None:
    frame = sample(200).assign(sex="m")
    frame.loc[:1, "sex"] = "x"
    frame.loc[2:11, "sex"] = "f"
    for metric in ("roc_auc", "accuracy"):
        found = run("comparison.no_group_worse", frame, roles=GROUPED, metric=metric, attributes=["sex"])
        by_group = {row.group: row for row in found.groups}
        assert (by_group["x"].status, by_group["x"].n) == ("suppressed", None)
        assert (by_group["f"].status, by_group["f"].n, by_group["f"].values) == ("too-small", 10, {})
        assert by_group["m"].status == "measured"
        assert found.detail["m"] == 1
        assert found.n == 188
    nobody = run("comparison.no_group_worse", frame.head(10), roles=GROUPED)
    assert (nobody.value, bool(nobody.reason)) == (None, True)


def test_a_group_with_one_outcome_cannot_be_ranked() -> None:
    frame = sample(300)
    frame.loc[frame.sex == "f", "y"] = 1
    found = run("comparison.no_group_worse", frame, roles=GROUPED, attributes=["sex"])
    row = {row.group: row for row in found.groups}["f"]
    assert (row.status, row.values) == ("too-small", {})
    assert "one outcome" in row.note


@pytest.mark.thorough
def test_the_joint_upper_bound_holds_as_often_as_promised() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(60):
        n = 600
        group = rng.choice(["a", "b", "c", "d"], n)
        true = rng.random(n)
        y = (rng.random(n) < true).astype(int)
        s, b = np.clip(true + rng.normal(0, 0.1, n), 0, 1), np.clip(true + rng.normal(0, 0.1, n), 0, 1)
        frame = pd.DataFrame({"y": y, "s": s, "b": b, "sex": group})
        roles = ColumnRoles(target="y", score="s", baseline="b", sensitive=("sex",))
        found = run("comparison.no_group_worse", frame, roles=roles, metric="brier", confidence=0.9)
        held += (found.high or 0.0) >= 0.0  # both versions are equally good in every group
    assert held / 60 >= 0.83


def test_what_a_task_does_not_have_is_refused_and_what_the_table_lacks_is_insufficient() -> None:
    with pytest.raises(DomainError) as caught:
        run("comparison.bootstrap_difference", sample(60), roles=BOTH, metric="rmse")
    assert caught.value.code == "bad-check-parameters"
    roles = ColumnRoles(target="y", prediction="d", baseline="b")
    with pytest.raises(Insufficient, match="score"):
        run("comparison.bootstrap_difference", sample(60).assign(d=1), roles=roles, metric="roc_auc")
    with pytest.raises(Insufficient, match="other version"):
        run("comparison.mcnemar", sample(60), roles=ColumnRoles(target="y", score="s"))


def test_weights_scale_what_is_compared() -> None:
    frame = sample(300).assign(w=lambda rows: 1.0 + rows.index % 3)
    found = run("comparison.delong_difference", frame, roles=HEAVY)
    expected = [metrics.roc_auc_score(frame.y, frame[name], sample_weight=frame.w) for name in ("s", "b")]
    assert found.value == pytest.approx(expected[0] - expected[1], abs=1e-12)
    own, other = ((frame[name] >= 0.5) == (frame.y == 1) for name in ("s", "b"))
    tested = run("comparison.mcnemar", frame, roles=HEAVY)
    size = frame.w.sum() ** 2 / (frame.w**2).sum()
    assert tested.detail["only_version"] == pytest.approx(frame.w[own & ~other].sum() / frame.w.sum() * size)
    assert tested.value is not None
    for metric in ("brier", "accuracy", "roc_auc"):
        value = run("comparison.no_group_worse", frame, roles=HEAVY, metric=metric).value
        doubled = run("comparison.no_group_worse", frame.assign(w=2 * frame.w), roles=HEAVY, metric=metric)
        assert doubled.value == pytest.approx(value, abs=1e-12)
