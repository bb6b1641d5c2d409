"""Is the model worse on rows it was not trained on, and on later rows than on earlier ones?"""

from __future__ import annotations

from audits.checks.contract import (
    COUNTED,
    CheckSubject,
    Measurement,
    Plot,
    PlotColumn,
    check,
    gettext_noop,
    intervals_plot,
)
from audits.checks.performance import figures

ALL = {"metric": figures.SCHEMA}


@check(
    "performance.overfit_gap",
    family="performance",
    needs=("labels", "reference-labels"),
    unit="loss of performance",
    better="lower",
    parameters=ALL,
    mend="Train with more rows or a simpler model (regularisation, depth, early stopping), and register a new version.",
    tasks=("binary", "multiclass", "regression"),
)
def overfit_gap(subject: CheckSubject, *, metric: str = "", confidence: float = 0.95) -> Measurement:
    r"""By how much the model is worse on the evaluation table than on the table it was trained on.

    .. math:: \Delta = A_\text{train} - A_\text{eval} \ (\text{AUC, accuracy}), \qquad
              \Delta = L_\text{eval} - L_\text{train} \ (\text{a loss})

    0: as good on new rows as on those of training; above 0: worse on new rows; below 0: better.

    Parameters
    ----------
    subject : evaluation table, and the training table with outcomes and the model's answers as reference.
    metric : "roc_auc", "brier", "log_loss" or "accuracy" (binary), "accuracy" or "log_loss" (multiclass), "rmse" or
        "mae" (regression); left out: roc_auc, accuracy, mae.
    confidence : nominal coverage of the interval of the difference of two independent tables: Newcombe's for the
        accuracy, else the normal law with DeLong's or the mean's variances (delta method for the RMSE).

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; ``detail`` holds the figure of both tables and ``n_reference``. No value
        where a table has one outcome only (AUC).

    Notes
    -----
    Limits: a gap may also come from another population or time, not from overfitting. Rows of training that occur in
    the evaluation table hide it. A training AUC of exactly 1 adds nothing to the variance.

    Not for: judging whether the model is good enough: one that learnt nothing has no gap.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, *The Elements of Statistical Learning*, 2nd ed., 2009, section 7.4; R. G.
    Newcombe, Statistics in Medicine 17 (1998) 873-890.
    """
    from audits.statistics.intervals import ends

    name = figures.chosen(subject.task, metric)
    tables = (subject.reference, subject.evaluation)
    trained, found = (
        figures.figure(table, name, which)
        for table, which in zip(tables, ("reference", "evaluation"), strict=True)
        if table is not None
    )
    method = "newcombe" if name == "accuracy" else "normal, independent tables"
    detail = {"metric": name, "reference": trained.value, "evaluation": found.value, "n_reference": trained.n}
    lack = trained.reason or found.reason
    if lack or trained.value is None or found.value is None:
        reason = f"In one of the tables {lack}."
        return Measurement(
            None, "loss of performance", None, None, confidence, found.n, method, detail=detail, reason=reason
        )
    value, interval = figures.worsening(trained, found, name, confidence)
    rows = [
        (label, part.value, *ends(figures.interval_of(part, name, confidence)), part.n)
        for label, part in ((gettext_noop("Training"), trained), (gettext_noop("Evaluation"), found))
    ]
    plot = intervals_plot(
        gettext_noop("On rows of training and on new rows"),
        gettext_noop("Table"),
        gettext_noop("Measured"),
        rows,
        more=COUNTED,
        note=name,
    )
    return Measurement(
        value,
        "loss of performance",
        *ends(interval),
        confidence,
        found.n,
        method,
        detail=detail,
        plots=(plot,),
    )


@check(
    "performance.out_of_time_gap",
    family="performance",
    needs=("labels", "time"),
    unit="loss of performance",
    better="lower",
    parameters=ALL | {"periods": {"type": "integer", "minimum": 2, "maximum": 24}},
    mend="Look at what changed over time (population, definitions, the market), then retrain on recent rows.",
    tasks=("binary", "multiclass", "regression"),
)
def out_of_time_gap(
    subject: CheckSubject, *, metric: str = "", periods: int = 4, confidence: float = 0.95
) -> Measurement:
    r"""By how much the model is worse in the latest stretch of time than in the earliest.

    .. math:: \Delta = A_\text{first} - A_\text{last} \ (\text{AUC, accuracy}), \qquad
              \Delta = L_\text{last} - L_\text{first} \ (\text{a loss})

    0: as good in the latest stretch as in the earliest; above 0: worse; below 0: better.

    Parameters
    ----------
    subject : evaluation table with ``target``, the model's answers and ``time``.
    metric : as for ``performance.overfit_gap``.
    periods : stretches of about as many rows each; days stay whole, so that fewer may come out.
    confidence : nominal coverage of the interval of the difference, as for ``performance.overfit_gap``.

    Returns
    -------
    Measurement
        ``n`` rows of both stretches; ``detail.periods`` holds first and last day, rows, figure and interval of each
        stretch. No value for fewer than two stretches, or where the first or last has one outcome only (AUC).

    Notes
    -----
    Limits: two stretches are compared; the ones between are shown, not tested. Rows of one person at several times are
    counted as independent. Days are those of the engine's time zone. Rows without a time are left out and counted.

    Not for: telling what changed (see the checks of drift).

    References
    ----------
    Board of Governors of the Federal Reserve System, SR 11-7 (2011), section V (outcomes analysis; superseded by SR 26-2
    on 2026-04-17); R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890.
    """
    from audits.statistics.intervals import ends
    from audits.tables.periods import periods as stretches

    name = figures.chosen(subject.task, metric)
    figures.require(subject.evaluation, name)
    cut, missing = stretches(subject.evaluation, periods)
    found = [figures.figure(part.table, name) for part in cut]
    rows = [
        (at, part.first, part.last, part.n, each.value, *ends(figures.interval_of(each, name, confidence)))
        for at, (part, each) in enumerate(zip(cut, found, strict=True), start=1)
    ]
    notes = [f"{missing} rows have no time and are left out."] if missing else []
    method = "newcombe" if name == "accuracy" else "normal, independent stretches"
    names = ("period", "first", "last", "n", "value", "low", "high")
    detail = {"metric": name, "periods": [dict(zip(names, row, strict=True)) for row in rows]}
    plot = Plot(
        "line",
        gettext_noop("Over time"),
        (
            PlotColumn(gettext_noop("Stretch"), "count"),
            PlotColumn(gettext_noop("First day"), "text"),
            PlotColumn(gettext_noop("Last day"), "text"),
            PlotColumn(gettext_noop("n"), "count"),
            PlotColumn(gettext_noop("Measured")),
            PlotColumn(gettext_noop("Low")),
            PlotColumn(gettext_noop("High")),
        ),
        tuple(rows),
        x="Stretch",
        y="Measured",
        low="Low",
        high="High",
        note=name,
    )
    reason = "" if len(found) > 1 else "The rows do not stretch over two days."
    if not reason and (lack := found[0].reason or found[-1].reason):
        reason = f"In the first or last stretch {lack}."
    n = found[0].n + found[-1].n if len(found) > 1 else sum(part.n for part in cut)
    if reason or found[0].value is None or found[-1].value is None:
        return Measurement(
            None,
            "loss of performance",
            None,
            None,
            confidence,
            n,
            method,
            notes=tuple(notes),
            detail=detail,
            reason=reason,
            plots=(plot,) if rows else (),
        )
    value, interval = figures.worsening(found[0], found[-1], name, confidence)
    return Measurement(
        value,
        "loss of performance",
        *ends(interval),
        confidence,
        n,
        method,
        notes=tuple(notes),
        detail=detail,
        plots=(plot,),
    )
