"""By which numbers can two versions be compared, and what must a table hold for each?"""

from __future__ import annotations

from typing import Any

from audits.checks import metrics as metrics_of
from audits.checks.contract import NEEDS, CheckSubject, Insufficient
from audits.checks.metrics import offered

METRICS = offered("roc_auc", "brier", "accuracy", "rmse", "mae", log_loss=("binary",))
BY_GROUP = offered("roc_auc", "brier", "accuracy", "mae", "mse", log_loss=("binary",))
"""The root of a mean of squares has no difference that is a mean over rows; its square has."""


def chosen(subject: CheckSubject, metric: str, metrics: dict[str, tuple[str, ...]]) -> str:
    """Return the metric to compare by; DomainError for one that the task does not have, Insufficient for what it needs."""
    name = metrics_of.chosen(subject.task, metric, metrics)
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
