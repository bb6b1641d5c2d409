"""By which numbers may a model of each kind be measured, and by which where none is named?"""

from __future__ import annotations

from collections.abc import Mapping

from registry.errors import DomainError

METRICS: Mapping[str, tuple[str, ...]] = {
    "roc_auc": ("binary",),
    "brier": ("binary",),
    "log_loss": ("binary", "multiclass"),
    "accuracy": ("binary", "multiclass"),
    "mae": ("regression",),
    "rmse": ("regression",),
    "mse": ("regression",),
}
DEFAULT: Mapping[str, str] = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}
"""The mean absolute error: it has the unit of the outcome, and no single row can rule it as it can a squared error."""


def offered(*names: str, **narrower: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the metrics a check offers with the kinds of model each is for; ``narrower`` where it measures fewer."""
    return {name: METRICS[name] for name in names} | narrower


def chosen(task: str, metric: str, metrics: Mapping[str, tuple[str, ...]]) -> str:
    """Return the metric, that of the task where it is left out; DomainError for one that the task does not have."""
    name = metric or DEFAULT[task]
    if task not in metrics[name]:
        fitting = ", ".join(sorted(each for each, tasks in metrics.items() if task in tasks))
        message = f"A {task} model is not measured by {name}, but by one of {fitting}."
        raise DomainError("bad-check-parameters", message, metric=name, at="metric")
    return name
