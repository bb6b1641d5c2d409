"""By which numbers can two versions be compared, and what must a table hold for each?"""

from __future__ import annotations

from typing import Any

from audits.checks.contract import NEEDS, CheckSubject, Insufficient
from registry.errors import DomainError

METRICS: dict[str, tuple[str, ...]] = {
    "roc_auc": ("binary",),
    "brier": ("binary",),
    "log_loss": ("binary",),
    "accuracy": ("binary", "multiclass"),
    "rmse": ("regression",),
    "mae": ("regression",),
}
DEFAULT = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}


def chosen(subject: CheckSubject, metric: str, metrics: dict[str, tuple[str, ...]]) -> str:
    """Return the metric to compare by; DomainError for one that the task does not have, Insufficient for what it needs."""
    name = metric or DEFAULT[subject.task]
    if subject.task not in metrics[name]:
        fitting = ", ".join(sorted(each for each, tasks in metrics.items() if subject.task in tasks))
        message = f"A {subject.task} model is not compared by {name}, but by one of {fitting}."
        raise DomainError("bad-check-parameters", message, metric=name)
    need = "predictions" if name in ("accuracy", "rmse", "mae", "mse") else "scores"
    holds, reason, mend = NEEDS[need]
    if not holds(subject):
        raise Insufficient(reason, mend)
    return name


def losses(subject: CheckSubject, metric: str, threshold: float | None) -> tuple[Any, Any]:
    """Return the losses of this version and of the other, row by row, as expressions."""
    from audits.tables.answers import LOSS_OF, loss

    kind = LOSS_OF[metric]
    table = subject.evaluation
    return loss(table, kind), loss(table, kind, "baseline", threshold=threshold)
