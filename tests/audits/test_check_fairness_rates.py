"""Is the generated family of rates fairlearn's, between groups, to all and to a reference, for every kind of model?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.tables import decisions
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from registry.errors import DomainError
from tests.audits.evaluation_samples import CLASSES, MANY_ROLES, many_classes, sample, table_of
from tests.audits.test_check_fairness import compas

METRICS = {
    "selection_rate": fl.selection_rate,
    "true_positive_rate": fl.true_positive_rate,
    "false_positive_rate": fl.false_positive_rate,
    "false_negative_rate": fl.false_negative_rate,
    "positive_predictive_value": precision_score,
    "accuracy": accuracy_score,
}
SLUGS = [f"fairness.{metric}_{kind}" for metric in METRICS for kind in ("difference", "ratio")]


def table(frame: pd.DataFrame, *attributes: str, weight: str | None = None) -> EvaluationTable:
    roles = ColumnRoles(target="y", prediction="d", sensitive=attributes, weight=weight)
    return open_frame(frame, roles=roles, required=("target",), check_values=False)


def measured(slug: str, frame: pd.DataFrame, *attributes: str, **params: Any) -> Measurement:
    return CHECKS.get(slug).run(CheckSubject(table(frame, *attributes), seed=1), **params)


def decided(n: int = 600, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return sample(n, seed=seed).assign(d=lambda rows: (rows.s + rng.normal(0, 0.2, n) > 0.5).astype(int))


def frame_of(frame: pd.DataFrame, groups: Any, weight: Any = None) -> fl.MetricFrame:
    params = {} if weight is None else {"sample_params": {name: {"sample_weight": weight} for name in METRICS}}
    return fl.MetricFrame(metrics=METRICS, y_true=frame.y, y_pred=frame.d, sensitive_features=groups, **params)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("to", "method"), [("between-groups", "between_groups"), ("overall", "to_overall")])
def test_every_rate_and_transformation_is_fairlearns(slug: str, to: str, method: str) -> None:
    frame = decided().assign(region=lambda rows: rows.region.fillna("(missing)"))
    metric, kind = slug.removeprefix("fairness.").rsplit("_", 1)
    found = measured(slug, frame, "sex", "region", intersections=True, min_group_size=3, to=to)
    by_title = {item["attribute"]: item for item in found.detail["attributes"]}
    for title, groups in (
        ("sex", frame.sex),
        ("region", frame.region),
        ("sex × region", "sex=" + frame.sex + ", region=" + frame.region),
    ):
        theirs = frame_of(frame, groups)
        expected = getattr(theirs, kind)(method=method)[metric]
        assert by_title[title]["value"] == pytest.approx(expected, abs=1e-12)
        rates = {row.group: row.values[metric] for row in found.groups if row.attribute == title}
        assert rates == pytest.approx(theirs.by_group[metric].to_dict(), abs=1e-12)
    worst = max if kind == "difference" else min
    assert found.value == worst(item["value"] for item in by_title.values())


@pytest.mark.parametrize("slug", SLUGS)
def test_weighted_rates_are_fairlearns(slug: str) -> None:
    frame = decided(400)
    frame["w"] = np.random.default_rng(0).exponential(1.0, 400)
    metric, kind = slug.removeprefix("fairness.").rsplit("_", 1)
    subject = CheckSubject(table(frame, "sex", weight="w"))
    for to, method in (("between-groups", "between_groups"), ("overall", "to_overall")):
        expected = getattr(frame_of(frame, frame.sex, frame.w), kind)(method=method)[metric]
        assert CHECKS.get(slug).run(subject, to=to).value == pytest.approx(expected, abs=1e-12)


# aequitas compas_demo, disparities to Hispanic (documentation, examples); of two groups with few rows as well
DISPARITIES: Mapping[str, Mapping[str, float]] = {
    "African-American": {
        "false_positive_rate": 2.087696,
        "false_negative_rate": 0.503301,
        "positive_predictive_value": 1.16161,
        "true_positive_rate": 1.622079,
        "selection_rate": 1.97203,
    },
    "Caucasian": {
        "false_positive_rate": 1.091838,
        "false_negative_rate": 0.858266,
        "positive_predictive_value": 1.090812,
        "true_positive_rate": 1.177511,
        "selection_rate": 1.166727,
    },
    "Native American": {
        "false_positive_rate": 1.74569,
        "false_negative_rate": 0.179845,
        "positive_predictive_value": 1.383495,
        "true_positive_rate": 2.027184,
        "selection_rate": 2.235088,
    },
    "Other": {
        "false_positive_rate": 0.686829,
        "false_negative_rate": 1.216996,
        "positive_predictive_value": 1.004056,
        "true_positive_rate": 0.728228,
        "selection_rate": 0.702541,
    },
}


@pytest.mark.parametrize("metric", ["selection_rate", *list(METRICS)[1:5]])
def test_disparities_to_a_reference_group_are_those_aequitas_published(metric: str) -> None:
    slug = f"fairness.{metric}_ratio"
    found = measured(slug, compas(), "race", to={"race": "Hispanic"}, min_group_size=3)
    rates = {row.group: row.values[metric] or 0.0 for row in found.groups}
    for race, published in DISPARITIES.items():
        assert rates[race] / rates["Hispanic"] == pytest.approx(published[metric], abs=1e-6)
    folded = {race: min(values[metric], 1 / values[metric]) for race, values in DISPARITIES.items()}
    alone = measured(
        slug,
        compas()[lambda rows: rows.race.isin([*DISPARITIES, "Hispanic"])],
        "race",
        to={"race": "Hispanic"},
        min_group_size=3,
    )
    assert alone.value == pytest.approx(min(folded.values()), abs=1e-6)
    assert alone.detail["attributes"][0]["reference"] == "Hispanic"


def test_the_rates_of_adult_are_those_of_aif360() -> None:
    """AIF360 tests/test_standard_datasets.py: 45,222 rows without missing values, mean label 0.2478."""
    counts = {"Male": (9539, 30527), "Female": (1669, 14695)}  # income above 50K, rows: the census file by sex
    rows = [(1, sex) for sex, (high, _) in counts.items() for _ in range(high)]
    rows += [(0, sex) for sex, (high, n) in counts.items() for _ in range(n - high)]
    frame = pd.DataFrame(rows, columns=["d", "sex"]).assign(y=lambda found: found.d)
    assert len(frame) == 45_222
    assert frame.d.mean() == pytest.approx(0.2478, abs=5e-5)
    difference = measured("fairness.selection_rate_difference", frame, "sex", to={"sex": "Male"})
    ratio = measured("fairness.selection_rate_ratio", frame, "sex", to={"sex": "Male"})
    # statistical parity difference and disparate impact by AIF360's definitions on the same file, sign and side dropped
    assert difference.value == pytest.approx(0.198901432678815, abs=1e-12)
    assert ratio.value == pytest.approx(0.3634695423643793, abs=1e-12)


def test_a_reference_of_an_intersection_is_that_of_its_attributes() -> None:
    to = {"sex": "m", "region": "north"}
    found = measured("fairness.accuracy_difference", decided(), "sex", "region", intersections=True, to=to)
    references = {item["attribute"]: item["reference"] for item in found.detail["attributes"]}
    assert references == {"sex": "m", "region": "north", "sex × region": "sex=m, region=north"}


def test_a_reference_that_is_not_named_or_not_there_gives_no_value() -> None:
    frame = decided(200)
    with pytest.raises(Insufficient, match="none for 'region'"):
        measured(SLUGS[0], frame, "sex", "region", to={"sex": "m"})
    found = measured(SLUGS[0], frame, "sex", to={"sex": "x"})
    assert found.reason == "sex: the reference group 'x' cannot be measured (at least 20 rows each)."
    with pytest.raises(DomainError, match="to"):
        measured(SLUGS[0], frame, "sex", to="somebody")


def multiclass_table(favourable: str = "high", **more: Any) -> EvaluationTable:
    return open_frame(many_classes(500), roles=MANY_ROLES, task="multiclass", favourable=favourable, **more)


@pytest.mark.parametrize("slug", ["fairness.equalized_odds_difference", "fairness.positive_predictive_value_ratio"])
@pytest.mark.parametrize("favourable", CLASSES)
def test_a_multiclass_model_is_compared_by_its_favourable_class(slug: str, favourable: str) -> None:
    frame = many_classes(500)
    best = frame[[f"p_{name}" for name in CLASSES]].to_numpy().argmax(axis=1)
    y, d = (frame.y == favourable).astype(int), (np.array(CLASSES)[best] == favourable).astype(int)
    if slug.endswith("odds_difference"):
        expected = fl.equalized_odds_difference(y, d, sensitive_features=frame.sex)
    else:
        expected = fl.MetricFrame(metrics=precision_score, y_true=y, y_pred=d, sensitive_features=frame.sex).ratio()
    found = CHECKS.get(slug).run(CheckSubject(multiclass_table(favourable)), min_group_size=3)
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_of_equal_class_scores_the_first_class_is_predicted() -> None:
    frame = many_classes(60).assign(p_high=0.4, p_low=0.4, p_middle=0.2)
    for favourable, rate in (("high", 1.0), ("low", 0.0)):
        opened = open_frame(frame, roles=MANY_ROLES, task="multiclass", favourable=favourable)
        found = CHECKS.get("fairness.selection_rate_difference").run(CheckSubject(opened))
        assert {row.values["selection_rate"] for row in found.groups} == {rate}


def test_a_multiclass_model_without_a_favourable_class_selects_nobody() -> None:
    opened = open_frame(many_classes(60), roles=MANY_ROLES, task="multiclass")
    with pytest.raises(Insufficient, match="Nothing says who is selected"):
        CHECKS.get(SLUGS[0]).run(CheckSubject(opened))


def test_the_checks_of_a_run_share_one_scan_for_each_set_of_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[tuple[str, ...]] = []
    asked = decisions.outcome_cells

    def counted(table: EvaluationTable, attributes: tuple[str, ...]) -> Any:
        scans.append(attributes)
        return asked(table, attributes)

    monkeypatch.setattr(decisions, "outcome_cells", counted)
    subject = CheckSubject(table_of(sample(200)))
    first = {slug: CHECKS.get(slug).run(subject, attributes=["sex"]) for slug in SLUGS}
    assert scans == [("sex",)]
    CHECKS.get(SLUGS[0]).run(subject)
    assert scans == [("sex",), ("sex", "region")]
    again = dataclasses.replace(subject, evaluation=table_of(sample(200)))
    assert {slug: CHECKS.get(slug).run(again, attributes=["sex"]) for slug in SLUGS} == first
    assert len(scans) == 3


def test_a_lone_small_group_cannot_be_counted_by_subtraction_from_what_is_printed() -> None:
    frame = decided(300).assign(kind=["a"] * 200 + ["b"] * 91 + ["c"] * 8 + ["d"])
    found = measured(SLUGS[0], frame, "kind", min_group_size=20)
    shown = {row.group: (row.n, row.status) for row in found.groups}
    assert shown == {
        "a": (200, "measured"),
        "b": (91, "measured"),
        "c": (None, "suppressed"),
        "d": (None, "suppressed"),
    }
    assert found.n == 291
    assert found.value is not None


def test_a_column_that_identifies_people_is_refused() -> None:
    frame = decided(5_000).assign(person=lambda rows: np.arange(len(rows)).astype(str))
    with pytest.raises(DomainError) as caught:
        measured(SLUGS[0], frame, "person")
    assert caught.value.code == "too-many-groups"


def test_plots_show_each_measured_group_and_the_gap_of_each_attribute_beside_the_limit() -> None:
    found = measured("fairness.equalized_odds_difference", decided(), "sex", "region", intersections=True)
    gaps, *forests = found.plots
    assert (gaps.kind, gaps.limited) == ("intervals", True)
    assert [row[:4] for row in gaps.rows] == [
        (item["attribute"], item["value"], item["low"], item["high"]) for item in found.detail["attributes"]
    ]
    assert [plot.title for plot in forests] == ["True positive rate by group", "False positive rate by group"]
    measured_rows = [row for row in found.groups if row.status == "measured"]
    assert [row[1:3] for row in forests[1].rows] == [
        (row.values["false_positive_rate_n"], row.values["false_positive_rate"]) for row in measured_rows
    ]
    assert {row[0] for row in forests[0].rows} >= {"sex=f", "region=(missing)", "sex=f, region=north"}
