"""What is gained by working down the list from the highest score?"""

from __future__ import annotations

from typing import Any

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

PART = {"part": {"type": "number", "minimum": 0.001, "maximum": 0.999}}
MEND = "Look at which positive cases are ranked low (segments, missing features, label quality), then retrain."
NO_POSITIVES = "No row has outcome 1: there is nothing to find."
METHOD = "multinomial-resampling-percentile"


@check(
    "performance.gain",
    family="performance",
    needs=("labels", "scores"),
    unit="share",
    better="higher",
    parameters=PART,
    mend=MEND,
)
def gain(subject: CheckSubject, *, part: float = 0.1, confidence: float = 0.95) -> Measurement:
    r"""Share of all positive cases that are found among the best-scored part of the rows.

    .. math:: G(q) = P(S \ge t_q \mid Y = 1), \qquad P(S \ge t_q) = q

    1: all positives are in that part; q: scores do not rank; 0: none is.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    part : q, the share of rows looked at, from the highest score down.
    confidence : nominal coverage of the percentile interval over multinomial draws of the counts by score (Wilson's
        over the positives where the value is 0 or 1).

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``part``, ``n_positive`` and the gain and lift of each tenth. No value without
        positives.

    Notes
    -----
    Limits: rows that share the score at the cut are counted by the fraction needed to reach exactly q, as if drawn at
    random. The interval lets the cut move with the sample. Above 1,000 distinct scores it is drawn from 1,000 groups
    of neighbouring scores.

    Not for: decisions by a fixed threshold, for which ``performance.recall`` is the share that is found.

    References
    ----------
    J. R. Ash, J. M. Hughes-Oliver, Journal of Cheminformatics 14 (2022) 50; D. Hand, *Construction and Assessment of
    Classification Rules*, 1997.
    """
    return _measure(subject, part, confidence, "share")


@check(
    "performance.lift",
    family="performance",
    needs=("labels", "scores"),
    unit="ratio",
    better="higher",
    parameters=PART,
    mend=MEND,
)
def lift(subject: CheckSubject, *, part: float = 0.1, confidence: float = 0.95) -> Measurement:
    r"""How many times more positive cases the best-scored part of the rows holds than the same part drawn at random.

    .. math:: L(q) = \frac{P(Y = 1 \mid S \ge t_q)}{P(Y = 1)} = \frac{G(q)}{q}

    1: scores do not rank; 1/q: all positives are in that part; 0: none is.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    part : q, the share of rows looked at, from the highest score down.
    confidence : nominal coverage of the interval, that of ``performance.gain`` divided by q.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` as for ``performance.gain``. No value without positives.

    Notes
    -----
    Limits: it cannot exceed 1/q nor the inverse of the base rate, so that figures from populations with other base
    rates do not compare. Rows that share the score at the cut count by fraction.

    Not for: stating how many cases are found (see ``performance.gain``).

    References
    ----------
    M. J. A. Berry, G. S. Linoff, *Data Mining Techniques*, 2nd ed., Wiley, 2004.
    """
    return _measure(subject, part, confidence, "ratio")


def _measure(subject: CheckSubject, part: float, confidence: float, unit: str) -> Measurement:
    from audits.statistics.ranking import gain_at, gain_interval
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    detail: dict[str, Any] = {"part": part, "n_positive": cells.n_positive}
    if not cells.n_positive:
        return Measurement(None, unit, None, None, confidence, cells.n, METHOD, detail=detail, reason=NO_POSITIVES)
    found = gain_at(cells.positive, cells.negative, part)
    interval = gain_interval(
        cells.positive, cells.negative, part, effective=cells.effective, seed=subject.seed, confidence=confidence
    )
    scale = 1.0 if unit == "share" else part
    low, high = (interval.low / scale, interval.high / scale) if interval else (None, None)
    steps = [gain_at(cells.positive, cells.negative, at / 20) for at in range(1, 20)]
    rows = [(0.0, 0.0, None), *((step.part, step.gain, step.lift) for step in steps), (1.0, 1.0, 1.0)]
    return Measurement(
        found.gain / scale,
        unit,
        low,
        high,
        confidence,
        cells.n,
        interval.method if interval else METHOD,
        notes=("Scores were grouped into 65,536 bins.",) if cells.binned else (),
        detail=detail | {"steps": [{"part": row[0], "gain": row[1], "lift": row[2]} for row in rows]},
        plots=(_plot(rows, unit),),
    )


def _plot(rows: list[tuple[float, float, float | None]], unit: str) -> Plot:
    columns = (
        PlotColumn(gettext_noop("Part of rows, best scores first"), "share"),
        PlotColumn(gettext_noop("Positives found"), "share"),
        PlotColumn(gettext_noop("Lift")),
    )
    if unit == "share":
        return Plot(
            "line",
            gettext_noop("Cumulative gain"),
            columns,
            tuple(rows),
            x="Part of rows, best scores first",
            y="Positives found",
            diagonal=True,
            scale=(0.0, 1.0),
        )
    return Plot("line", gettext_noop("Lift"), columns, tuple(rows[1:]), x="Part of rows, best scores first", y="Lift")
