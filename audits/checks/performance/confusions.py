"""How is a confusion matrix shown?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import COUNTED, Measurement, Plot, PlotColumn, gettext_noop, intervals_plot

if TYPE_CHECKING:
    from audits.statistics.decisions import Share
    from audits.tables.classes import Confusion

MAX_SHOWN = 20
OTHER = gettext_noop("(other classes)")


def grid(found: Confusion) -> Plot:
    """Draw a confusion matrix, shaded by the share of each true class; rare classes above 20 are put together."""
    labels, counts, weight = _shown(found)
    rows = []
    for at, true in enumerate(labels):
        total = float(weight[at].sum())
        for other, said in enumerate(labels):
            part = float(weight[at, other]) / total if total > 0.0 else None
            rows.append((true, said, part, int(counts[at, other])))
    return Plot(
        "grid",
        gettext_noop("Confusion matrix"),
        (
            PlotColumn(gettext_noop("Outcome"), "text"),
            PlotColumn(gettext_noop("Predicted"), "text"),
            PlotColumn(gettext_noop("Share of the outcome"), "share"),
            PlotColumn(gettext_noop("n"), "count"),
        ),
        tuple(rows),
        label="Outcome",
        series="Predicted",
        value="Share of the outcome",
        scale=(0.0, 1.0),
    )


def by_class(found: Confusion, shares: list[Share], heading: str) -> Plot:
    """Draw a share by class with its interval."""
    rows = [
        (
            label,
            part.value,
            part.interval.low if part.interval else None,
            part.interval.high if part.interval else None,
            n,
        )
        for label, part, n in zip(found.labels, shares, found.n.sum(axis=1), strict=True)
    ]
    return intervals_plot(
        heading,
        gettext_noop("Class"),
        gettext_noop("Recall"),
        tuple((label, value, low, high, int(n)) for label, value, low, high, n in rows),
        kind="share",
        more=COUNTED,
        scale=(0.0, 1.0),
    )


def counts(found: Confusion) -> dict[str, Any]:
    """Return the matrix as it stands in ``detail``: labels and counts by true (rows) and predicted class (columns)."""
    return {"labels": list(found.labels), "confusion": [[int(n) for n in row] for row in found.n]}


def no_value(found: Confusion, unit: str, confidence: float, method: str, reason: str) -> Measurement:
    """Answer 0/0: no value, the reason, and the matrix that leaves none."""
    return Measurement(
        None,
        unit,
        None,
        None,
        confidence,
        found.rows,
        method,
        detail=counts(found),
        reason=reason,
        plots=(grid(found),) if found.rows else (),
    )


def _shown(found: Confusion) -> tuple[list[str], Any, Any]:
    import numpy as np

    if len(found.labels) <= MAX_SHOWN:
        return list(found.labels), found.n, found.weight
    order = np.argsort(-found.n.sum(axis=1), kind="stable")
    kept = sorted(int(at) for at in order[: MAX_SHOWN - 1])
    place = np.full(len(found.labels), MAX_SHOWN - 1)
    place[kept] = np.arange(len(kept))
    folded = np.zeros((2, MAX_SHOWN, MAX_SHOWN))
    for part, matrix in enumerate((found.n, found.weight)):
        np.add.at(folded[part], (place[:, None], place[None, :]), matrix)
    return [*(found.labels[at] for at in kept), OTHER], folded[0], folded[1]
