"""How far are the scores from the outcomes, and what is that distance made of?"""

from __future__ import annotations

from audits.checks.calibration import diagram
from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

MEND = "Recalibrate the scores on rows that were not used for training (isotonic or Platt), and register a new version."
BINS = 10


@check(
    "calibration.brier_score",
    family="calibration",
    needs=("labels", "scores"),
    unit="squared probability",
    better="lower",
    mend=MEND,
)
def brier_score(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean squared distance between score and outcome, with what it is made of.

    .. math:: B = \frac1n \sum_i (s_i - y_i)^2 = \text{REL} - \text{RES} + \text{UNC} + \text{WBV} - 2\,\text{WBC}

    0: each score is the outcome itself; 0.25: each score is 0.5; 1: each score is the opposite of the outcome.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the normal interval of the mean, cut to [0, 1].

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``base_rate``, ``base_rate_score``, the Brier score of always scoring the base
        rate, and ``skill``, one less the ratio of both. ``detail.decomposition`` has Murphy's terms over 10 bins of
        equal width: ``reliability`` REL (distance of rates from scores; 0 is best), ``resolution`` RES (how far rates
        differ between bins), ``uncertainty`` UNC, and the two terms within bins, ``within_bin_variance`` WBV and
        ``within_bin_covariance`` WBC, with which the sum is exact; ``detail.by_distinct_score`` the same with each
        distinct score as a bin, where both are 0.

    Notes
    -----
    Limits: it mixes calibration and ranking, and is small wherever the outcome is rare. The reliability term is pushed
    up by chance, most where each distinct score is a bin.

    Not for: comparing populations with other base rates, unless by ``detail.skill``.

    References
    ----------
    G. W. Brier, Monthly Weather Review 78 (1950) 1-3; A. H. Murphy, Journal of Applied Meteorology 12 (1973) 595-600;
    D. B. Stephenson, C. A. S. Coelho, I. T. Jolliffe, Weather and Forecasting 23 (2008) 752-757.
    """
    from dataclasses import asdict

    from audits.statistics import calibration
    from audits.statistics.decomposition import decompose
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    counts = (cells.score, cells.positive, cells.negative)
    loss = calibration.brier(*counts, effective=cells.effective)
    interval = calibration.mean_interval(loss, cells.effective, confidence, (0.0, 1.0))
    rate = float(cells.positive.sum() / (cells.positive.sum() + cells.negative.sum()))
    base = rate * (1.0 - rate)
    edges = calibration.bin_edges(cells.score, cells.positive + cells.negative, BINS, "equal-width")
    terms = asdict(decompose(*counts, edges))
    names = {
        "reliability": gettext_noop("Reliability (added)"),
        "resolution": gettext_noop("Resolution (taken off)"),
        "uncertainty": gettext_noop("Uncertainty (added)"),
        "within_bin_variance": gettext_noop("Variance within bins (added)"),
        "within_bin_covariance": gettext_noop("Covariance within bins (taken off twice)"),
    }
    plot = Plot(
        "bars",
        gettext_noop("What the Brier score is made of"),
        (PlotColumn(gettext_noop("Term"), "text"), PlotColumn(gettext_noop("Value"))),
        tuple((names[term], terms[term]) for term in names),
        label="Term",
        value="Value",
    )
    _, rows = calibration.calibration_error(*counts, bins=BINS)
    return Measurement(
        loss.value,
        "squared probability",
        *ends(interval),
        confidence,
        cells.n,
        "normal-mean",
        notes=diagram.notes_of(rows, binned=cells.binned),
        detail={
            "base_rate": rate,
            "base_rate_score": base,
            "skill": 1.0 - loss.value / base if base > 0.0 else None,
            "decomposition": terms | {"binning": f"equal-width-{BINS}"},
            "by_distinct_score": asdict(decompose(*counts)),
        },
        plots=(plot, diagram.reliability_plot(rows)),
    )
