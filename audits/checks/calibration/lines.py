"""Are the scores too high or too low as a whole, and too bold or too timid?"""

from __future__ import annotations

from audits.checks.calibration import diagram
from audits.checks.contract import CheckSubject, Measurement, check

MEND = "Recalibrate the scores on rows that were not used for training (isotonic or Platt), and register a new version."


@check(
    "calibration.calibration_in_the_large",
    family="calibration",
    needs=("labels", "scores"),
    unit="probability",
    better="none",
    mend=MEND,
)
def calibration_in_the_large(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Observed rate less mean score.

    .. math:: \bar y - \bar s

    0: as many positive cases as the scores say together; above 0: more (scores too low); below 0: fewer; 1 and -1 are
    its ends.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the normal interval of the mean of outcome less score, row by row.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``observed_rate``, ``mean_score``, ``ratio`` (observed over expected) and
        ``intercept``, by how much all log-odds would have to be moved; None with one outcome only.

    Notes
    -----
    Limits: scores too high for some and too low for others cancel. With a handful of positives the normal interval is
    too narrow.

    Not for: calibration within grades or bins (see ``calibration.hosmer_lemeshow``, ``calibration.
    pd_backtest_binomial``). As it is best in the middle, a policy bounds it on both sides, by two requirements.

    References
    ----------
    D. R. Cox, Biometrika 45 (1958) 562-565; B. Van Calster et al., BMC Medicine 17 (2019) 230.
    """
    import math

    from audits.statistics import calibration
    from audits.statistics.intervals import ends, normal_mean
    from audits.statistics.recalibration import logistic_intercept
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    counts = (cells.score, cells.positive, cells.negative)
    total = float(cells.positive.sum() + cells.negative.sum())
    rate = float(cells.positive.sum()) / total
    mean = float((cells.positive + cells.negative) @ cells.score) / total
    value = rate - mean
    square = float(cells.positive @ (1.0 - cells.score - value) ** 2 + cells.negative @ (cells.score + value) ** 2)
    n, interval = cells.effective, None
    if n > 1.0:
        interval = normal_mean(value, square / total * n / (n - 1.0), n, confidence, (-1.0, 1.0))
    intercept = logistic_intercept(*counts)
    _, rows = calibration.calibration_error(*counts)
    return Measurement(
        value,
        "probability",
        *ends(interval),
        confidence,
        cells.n,
        "normal-mean",
        notes=diagram.notes_of(rows, binned=cells.binned),
        detail={
            "observed_rate": rate,
            "mean_score": mean,
            "ratio": rate / mean if mean > 0.0 else None,
            "intercept": intercept if intercept is not None and math.isfinite(intercept) else None,
        },
        plots=(diagram.reliability_plot(rows),),
    )


@check(
    "calibration.calibration_slope",
    family="calibration",
    needs=("labels", "scores"),
    unit="slope",
    better="one",
    mend=MEND,
)
def calibration_slope(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Slope of outcomes on the scores' log-odds: whether scores are too bold or too timid.

    .. math:: \mathrm{logit}\,P(Y = 1) = a + b\,\mathrm{logit}(s)

    1: scores spread as far as outcomes do; below 1: too far (overfitted); above 1: not far enough; 0: scores say
    nothing.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``; scores are cut to [1e-12, 1 - 1e-12] first.
    confidence : nominal coverage of the normal (Wald) interval of the slope.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``intercept`` a (with the slope free), both standard errors and ``clipped_share``.
        No value where the likelihood has no maximum: one outcome or one score only, or one cut parts the outcomes.

    Notes
    -----
    Limits: a straight line on the log-odds; bends are not seen. Scores of exactly 0 and 1 lie far out after the cut,
    and a few of them decide the slope.

    Not for: scores too high or too low as a whole (see ``calibration.calibration_in_the_large``).

    References
    ----------
    D. R. Cox, Biometrika 45 (1958) 562-565; E. W. Steyerberg, *Clinical Prediction Models*, 2nd ed., 2019, chapter 15.
    """
    from audits.statistics import calibration
    from audits.statistics.intervals import ends
    from audits.statistics.recalibration import logistic_recalibration, slope_interval
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    counts = (cells.score, cells.positive, cells.negative)
    _, rows = calibration.calibration_error(*counts)
    notes, plots = diagram.notes_of(rows, binned=cells.binned), (diagram.reliability_plot(rows),)
    line = logistic_recalibration(*counts, effective=cells.effective)
    if line is None:
        reason = "The slope has no best value: one outcome or score only, or one cut on the score parts the outcomes."
        return Measurement(
            None, "slope", None, None, confidence, cells.n, "wald", notes=notes, reason=reason, plots=plots
        )
    if line.clipped:
        notes = (*notes, f"{line.clipped:.2%} of rows have a score of 0 or 1, which was moved inwards by 1e-12.")
    return Measurement(
        line.slope,
        "slope",
        *ends(slope_interval(line, confidence)),
        confidence,
        cells.n,
        "wald",
        notes=notes,
        detail={
            "intercept": line.intercept,
            "intercept_standard_error": line.intercept_error,
            "slope_standard_error": line.slope_error,
            "clipped_share": line.clipped,
        },
        plots=plots,
    )
