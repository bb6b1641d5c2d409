"""Which changed rows do the tests measure? The samples' rows, changed as a run changes them and scored by a known rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from audits.runs.perturbations import GIVEN, perturbed_frame, with_given
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from registry.errors import DomainError

KEYS = ("missing-0.05", "missing-0.1", "missing-0.2", "noise-0.05", "noise-0.1", "noise-0.2")
SWEPT = ("boundary", "permutation", "monotone")
Answers = Callable[[pd.DataFrame], dict[str, Any]]


def income_score(rows: pd.DataFrame) -> dict[str, Any]:
    """Score by income alone, a missing one as 20: the rule by which the perturbed samples of a binary model are scored."""
    income = pd.to_numeric(rows.income).fillna(20.0)
    return {"s": 1.0 / (1.0 + np.exp(-(income - 22.0) / 8.0))}


def income_classes(rows: pd.DataFrame) -> dict[str, Any]:
    """Give the class "high" with the score by income, "low" with what is left, and "middle" a tenth of both."""
    high = np.asarray(income_score(rows)["s"]) * 0.9
    return {"p_high": high, "p_low": 0.9 - high, "p_middle": np.full(len(rows), 0.1)}


def income_amount(rows: pd.DataFrame) -> dict[str, Any]:
    """Predict three times the income, a missing one as 20."""
    return {"p": pd.to_numeric(rows.income).fillna(20.0) * 3.0}


RULES: dict[str, Answers] = {"binary": income_score, "multiclass": income_classes, "regression": income_amount}


def said(answers: dict[str, Any], task: str) -> Any:
    """Return what a version answered as one column: a score, the name of a class, an amount."""
    if task != "multiclass":
        return np.asarray(next(iter(answers.values())), dtype=np.float64)
    names = [name.removeprefix("p_") for name in answers]
    return np.array(names)[np.argmax(np.column_stack(list(answers.values())), axis=1)]


def perturbed_tables(frame: pd.DataFrame, *, roles: ColumnRoles, **more: Any) -> dict[str, EvaluationTable]:
    """Return the frame's rows changed, answered and opened, by key; the order of the given rows does not matter."""
    known = {name: more.pop(name) for name in ("keys", "declared", "answers", "reference", "seed") if name in more}
    frames = perturbed_frames(frame, roles=roles, task=more.get("task", "binary"), **known)
    paired = dataclasses.replace(roles, baseline=GIVEN)
    return {key: open_frame(rows, roles=paired, **({"check_values": False} | more)) for key, rows in frames.items()}


def perturbed_frames(
    frame: pd.DataFrame,
    *,
    roles: ColumnRoles,
    keys: Iterable[str] = (*KEYS, *SWEPT),
    task: Any = "binary",
    declared: dict[str, Any] | None = None,
    answers: Answers | None = None,
    reference: pd.DataFrame | None = None,
    seed: int = 7,
) -> dict[str, pd.DataFrame]:
    """Return the frame's rows changed and answered, by key, each with the answer before the change."""
    rule = answers or RULES[task]
    ordered = pa.Table.from_pandas(frame.sort_index(), preserve_index=False)
    before = said(rule(ordered.to_pandas()), task)
    known = None if reference is None else pa.Table.from_pandas(reference, preserve_index=False)
    fields = {"features": roles.features, "seed": seed, "declared": declared or {}, "reference": known}
    found = {}
    for key in keys:
        try:
            changed = with_given(perturbed_frame(key, ordered, **fields), before).to_pandas()
        except DomainError as refusal:
            if refusal.code != "nothing-to-perturb":
                raise
            continue
        found[key] = changed.assign(**rule(changed))
    return found
