"""Is what was done to a table found, is a clean table left alone, and is no cell ever quoted?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from audits.checks.contract import CHECKS, CheckSubject, Insufficient, Measurement
from audits.checks.requirement import Requirement, measure
from audits.statistics.association import by_category, by_correlation, by_gap, by_means, by_rank, strength_interval
from audits.statistics.intervals import wilson
from audits.statistics.shift import share_change
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_frame
from registry.digests import canonical_json
from tests.audits.distant_tables import to_postgres
from tests.audits.evaluation_samples import amounts, complete_subject, many_classes, mortgages

pytestmark = pytest.mark.thorough

FEATURES = ("loanprc", "obrat", "appinc", "unem", "married", "town")
ROLES = ColumnRoles(target="approve", features=FEATURES)
LIMITS = {
    "schema_change": 0.0,
    "unseen_categories": 0.01,
    "missing_values": 0.02,
    "out_of_range": 0.02,
    "duplicates": 0.01,
    "train_test_overlap": 0.01,
    "leakage_suspicion": 0.9,
    "constant_columns": 0.0,
}
NAME = "Ottilie-von-Faber"
"""A text that stands in a cell and must never leave the table."""


def loans(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the real mortgage applications at random, each with a town of its own drawing, no two rows alike."""
    rng = np.random.default_rng(seed)
    frame = mortgages().dropna().reset_index(drop=True)
    frame["approve"] = frame.approve.astype(int)
    frame["loanprc"] += rng.normal(0.0, 1e-6, len(frame))
    frame["town"] = rng.choice(["north", "south", "west"], len(frame))
    rows = frame[["approve", *FEATURES]].iloc[rng.permutation(len(frame))]
    return rows.iloc[: len(rows) // 2].reset_index(drop=True), rows.iloc[len(rows) // 2 :].reset_index(drop=True)


def subject_of(training: pd.DataFrame, evaluation: pd.DataFrame, features: tuple[str, ...] = FEATURES) -> CheckSubject:
    roles = ColumnRoles(target="approve", features=features)
    known = ColumnRoles(target="approve", features=tuple(name for name in FEATURES if name in training))
    tables = [
        open_frame(rows, roles=role, required=("target",)) for rows, role in ((evaluation, roles), (training, known))
    ]
    return CheckSubject(tables[0], tables[1], seed=1)


def run(name: str, subject: CheckSubject, **params: Any) -> Measurement:
    return CHECKS.get(f"data.{name}").run(subject, **params)


def judged(name: str, subject: CheckSubject) -> str:
    line = {"key": "k", "check": f"data.{name}", "op": "<=", "limit": LIMITS[name]}
    return measure(Requirement.from_policy(line), subject).judgement.status


def leak(frame: pd.DataFrame) -> pd.DataFrame:
    noise = np.random.default_rng(5).normal(0.0, 0.01, len(frame))
    return frame.assign(unem=frame.approve * 3.0 + noise)


MUTATIONS: dict[str, tuple[str, Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]]] = {
    "a column is renamed": ("schema_change", lambda now, before: now.assign(income_total=now.appinc, appinc=now.appinc)),
    "a number becomes a text": ("schema_change", lambda now, before: now.assign(unem=now.unem.astype(str))),
    "values are blanked": ("missing_values", lambda now, before: now.assign(obrat=now.obrat.where(now.index % 20 > 0))),
    "texts become blanks": ("missing_values", lambda now, before: now.assign(town=now.town.where(now.index % 9 > 0, "  "))),
    "a category is new": ("unseen_categories", lambda now, before: now.assign(town=now.town.where(now.index % 30 > 0, NAME))),
    "rows are doubled": ("duplicates", lambda now, before: pd.concat([now, now.head(60)], ignore_index=True)),
    "the outcome leaks": ("leakage_suspicion", lambda now, before: leak(now)),
    "the outcome is copied": ("leakage_suspicion", lambda now, before: now.assign(married=now.approve.astype(float))),
    "a blank gives the outcome away": (
        "leakage_suspicion", lambda now, before: now.assign(obrat=now.obrat.where(now.approve == 1))
    ),
    "rows were trained on": (
        "train_test_overlap", lambda now, before: pd.concat([now, before.head(80)], ignore_index=True)
    ),
    "a unit changed": ("out_of_range", lambda now, before: now.assign(loanprc=now.loanprc * 100.0)),
    "values became infinite": (
        "out_of_range", lambda now, before: now.assign(obrat=now.obrat.where(now.index % 20 > 0, np.inf))
    ),
    "a column is constant": ("constant_columns", lambda now, before: now.assign(unem=3.0)),
    "a column is empty": ("constant_columns", lambda now, before: now.assign(unem=np.nan)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MUTATIONS)
def test_what_was_done_to_a_table_is_found_and_no_cell_is_quoted(kind: str) -> None:
    name, change = MUTATIONS[kind]
    before, now = loans(1)
    subject = subject_of(before, change(now, before))
    assert judged(name, subject) == "not_met"
    said = canonical_json(run(name, subject).as_json())
    assert NAME.encode() not in said
    assert b"north" not in said


def test_a_clean_table_is_hardly_ever_flagged() -> None:
    flagged: dict[str, int] = dict.fromkeys(LIMITS, 0)
    for seed in range(12):
        subject = subject_of(*loans(seed))
        for name in LIMITS:
            flagged[name] += judged(name, subject) != "met"
        subject.evaluation.close()
        if subject.reference is not None:
            subject.reference.close()
    assert all(count <= 1 for count in flagged.values()), flagged


def test_a_renamed_column_is_suspected_by_its_spread_and_no_other_is() -> None:
    before, now = loans(1)
    features = ("loanprc", "obrat", "income_total", "unem", "married", "region")
    subject = subject_of(before, now.rename(columns={"appinc": "income_total", "town": "region"}), features)
    found = run("schema_change", subject)
    assert found.value == 4
    pairs = {(row["was"], row["is"]) for row in found.detail["suspected_renames"]}
    assert pairs == {("appinc", "income_total"), ("town", "region")}
    assert "suspicion" in found.notes[0]
    strange = now.drop(columns="appinc").assign(noise=np.random.default_rng(1).uniform(-9.0, -8.0, len(now)))
    other = run("schema_change", subject_of(before, strange, ("loanprc", "noise")))
    assert {row["change"] for row in other.detail["changes"]} == {"added", "removed"}
    assert other.detail["suspected_renames"] == []
    assert run("schema_change", subject_of(before, now), of="features").value == 0


def test_missing_values_are_counted_with_wilsons_interval_and_the_rise_with_newcombes() -> None:
    before, now = loans(2)
    n, m = len(now), len(before)
    now = now.assign(obrat=now.obrat.where(now.index >= 50), town=now.town.where(now.index >= 20, " "))
    before = before.assign(obrat=before.obrat.where(before.index >= 10))
    subject = subject_of(before, now)
    found = run("missing_values", subject)
    rows = {row["feature"]: row for row in found.detail["features"]}
    expected = wilson(50, n)
    assert (found.value, found.low, found.high) == (50 / n, expected.low, expected.high)
    assert (rows["town"]["share"], rows["town"]["blank"]) == (20 / n, 20 / n)
    assert rows["obrat"]["reference"] == 10 / m
    rise, exact = run("missing_values", subject, of="change"), share_change(10, m, 50, n)
    assert (rise.value, rise.detail["worst"]) == (pytest.approx(exact.value), "obrat")
    assert (rise.detail["features"][0]["low"], rise.detail["features"][0]["high"]) == (exact.low, exact.high)
    with pytest.raises(Insufficient, match="no reference"):
        run("missing_values", CheckSubject(subject.evaluation), of="change")


def test_declared_ranges_come_first_and_the_reference_stands_in() -> None:
    before, now = loans(3)
    subject = subject_of(before, now)
    usual = run("out_of_range", subject)
    row = usual.detail["features"][0]
    assert row["by_chance"] == pytest.approx(2 / (len(before) + 1))
    assert usual.value == max(
        ((now[name] < before[name].min()) | (now[name] > before[name].max())).mean() for name in FEATURES[:5]
    )
    declared = CheckSubject(subject.evaluation, declared={"ranges": {"obrat": [0.0, 30.0]}})
    found = run("out_of_range", declared)
    assert found.value == ((now.obrat < 0.0) | (now.obrat > 30.0)).mean()
    assert found.detail["features"][0]["declared"] is True
    with pytest.raises(Insufficient, match="No range is declared"):
        run("out_of_range", CheckSubject(subject.evaluation))


def test_unseen_categories_are_counted_in_texts_and_in_few_numbers() -> None:
    before, now = loans(4)
    now = now.assign(town=now.town.where(now.index >= 33, "new"), married=now.married.where(now.index >= 5, 7.0))
    found = run("unseen_categories", subject_of(before, now))
    rows = {row["feature"]: row for row in found.detail["features"]}
    assert rows["town"]["share"] == 33 / len(now)
    assert rows["married"]["share"] == 5 / len(now)
    assert "appinc" not in rows, "a number with many values is no category"
    missing = now.assign(town=now.town.where(now.index >= 100))
    again = {row["feature"]: row for row in run("unseen_categories", subject_of(before, missing)).detail["features"]}
    assert (again["town"]["n"], again["town"]["share"]) == (len(now) - 100, 0.0), "a missing value is no category"


def test_repeated_rows_are_counted_as_pandas_does() -> None:
    before, now = loans(5)
    doubled = pd.concat([now, now.head(40), now.head(10)], ignore_index=True)
    doubled.loc[[3, 4], list(FEATURES[:5])] = np.nan
    found = run("duplicates", subject_of(before, doubled))
    assert found.value == pytest.approx(doubled.duplicated().mean())
    assert found.detail["twins"] == doubled.duplicated(keep=False).sum()
    assert (found.detail["most"], found.detail["reference"]) == (3, 0.0)


def test_rows_seen_in_training_are_counted_exactly_whatever_their_types() -> None:
    before, now = loans(6)
    mixed = pd.concat([now, before.head(77)], ignore_index=True)
    found = run("train_test_overlap", subject_of(before, mixed))
    assert found.detail["shared"] == 77
    assert found.value == 77 / len(mixed)
    assert found.detail["false_match"] < 1e-10
    stored = mixed.assign(
        married=mixed.married == 1.0, unem=mixed.unem.astype("float32"), approve=mixed.approve.astype("int8")
    )
    assert run("train_test_overlap", subject_of(before, stored)).detail["shared"] == 77
    blanked = before.assign(
        obrat=before.obrat.where(before.index % 2 == 0), town=before.town.where(before.index % 3 > 0)
    )
    again = pd.concat([now, blanked.head(30)], ignore_index=True)
    assert run("train_test_overlap", subject_of(blanked, again)).detail["shared"] == 30


def test_what_chance_explains_is_told_apart_where_people_look_alike() -> None:
    rng = np.random.default_rng(7)
    coarse = pd.DataFrame({name: rng.integers(0, 3, 2_000) for name in ("a", "b", "c", "d")}).assign(approve=1)
    roles = ColumnRoles(features=("a", "b", "c", "d"))
    halves = [open_frame(coarse.iloc[at::2], roles=roles, required=()) for at in (0, 1)]
    subject = CheckSubject(halves[0], halves[1])
    found = run("train_test_overlap", subject)
    assert found.value is not None
    assert found.value > 0.99
    assert found.detail["by_chance"] > 0.99
    excess = run("train_test_overlap", subject, of="excess")
    assert excess.value is not None
    assert abs(excess.value) < 0.01


def test_a_large_table_is_compared_by_a_sample_of_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    from audits.tables import twins

    rng = np.random.default_rng(8)
    before = pd.DataFrame({"x": rng.normal(size=8_000)})
    now = pd.concat([before.head(2_000), pd.DataFrame({"x": rng.normal(size=6_000)})], ignore_index=True)
    roles = ColumnRoles(features=("x",))
    subject = CheckSubject(*(open_frame(rows, roles=roles, required=()) for rows in (now, before)))
    monkeypatch.setattr(twins, "MOST_DIGESTS", 1_000)
    found = run("train_test_overlap", subject)
    assert found.detail["sampled"] == 1 / 16
    assert found.n < 1_000
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.25 <= found.high
    assert "6.25%" in found.notes[-1]


def test_one_feature_alone_is_held_against_the_outcome_as_scikit_learn_does() -> None:
    before, now = loans(9)
    found = run("leakage_suspicion", subject_of(before, now))
    rows = {row["feature"]: row for row in found.detail["features"]}
    for name in ("loanprc", "obrat", "appinc"):
        auc = roc_auc_score(now.approve, now[name])
        assert rows[name]["strength"] == pytest.approx(abs(2 * auc - 1), abs=1e-12)
        assert rows[name]["low"] <= rows[name]["strength"] <= rows[name]["high"]
    assert rows["town"]["strength"] < 0.15
    assert found.detail["worst"] == max(rows, key=lambda name: rows[name]["strength"])


def test_the_outcome_itself_and_what_comes_after_it_are_named() -> None:
    now = loans(1)[1]
    day = pd.Timestamp("2026-03-01")
    frame = now.assign(copy=now.approve.astype(float), day=day, closed=day + pd.to_timedelta(now.index % 2, unit="D"))
    roles = ColumnRoles(target="approve", time="day", features=("obrat", "copy", "closed"))
    found = run("leakage_suspicion", CheckSubject(open_frame(frame, roles=roles, required=())))
    assert (found.value, found.detail["worst"]) == (1.0, "copy")
    assert "copy is the outcome itself in 100.0% of the rows." in found.notes
    share = (frame.index % 2).to_numpy().mean()
    assert f"closed lies after the row's own time in {share:.1%} of the rows." in found.notes


def test_identifiers_give_nothing_away_and_a_code_of_the_outcome_does() -> None:
    now = loans(1)[1]
    frame = now.assign(person=[f"{NAME}-{at}" for at in now.index], code=np.where(now.approve == 1, "A7", "B2"))
    roles = ColumnRoles(target="approve", features=("person", "code"))
    found = run("leakage_suspicion", CheckSubject(open_frame(frame, roles=roles, required=())))
    rows = {row["feature"]: row for row in found.detail["features"]}
    assert (rows["person"]["strength"], rows["code"]["strength"]) == (0.0, 1.0)
    assert NAME not in json.dumps(found.as_json())


def test_leaks_are_found_for_classes_and_for_amounts() -> None:
    classes = many_classes(300)
    order = {"high": 2.0, "low": 0.0, "middle": 1.0}
    leaky = classes.assign(code=classes.y.map(order), middle=(classes.y == "middle").astype(float))
    roles = ColumnRoles(target="y", features=("income", "region", "code"))
    found = run("leakage_suspicion", CheckSubject(open_frame(leaky, roles=roles, task="multiclass", required=())))
    assert (found.value, found.detail["worst"]) == (1.0, "code"), "also of the class in the middle"
    rows = amounts(300).assign(power=lambda frame: frame.y**3, band=lambda frame: pd.qcut(frame.y, 20).astype(str))
    roles = ColumnRoles(target="y", features=("income", "power", "band", "region"))
    table = open_frame(rows, roles=roles, task="regression", required=())
    strengths = {
        row["feature"]: row["strength"] for row in run("leakage_suspicion", CheckSubject(table)).detail["features"]
    }
    assert strengths["power"] == pytest.approx(1.0)
    assert strengths["income"] == pytest.approx(abs(stats.spearmanr(rows.income, rows.y).statistic), abs=1e-9)
    assert strengths["band"] > 0.95
    assert strengths["region"] < 0.3


def test_outcomes_of_one_kind_cannot_be_given_away() -> None:
    now = loans(1)[1].assign(approve=1)
    table = open_frame(now, roles=ROLES, required=(), check_values=False)
    assert run("leakage_suspicion", CheckSubject(table)).value is None
    assert run("row_count", CheckSubject(table), of="rarest_outcome").value == 0


def test_rows_are_counted_and_those_of_the_rarest_outcome() -> None:
    before, now = loans(1)
    found = run("row_count", subject_of(before, now))
    assert (found.value, found.n, found.detail["reference"]) == (len(now), len(now), len(before))
    assert run("row_count", subject_of(before, now), of="rarest_outcome").value == (now.approve == 0).sum()
    with pytest.raises(Insufficient, match="no rarest outcome"):
        run("row_count", complete_subject("regression"), of="rarest_outcome")


def test_constant_columns_are_named_with_what_they_were() -> None:
    before, now = loans(1)
    found = run("constant_columns", subject_of(before, now.assign(unem=1.0, obrat=np.nan)))
    assert found.value == 2
    rows = {row["feature"]: row for row in found.detail["features"]}
    assert (rows["unem"]["empty"], rows["obrat"]["empty"], rows["unem"]["reference"]) == (False, True, False)


def test_strengths_have_their_edges() -> None:
    assert by_rank(0, 5, 0.0, 0.0, 0.0) is None
    one = by_rank(1, 5, 1.0, 1.0, 5.0)
    assert one is not None
    assert strength_interval(one, 0.95) is None
    assert by_category(np.array([[0, 0], [3, 0]]), 0) is None
    perfect = by_category(np.array([[0, 0], [30, 0], [0, 20]]), 0)
    assert perfect is not None
    assert perfect.value == 1.0
    gap = by_gap(np.array([[10, 0], [0, 20]]), 0)
    assert gap is not None
    assert gap.value == 1.0
    assert np.isnan(by_correlation(0.5, 3).error)
    assert by_means(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 0.0])) is None
    assert by_means(np.array([3.0, 3.0]), np.array([2.0, 2.0]), np.array([0.0, 0.0])) is None
    pure = by_means(np.array([3.0, 3.0]), np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    assert pure is not None
    assert pure.value == pytest.approx(1.0)


@pytest.mark.postgres
def test_rows_seen_in_training_are_found_across_engines(postgres_dsn: str) -> None:
    before, now = loans(1)
    subject = subject_of(before, pd.concat([now, before.head(77)], ignore_index=True))
    distant = to_postgres(postgres_dsn)(subject.evaluation, "loans")
    found = run("train_test_overlap", CheckSubject(distant, subject.reference))
    assert found.detail["shared"] == 77
    assert found == run("train_test_overlap", CheckSubject(subject.evaluation, subject.reference))
    distant.close()
