"""Which tables hold the checks of performance, calibration and comparison to other formulas?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from audits.checks.contract import CHECKS, CheckSubject, Measurement
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.open import open_frame
from tests.audits.evaluation_samples import CLASSES, MANY_ROLES, mortgages


def run(slug: str, frame: pd.DataFrame, *, task: Any = "binary", roles: ColumnRoles, **params: Any) -> Measurement:
    """Measure a frame and close its table."""
    return run_on(table(frame, task=task, roles=roles), slug, **params)


def run_on(evaluation: EvaluationTable, slug: str, **params: Any) -> Measurement:
    """Measure a table and close it."""
    try:
        return CHECKS.get(slug).run(CheckSubject(evaluation, seed=3), **params)
    finally:
        evaluation.close()


def table(frame: pd.DataFrame, *, task: Any = "binary", roles: ColumnRoles, threshold: float = 0.5) -> EvaluationTable:
    """Open a frame; values are not refused, so that degenerate tables reach the checks."""
    more = {"threshold": threshold} if task == "binary" else {}
    return open_frame(frame, roles=roles, task=task, check_values=False, required=("target",), **more)


def scored_mortgages() -> pd.DataFrame:
    """Return the real mortgage applications with a score made of the loan-to-price ratio and the obligations."""
    frame = mortgages().dropna(subset=["loanprc", "obrat"])
    logit = 5.0 - 2.0 * frame.loanprc - 0.045 * frame.obrat
    return pd.DataFrame({"y": frame.approve.astype(int), "s": 1.0 / (1.0 + np.exp(-logit)), "black": frame.black})


SCORED = ColumnRoles(target="y", score="s")
WEIGHTED = ColumnRoles(target="y", score="s", weight="w")


def weighted(frame: pd.DataFrame, *, seed: int = 4) -> pd.DataFrame:
    """Give each row a weight."""
    return frame.assign(w=np.random.default_rng(seed).exponential(1.0, len(frame)) + 0.1)


def likeliest(frame: pd.DataFrame) -> np.ndarray:
    """Return the class with the largest probability, the first by name where two are as likely."""
    return np.array(sorted(CLASSES))[frame[[f"p_{name}" for name in sorted(CLASSES)]].to_numpy().argmax(axis=1)]


__all__ = ["CLASSES", "MANY_ROLES", "SCORED", "WEIGHTED", "likeliest", "run", "run_on", "scored_mortgages", "weighted"]
