"""How far are scores from observed rates, over bins of the score?"""

from __future__ import annotations

from typing import Literal

from audits.checks.calibration import diagram
from audits.checks.contract import CheckSubject, Measurement, check

MEND = "Recalibrate the scores on rows that were not used for training (isotonic or Platt), and register a new version."
BINS = {"type": "integer", "minimum": 2, "maximum": 100}
BINNING = {"enum": ["equal-width", "equal-mass"]}

Binning = Literal["equal-width", "equal-mass"]
Kind = Literal["expected", "adaptive", "maximum"]


@check(
    "calibration.expected_calibration_error",
    family="calibration",
    needs=("labels", "scores"),
    unit="probability",
    better="lower",
    parameters={"bins": BINS, "binning": BINNING},
    mend=MEND,
)
def expected_calibration_error(
    subject: CheckSubject, *, bins: int = 10, binning: Binning = "equal-width", confidence: float = 0.95
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

    Notes
    -----
    Limits: another number or kind of bins gives another value, so that only figures with the same ``method`` compare.
    Errors of opposite sign within a bin cancel. With few rows a well calibrated model has a value well above 0.

    Not for: telling whether a deviation could be chance (see ``calibration.hosmer_lemeshow``,
    ``calibration.spiegelhalter``).

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; C. Guo et al., ICML 2017, arXiv:1706.04599.
    """
    return _measure(subject, "expected", bins, binning, confidence)


@check(
    "calibration.adaptive_calibration_error",
    family="calibration",
    needs=("labels", "scores"),
    unit="probability",
    better="lower",
    parameters={"bins": BINS},
    mend=MEND,
)
def adaptive_calibration_error(subject: CheckSubject, *, bins: int = 10, confidence: float = 0.95) -> Measurement:
    r"""Plain mean, over bins of about as many rows each, of the distance between score and observed rate.

    .. math:: \mathrm{ACE} = \frac1B \sum_b |\bar y_b - \bar s_b|

    0: in each bin the observed rate equals the mean score; 1: each score is 0 or 1 and wrong.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    bins : number of bins asked for; equal scores stay together, so that fewer may come out.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the counts by score.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``binning`` and the ``reliability`` rows, as ``calibration.
        expected_calibration_error``.

    Notes
    -----
    Limits: where many rows share a score the bins hold unlike numbers of rows and still weigh alike. Chance pushes it
    up when rows are few.

    Not for: comparing with figures over bins of equal width.

    References
    ----------
    J. Nixon, M. W. Dusenberry, L. Zhang, G. Jerfel, D. Tran, CVPR Workshops 2019, arXiv:1904.01685 (for one class).
    """
    return _measure(subject, "adaptive", bins, "equal-mass", confidence)


@check(
    "calibration.maximum_calibration_error",
    family="calibration",
    needs=("labels", "scores"),
    unit="probability",
    better="lower",
    parameters={"bins": BINS, "binning": BINNING},
    mend=MEND,
)
def maximum_calibration_error(
    subject: CheckSubject, *, bins: int = 10, binning: Binning = "equal-mass", confidence: float = 0.95
) -> Measurement:
    r"""Largest distance between score and observed rate in any bin of the score.

    .. math:: \mathrm{MCE} = \max_b |\bar y_b - \bar s_b|

    0: in each bin the observed rate equals the mean score; 1: in some bin each score is 0 or 1 and wrong.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    bins, binning : number of bins; "equal-mass" puts about as many rows into each, "equal-width" cuts [0, 1] evenly.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the counts by score.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``binning``, the ``reliability`` rows, and ``worst_bin`` with its place among them.

    Notes
    -----
    Limits: the bin with the fewest rows usually decides it; bins of equal width may hold a handful of rows, which is
    why equal mass is the default here. Chance pushes it up strongly.

    Not for: a figure to follow over time, unless each table has about as many rows.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015; C. Guo et al., ICML 2017, arXiv:1706.04599.
    """
    return _measure(subject, "maximum", bins, binning, confidence)


def _measure(subject: CheckSubject, kind: Kind, bins: int, binning: Binning, confidence: float) -> Measurement:
    from audits.statistics import calibration
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    value, rows = calibration.calibration_error(
        cells.score, cells.positive, cells.negative, bins=bins, binning=binning, kind=kind
    )
    interval = calibration.calibration_interval(
        cells.score,
        cells.positive,
        cells.negative,
        effective=cells.effective,
        seed=subject.seed,
        bins=bins,
        binning=binning,
        kind=kind,
        confidence=confidence,
    )
    detail: dict[str, object] = {
        "binning": f"{binning}-{bins}",
        "reliability": diagram.reliability_detail(rows),
    }
    if kind == "maximum":
        apart = [
            abs(row.observed - row.mean_score) if row.observed is not None and row.mean_score is not None else -1.0
            for row in rows
        ]
        detail["worst_bin"] = apart.index(max(apart)) if max(apart) >= 0.0 else None
    return Measurement(
        value,
        "probability",
        *ends(interval),
        confidence,
        cells.n,
        f"{interval.method if interval else 'none'}, {binning}-{bins}",
        notes=diagram.notes_of(rows, binned=cells.binned),
        detail=detail,
        plots=(diagram.reliability_plot(rows),),
    )
