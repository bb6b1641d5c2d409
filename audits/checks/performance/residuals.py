"""What do all checks of predicted amounts share: the moments of the errors, their intervals and their drawing?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Measurement, Plot, gettext_noop, intervals_plot

if TYPE_CHECKING:
    from audits.tables.moments import Moments


def errors(subject: CheckSubject) -> dict[str, Moments]:
    """Return the moments of signed, absolute and squared errors and of the outcome, asked once for every check."""
    from audits.tables.answers import loss
    from audits.tables.asking import real
    from audits.tables.moments import moments
    from audits.tables.remembered import remembered

    table = subject.evaluation

    def ask() -> dict[str, Moments]:
        values = {kind: loss(table, kind) for kind in ("signed", "absolute", "squared")}
        return moments(table, values | {"outcome": real(table.table[table.roles.target])})

    return remembered(table, "errors of amounts", ask)


def spread(found: Moments) -> float:
    """Return the variance with divisor n, as R² is defined."""
    size = found.effective
    return found.variance * (size - 1.0) / size if size > 1.0 else 0.0


def half(found: Moments, confidence: float) -> float | None:
    """Return half the width of the normal interval of a mean; None for fewer than two rows."""
    from audits.statistics.intervals import normal_quantile

    return normal_quantile(confidence) * found.error if math.isfinite(found.error) else None


def normal(found: Moments, confidence: float, bounds: tuple[float, float]) -> tuple[float, float] | tuple[None, None]:
    """Return the normal interval of a mean, cut to ``bounds``; None and None for fewer than two rows."""
    width = half(found, confidence)
    return (None, None) if width is None else (max(bounds[0], found.mean - width), min(bounds[1], found.mean + width))


def measured(
    subject: CheckSubject,
    value: float,
    interval: tuple[float | None, float | None],
    *,
    confidence: float,
    method: str,
    detail: dict[str, Any],
    unit: str = "outcome's unit",
    n: int | None = None,
    notes: tuple[str, ...] = (),
) -> Measurement:
    """Return a measurement with the drawing that all checks of amounts share; over all rows where ``n`` is left out."""
    return Measurement(
        value,
        unit,
        *interval,
        confidence,
        subject.evaluation.rows if n is None else n,
        method,
        notes=notes,
        detail=detail,
        plots=(errors_plot(subject, confidence),),
    )


def without(
    subject: CheckSubject,
    unit: str,
    reason: str,
    *,
    confidence: float,
    method: str,
    detail: dict[str, Any] | None = None,
) -> Measurement:
    """Return that there is no value, and why."""
    n = subject.evaluation.rows
    return Measurement(None, unit, None, None, confidence, n, method, detail=detail or {}, reason=reason)


def errors_plot(subject: CheckSubject, confidence: float) -> Plot:
    """Draw mean, mean absolute and root mean squared error beside each other, with their intervals."""
    found = errors(subject)
    squares = normal(found["squared"], confidence, (0.0, math.inf))
    roots = tuple(None if end is None else math.sqrt(end) for end in squares)
    rows = (
        (
            gettext_noop("Mean error"),
            found["signed"].mean,
            *normal(found["signed"], confidence, (-math.inf, math.inf)),
        ),
        (
            gettext_noop("Mean absolute error"),
            found["absolute"].mean,
            *normal(found["absolute"], confidence, (0.0, math.inf)),
        ),
        (gettext_noop("Root mean squared error"), math.sqrt(found["squared"].mean), *roots),
    )
    return intervals_plot(
        gettext_noop("Errors of the predicted amounts"), gettext_noop("Measured"), gettext_noop("Error"), rows
    )
