"""Do the scores mean what they say: of the cases scored 0.2, do two in ten turn out positive?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from audits.checks.contract import CheckSubject, Measurement, check

MEND = "Recalibrate the scores on rows that were not used for training (isotonic or Platt), and register a new version."


@check(
    "calibration.brier_score",
    family="calibration",
    needs=("labels", "scores"),
    unit="squared probability",
    better="lower",
    mend=MEND,
)
def brier_score(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean squared distance between score and outcome.

    .. math:: B = \frac1n \sum_i (s_i - y_i)^2

    0: each score is the outcome itself; 0.25: each score is 0.5; 1: each score is the opposite of the outcome.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the normal interval of the mean, cut to [0, 1].

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``base_rate`` and ``base_rate_score``, the Brier score of always scoring the base
        rate.

    References
    ----------
    G. W. Brier, Monthly Weather Review 78 (1950) 1-3.
    """
    from audits.statistics import calibration
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    loss = calibration.brier(cells.score, cells.positive, cells.negative, effective=cells.effective)
    interval = calibration.mean_interval(loss, cells.effective, confidence, (0.0, 1.0))
    rate = float(cells.positive.sum() / (cells.positive.sum() + cells.negative.sum()))
    notes = ("Scores were grouped into 65,536 bins.",) if cells.binned else ()
    detail = {"base_rate": rate, "base_rate_score": rate * (1.0 - rate)}
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measurement(
        loss.value, "squared probability", low, high, confidence, cells.n, "normal-mean", notes=notes, detail=detail
    )


@check(
    "calibration.expected_calibration_error",
    family="calibration",
    needs=("labels", "scores"),
    unit="probability",
    better="lower",
    parameters={
        "bins": {"type": "integer", "minimum": 2, "maximum": 100},
        "binning": {"enum": ["equal-width", "equal-mass"]},
    },
    mend=MEND,
)
def expected_calibration_error(
    subject: CheckSubject,
    *,
    bins: int = 10,
    binning: Literal["equal-width", "equal-mass"] = "equal-width",
    confidence: float = 0.95,
) -> Measurement:
    r"""Mean distance between score and observed rate over bins of the score.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} |\bar y_b - \bar s_b|

    0: in each bin the observed rate equals the mean score; 1: each score is 0 or 1 and wrong. It depends on the bins,
    which ``method`` names, and chance pushes it up when rows are few.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    bins, binning : number of bins; "equal-width" cuts [0, 1] evenly, "equal-mass" puts as many rows into each.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the counts by score.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``binning`` and the ``reliability`` rows (bin ends, n, mean score, observed rate
        with Wilson interval; rates of bins with fewer than three rows are not shown).

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; C. Guo et al., ICML 2017, arXiv:1706.04599.
    """
    from audits.statistics import calibration
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    value, rows = calibration.expected_calibration_error(
        cells.score, cells.positive, cells.negative, bins=bins, binning=binning
    )
    interval = calibration.calibration_interval(
        cells.score,
        cells.positive,
        cells.negative,
        effective=cells.effective,
        seed=subject.seed,
        bins=bins,
        binning=binning,
        confidence=confidence,
    )
    notes = ["Scores were grouped into 65,536 bins."] if cells.binned else []
    if any(row.n and row.observed is None for row in rows):
        notes.append("Rates of bins with fewer than three rows are not shown.")
    reliability = [asdict(row) | ({"n": None} if row.observed is None and row.n else {}) for row in rows]
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measurement(
        value,
        "probability",
        low,
        high,
        confidence,
        cells.n,
        f"{interval.method if interval else 'none'}, {binning}-{bins}",
        notes=tuple(notes),
        detail={"binning": f"{binning}-{bins}", "reliability": reliability},
    )
