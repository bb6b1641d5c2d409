"""One number of choice about a table, with its uncertainty, so that it can be compared between tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.checks import metrics
from audits.checks.contract import Insufficient
from audits.checks.metrics import offered

if TYPE_CHECKING:
    from audits.statistics.intervals import Interval
    from audits.tables.contract import EvaluationTable

METRICS = offered("roc_auc", "brier", "log_loss", "accuracy", "rmse", "mae")
HIGHER = ("roc_auc", "accuracy")
SCHEMA = {"enum": ["", *METRICS]}


@dataclass(frozen=True)
class Figure:
    """A number about a table: value and variance of its estimate, rows; ``reason`` says why there is no value."""

    value: float | None
    variance: float
    n: int
    effective: float
    reason: str = ""


def chosen(task: str, metric: str) -> str:
    """Return the metric, that of the task where it is left out; DomainError for one that the task does not have."""
    return metrics.chosen(task, metric, METRICS)


def lacking(table: EvaluationTable, metric: str) -> str:
    """Say what a table lacks for a metric; empty when nothing."""
    if table.roles.target is None:
        return "outcomes"
    if metric in ("roc_auc", "brier") and table.roles.score is None:
        return "scores"
    if metric == "log_loss" and table.roles.score is None and not table.roles.class_scores:
        return "scores"
    return "" if metric in ("roc_auc", "brier", "log_loss") or table.predicts else "predictions"


def require(table: EvaluationTable, metric: str, name: str = "evaluation") -> None:
    """Raise Insufficient when a table lacks a column that the metric needs."""
    if lack := lacking(table, metric):
        raise Insufficient(
            f"The {name} table has no {lack}.",
            f"Name the column with {lack} in the roles of the dataset, or let the service score the table.",
        )


def figure(table: EvaluationTable, metric: str, name: str = "evaluation") -> Figure:
    """Measure a table; raises Insufficient when it lacks a column that the metric needs."""
    from audits.statistics.auc import auc_delong
    from audits.tables.answers import LOSS_OF, loss
    from audits.tables.moments import moments
    from audits.tables.scores import score_cells

    require(table, metric, name)
    if metric == "roc_auc":
        cells = score_cells(table)
        if not (cells.n_positive and cells.n_negative):
            return Figure(None, math.nan, cells.n, cells.effective, "all outcomes are of one kind")
        sizes = {"effective_positive": cells.effective_positive, "effective_negative": cells.effective_negative}
        area = auc_delong(cells.positive, cells.negative, **sizes)
        return Figure(area.value, area.variance, cells.n, cells.effective)
    found = moments(table, {"loss": loss(table, LOSS_OF[metric])})["loss"]
    if not found.n:
        return Figure(None, math.nan, 0, 0.0, "there are no rows")
    variance = found.error**2 if math.isfinite(found.error) else math.nan
    value = found.mean
    if metric == "rmse":
        value = math.sqrt(found.mean)
        variance = variance / (4.0 * found.mean) if found.mean > 0.0 else math.nan
    return Figure(1.0 - value if metric == "accuracy" else value, variance, found.n, found.effective)


def worsening(before: Figure, after: Figure, metric: str, confidence: float) -> tuple[float, Interval | None]:
    """Return by how much ``after`` is worse than ``before`` (independent rows), and the interval of that.

    Wilson intervals put together (Newcombe) for the accuracy; else the normal law with both variances.
    """
    from audits.statistics.intervals import Interval, holding, mover_difference, normal_quantile, wilson

    first, second = before.value or 0.0, after.value or 0.0
    sign = 1.0 if metric in HIGHER else -1.0
    value = sign * (first - second)
    if metric == "accuracy":
        parts = [
            (share, wilson(share * part.effective, part.effective, confidence))
            for share, part in ((first, before), (second, after))
        ]
        return value, holding(value, mover_difference(parts[0], parts[1]))
    variance = before.variance + after.variance
    if not variance > 0.0:
        return value, None
    half = normal_quantile(confidence) * math.sqrt(variance)
    return value, Interval(value - half, value + half, "normal", confidence)


def interval_of(found: Figure, metric: str, confidence: float) -> Interval | None:
    """Return the interval of one figure: Wilson's for the accuracy, else the normal one."""
    from audits.statistics.intervals import Interval, normal_quantile, wilson

    if found.value is None:
        return None
    if metric == "accuracy":
        return wilson(found.value * found.effective, found.effective, confidence)
    if not found.variance > 0.0:
        return None
    half = normal_quantile(confidence) * math.sqrt(found.variance)
    low, high = max(0.0, found.value - half), found.value + half
    return Interval(low, min(1.0, high) if metric == "roc_auc" else high, "normal", confidence)
