"""What do the decisions cost, and would another threshold cost less?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

if TYPE_CHECKING:
    from audits.statistics.costs import AtThreshold

LOSS = {"type": "number", "minimum": 0, "maximum": 1e12}
COST = {"type": "number", "minimum": -1e12, "maximum": 1e12}
STEPS = 20


@check(
    "performance.expected_cost",
    family="performance",
    needs=("labels", "scores", "selection"),
    unit="cost a row",
    better="lower",
    parameters={"false_positive": LOSS, "false_negative": LOSS, "true_positive": COST, "true_negative": COST},
    mend="Move the threshold on rows kept for that, or retrain; check that the costs are those of the decision.",
)
def expected_cost(
    subject: CheckSubject,
    *,
    false_positive: float = 1.0,
    false_negative: float = 1.0,
    true_positive: float = 0.0,
    true_negative: float = 0.0,
    confidence: float = 0.95,
) -> Measurement:
    r"""Mean cost of a decision at the version's threshold, beside what every other threshold would have cost.

    .. math:: \frac1n \sum_i C(y_i, \hat y_i)

    0: decisions cost nothing, as a whole; the unit is that of the costs given. With the costs left out it is the share
    of wrong decisions, and 1 means that each is wrong.

    Parameters
    ----------
    subject : evaluation table with ``target``, ``score`` and a threshold.
    false_positive, false_negative, true_positive, true_negative : what a row costs by outcome and decision. An error never
        gains; a right decision may, and then costs less than 0.
    confidence : nominal coverage of the normal interval of the mean cost (of shares, where two costs alone occur:
        Wilson's, stretched).

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``threshold``, the ``cheapest`` threshold of all with its cost, ``saving``, the
        ``costs``, the threshold that they make best for calibrated scores, and a ``table`` over thresholds (cost, share
        selected, precision, recall, specificity).

    Notes
    -----
    Limits: the cheapest threshold was sought on these very rows, so that its cost is too low for new ones; the interval
    is that of the version's threshold alone. Costs count as known and alike for all rows.

    Not for: choosing the threshold on the rows that the version is then judged by.

    References
    ----------
    C. Elkan, *The Foundations of Cost-Sensitive Learning*, IJCAI 2001, 973-978.
    """
    from audits.statistics import costs as priced
    from audits.statistics.intervals import ends, holding, normal_mean, wilson
    from audits.tables.classes import confusion
    from audits.tables.scores import score_cells

    table = subject.evaluation
    prices = priced.Costs(true_positive, false_positive, false_negative, true_negative)
    decided, cells = confusion(table), score_cells(table)
    counts = (cells.score, cells.positive, cells.negative)
    value, spread = priced.mean_cost(decided.weight, prices)
    size = float(decided.scaled.sum())
    levels = sorted({false_positive, false_negative, true_positive, true_negative})
    interval, method = None, "normal-mean"
    if len(levels) == 2:
        low, high = levels
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        found = wilson(share * size, size, confidence)
        ends_of = (low + (high - low) * found.low, low + (high - low) * found.high)
        method, interval = "wilson", type(found)(*ends_of, "wilson", confidence)
    elif size > 1.0:
        interval = normal_mean(value, spread * size / (size - 1.0), size, confidence)
    thresholds, curve = priced.cost_curve(*counts, prices)
    at = int(curve.argmin())
    asked = sorted({*(step / STEPS for step in range(STEPS + 1)), float(table.threshold or 0.0)})
    rows = [priced.at_threshold(*counts, threshold, prices) for threshold in asked]
    gain = false_positive - true_negative + false_negative - true_positive
    best = (false_positive - true_negative) / gain if gain > 0.0 else None
    notes = [] if not cells.binned else ["The cheapest threshold was sought over 65,536 bins of scores."]
    return Measurement(
        value,
        "cost a row",
        *ends(holding(value, interval)),
        confidence,
        decided.rows,
        method,
        notes=tuple(notes),
        detail={
            "threshold": table.threshold,
            "cheapest": {"threshold": float(thresholds[at]), "cost": float(curve[at])},
            "saving": value - float(curve[at]),
            "best_threshold_if_calibrated": best if best is not None and 0.0 <= best <= 1.0 else None,
            "costs": asdict(prices),
            "table": [asdict(row) for row in rows],
        },
        plots=_plots(rows, table.threshold),
    )


def _plots(rows: list[AtThreshold], threshold: float | None) -> tuple[Plot, ...]:
    columns = (
        PlotColumn(gettext_noop("Threshold"), "share"),
        PlotColumn(gettext_noop("Cost a row")),
        PlotColumn(gettext_noop("Selected"), "share"),
        PlotColumn(gettext_noop("Precision"), "share"),
        PlotColumn(gettext_noop("Recall"), "share"),
        PlotColumn(gettext_noop("Specificity"), "share"),
        PlotColumn(gettext_noop("Of this version"), "text"),
    )
    cells = tuple(
        (
            row.threshold,
            row.cost,
            row.selected,
            row.precision,
            row.recall,
            row.specificity,
            "✓" if row.threshold == threshold else "",
        )
        for row in rows
    )
    return (
        Plot("line", gettext_noop("Cost by threshold"), columns, cells, x="Threshold", y="Cost a row"),
        Plot("line", gettext_noop("Share selected by threshold"), columns, cells, x="Threshold", y="Selected"),
    )
