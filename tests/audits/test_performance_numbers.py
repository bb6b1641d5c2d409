"""Do the checks of performance give scikit-learn's and scipy's numbers on the same rows?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from audits.checks.contract import CHECKS
from tests.audits.evaluation_samples import many_classes, sample
from tests.audits.quality_samples import (
    CLASSES,
    MANY_ROLES,
    SCORED,
    WEIGHTED,
    likeliest,
    run,
    scored_mortgages,
    weighted,
)

Numbers = Callable[[np.ndarray, np.ndarray], float]
FRAMES = {"mortgages": scored_mortgages, "sample": lambda: sample(700, seed=3)}

RANKED: dict[str, Numbers] = {
    "performance.roc_auc": metrics.roc_auc_score,
    "performance.gini": lambda y, s: 2 * metrics.roc_auc_score(y, s) - 1,
    "performance.average_precision": metrics.average_precision_score,
    "performance.ks": lambda y, s: stats.ks_2samp(s[y == 1], s[y == 0]).statistic,
    "performance.log_loss": metrics.log_loss,
}
DECIDED: dict[str, Numbers] = {
    "performance.accuracy": metrics.accuracy_score,
    "performance.balanced_accuracy": metrics.balanced_accuracy_score,
    "performance.precision": metrics.precision_score,
    "performance.recall": metrics.recall_score,
    "performance.specificity": lambda y, d, **more: metrics.recall_score(y, d, pos_label=0, **more),
    "performance.f1": metrics.f1_score,
    "performance.mcc": metrics.matthews_corrcoef,
    "performance.cohen_kappa": metrics.cohen_kappa_score,
}


@pytest.mark.parametrize("slug", RANKED)
@pytest.mark.parametrize("name", FRAMES)
def test_scores_rank_as_scikit_learn_says(slug: str, name: str) -> None:
    frame = FRAMES[name]()
    found = run(slug, frame, roles=SCORED)
    assert found.value == pytest.approx(RANKED[slug](frame.y.to_numpy(), frame.s.to_numpy()), abs=1e-12)
    assert found.low is not None
    assert found.low < found.value < found.high
    assert found.n == len(frame)
    assert found.plots


@pytest.mark.parametrize("slug", DECIDED)
@pytest.mark.parametrize("name", FRAMES)
def test_decisions_are_right_as_often_as_scikit_learn_says(slug: str, name: str) -> None:
    frame = FRAMES[name]()
    decided = (frame.s >= 0.5).astype(int)
    found = run(slug, frame, roles=SCORED)
    assert found.value == pytest.approx(DECIDED[slug](frame.y, decided), abs=1e-12)
    assert found.low is not None
    assert found.low < found.value < found.high
    heavy = weighted(frame)
    again = run(slug, heavy, roles=WEIGHTED)
    assert again.value == pytest.approx(DECIDED[slug](frame.y, decided, sample_weight=heavy.w), abs=1e-12)
    assert again.low is not None
    assert again.high - again.low > found.high - found.low  # unequal weights are worth fewer rows


def test_weighted_average_precision_and_log_loss_are_scikit_learns() -> None:
    frame = weighted(sample(500))
    for slug, function in (
        ("performance.average_precision", metrics.average_precision_score),
        ("performance.log_loss", metrics.log_loss),
    ):
        expected = function(frame.y, frame.s, sample_weight=frame.w)
        assert run(slug, frame, roles=WEIGHTED).value == pytest.approx(expected, abs=1e-12)


def test_scikit_learns_documented_examples() -> None:
    # the examples of average_precision_score, matthews_corrcoef and balanced_accuracy_score in scikit-learn's reference
    frame = pd.DataFrame({"y": [0, 0, 1, 1], "s": [0.1, 0.4, 0.35, 0.8]})
    assert run("performance.average_precision", frame, roles=SCORED).value == pytest.approx(0.83, abs=0.005)
    frame = pd.DataFrame({"y": [1, 1, 1, 0], "s": [1.0, 0.0, 1.0, 1.0]})
    assert run("performance.mcc", frame, roles=SCORED).value == pytest.approx(-0.33, abs=0.005)
    frame = pd.DataFrame({"y": [0, 1, 0, 0, 1, 0], "s": [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]})
    assert run("performance.balanced_accuracy", frame, roles=SCORED).value == 0.625


@pytest.mark.parametrize("part", [0.05, 0.1, 0.3])
def test_gain_and_lift_count_the_positives_among_the_best_scored(part: float) -> None:
    frame = pd.DataFrame(
        {"s": np.arange(1000) / 1000.0, "y": (np.random.default_rng(1).random(1000) < 0.3).astype(int)}
    )
    best = frame.sort_values("s", ascending=False).head(round(1000 * part))
    gain = run("performance.gain", frame, roles=SCORED, part=part)
    lift = run("performance.lift", frame, roles=SCORED, part=part)
    assert gain.value == pytest.approx(best.y.sum() / frame.y.sum(), abs=1e-12)
    assert lift.value == pytest.approx(best.y.mean() / frame.y.mean(), abs=1e-12)
    assert lift.high == pytest.approx(gain.high / part)


def test_rows_that_tie_at_the_cut_count_by_fraction() -> None:
    frame = pd.DataFrame({"s": [0.9] * 2 + [0.5] * 8, "y": [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]})
    # of the best 4 rows, 2 are the ones above, and 2 of the 8 that tie, a quarter of their 2 positives
    assert run("performance.gain", frame, roles=SCORED, part=0.4).value == pytest.approx((2 + 0.25 * 2) / 4)
    assert run("performance.gain", frame.assign(s=0.5), roles=SCORED, part=0.4).value == pytest.approx(0.4)


MANY: dict[str, Numbers] = {
    "performance.accuracy": metrics.accuracy_score,
    "performance.balanced_accuracy": metrics.balanced_accuracy_score,
    "performance.macro_f1": lambda y, p: metrics.f1_score(y, p, average="macro"),
    "performance.cohen_kappa": metrics.cohen_kappa_score,
}


@pytest.mark.parametrize("slug", MANY)
def test_classes_are_predicted_as_well_as_scikit_learn_says(slug: str) -> None:
    frame = many_classes(500, seed=8)
    found = run(slug, frame, task="multiclass", roles=MANY_ROLES)
    assert found.value == pytest.approx(MANY[slug](frame.y, likeliest(frame)), abs=1e-12)
    assert found.detail["confusion"] == metrics.confusion_matrix(frame.y, likeliest(frame)).tolist()
    assert found.low is not None
    assert found.low < found.value < found.high


def test_probabilities_of_classes_are_measured_as_scikit_learn_does() -> None:
    frame = many_classes(500, seed=8)
    shares = frame[[f"p_{name}" for name in sorted(CLASSES)]].to_numpy()
    loss = run("performance.multiclass_log_loss", frame, task="multiclass", roles=MANY_ROLES)
    assert loss.value == pytest.approx(metrics.log_loss(frame.y, shares), abs=1e-12)
    assert loss.detail["base_rate_loss"] == pytest.approx(stats.entropy(frame.y.value_counts()), abs=1e-12)
    area = run("performance.multiclass_roc_auc", frame, task="multiclass", roles=MANY_ROLES)
    assert area.value == pytest.approx(metrics.roc_auc_score(frame.y, shares, multi_class="ovr"), abs=1e-12)
    assert [row["n"] for row in area.detail["classes"]] == frame.y.value_counts().sort_index().tolist()


def test_classes_given_as_numbers_are_named_alike_in_outcomes_and_probabilities() -> None:
    frame = many_classes(200)
    numbers = {name: float(at) for at, name in enumerate(sorted(CLASSES))}
    roles = MANY_ROLES.__class__(target="y", class_scores={str(int(numbers[name])): f"p_{name}" for name in CLASSES})
    found = run("performance.accuracy", frame.assign(y=frame.y.map(numbers)), task="multiclass", roles=roles)
    assert found.value == pytest.approx((frame.y.to_numpy() == likeliest(frame)).mean())
    assert found.detail["labels"] == ["0", "1", "2"]


def test_more_classes_than_a_grid_shows_are_put_together() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.integers(0, 40, 2000).astype(str), "p": rng.integers(0, 40, 2000).astype(str)})
    roles = MANY_ROLES.__class__(target="y", prediction="p")
    found = run("performance.accuracy", frame, task="multiclass", roles=roles)
    assert len(found.detail["labels"]) == 40
    assert len(found.plots[0].rows) == 400
    assert sum(row[3] for row in found.plots[0].rows) == 2000


EMPTY = pd.DataFrame({"y": [0, 0, 0, 0], "s": [0.1, 0.2, 0.3, 0.4]})


@pytest.mark.parametrize(
    ("slug", "frame", "value"),
    [
        ("performance.precision", EMPTY, None),
        ("performance.recall", EMPTY, None),
        ("performance.specificity", EMPTY, 1.0),
        ("performance.f1", EMPTY, None),
        ("performance.f1", EMPTY.assign(y=1), 0.0),
        ("performance.precision", EMPTY.assign(y=1), None),
        ("performance.mcc", EMPTY.assign(s=[0.1, 0.9, 0.1, 0.9]), None),
        ("performance.cohen_kappa", EMPTY, None),
        ("performance.balanced_accuracy", EMPTY, None),
        ("performance.accuracy", EMPTY, 1.0),
        ("performance.accuracy", EMPTY.head(1), 1.0),
        ("performance.gini", EMPTY.head(1), None),
        ("performance.ks", EMPTY, None),
        ("performance.average_precision", EMPTY, None),
        ("performance.average_precision", EMPTY.assign(y=1), 1.0),
        ("performance.gain", EMPTY, None),
        ("performance.lift", EMPTY.head(1).assign(y=1), 1.0),
    ],
)
def test_nothing_over_nothing_has_a_defined_answer(slug: str, frame: pd.DataFrame, value: float | None) -> None:
    found = run(slug, frame, roles=SCORED)
    assert found.value == value
    assert bool(found.reason) == (value is None)
    if value == 1.0 and slug in ("performance.accuracy", "performance.specificity"):
        assert found.low is not None
        assert found.low < 1.0  # never certain, however few rows all agree


def test_one_class_among_several_is_answered() -> None:
    frame = many_classes(30).assign(y="low")
    for slug in ("performance.multiclass_roc_auc", "performance.balanced_accuracy"):
        found = run(slug, frame, task="multiclass", roles=MANY_ROLES)
        assert (found.value, bool(found.reason)) == (None, True)
    for slug in ("performance.accuracy", "performance.macro_f1", "performance.multiclass_log_loss"):
        assert run(slug, frame, task="multiclass", roles=MANY_ROLES).value is not None


def test_the_checks_of_performance_are_registered() -> None:
    assert {entry.slug for entry in CHECKS} >= {*RANKED, *DECIDED, *MANY}
