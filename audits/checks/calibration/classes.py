"""Do the probabilities of several classes mean what they say?"""

from __future__ import annotations

from typing import Literal

from audits.checks.calibration import diagram
from audits.checks.contract import COUNTED, CheckSubject, Measurement, check, gettext_noop, intervals_plot

MEND = "Recalibrate the probabilities of the classes on held-out rows (temperature, isotonic), and register a version."
PARAMETERS = {
    "bins": {"type": "integer", "minimum": 2, "maximum": 100},
    "binning": {"enum": ["equal-width", "equal-mass"]},
}

Binning = Literal["equal-width", "equal-mass"]


@check(
    "calibration.top_label_calibration_error",
    family="calibration",
    needs=("labels", "class-scores"),
    unit="probability",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
    tasks=("multiclass",),
)
def top_label_calibration_error(
    subject: CheckSubject, *, bins: int = 10, binning: Binning = "equal-width", confidence: float = 0.95
) -> Measurement:
    r"""Mean distance between the likeliest class's probability and how often that class is right, over bins.

    .. math:: \sum_b \frac{n_b}{n} |\mathrm{acc}_b - \mathrm{conf}_b|

    0: of the rows given 0.8, eight in ten are right; 1: each row is given 1 and is wrong.

    Parameters
    ----------
    subject : evaluation table of a multiclass model with ``target`` and ``class_scores``.
    bins, binning : bins of the largest probability; "equal-width" cuts [0, 1] evenly, "equal-mass" by rows.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the counts by probability.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``binning`` and the ``reliability`` rows.

    Notes
    -----
    Limits: only the likeliest class is looked at; the other probabilities may be anything. It depends on the bins and
    is pushed up by chance. Of equally likely classes the first by name is taken.

    Not for: decisions by the probability of one particular class (see ``calibration.
    classwise_calibration_error``).

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017, arXiv:1706.04599.
    """
    from audits.statistics import calibration
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells
    from audits.tables.classes import top_label

    cells = score_cells(top_label(subject.evaluation))
    counts = (cells.score, cells.positive, cells.negative)
    value, rows = calibration.calibration_error(*counts, bins=bins, binning=binning)
    interval = calibration.calibration_interval(
        *counts, effective=cells.effective, seed=subject.seed, bins=bins, binning=binning, confidence=confidence
    )
    return Measurement(
        value,
        "probability",
        *ends(interval),
        confidence,
        cells.n,
        f"{interval.method if interval else 'none'}, {binning}-{bins}",
        notes=diagram.notes_of(rows, binned=cells.binned),
        detail={"binning": f"{binning}-{bins}", "reliability": diagram.reliability_detail(rows)},
        plots=(diagram.reliability_plot(rows),),
    )


@check(
    "calibration.classwise_calibration_error",
    family="calibration",
    needs=("labels", "class-scores"),
    unit="probability",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
    tasks=("multiclass",),
)
def classwise_calibration_error(
    subject: CheckSubject, *, bins: int = 10, binning: Binning = "equal-width", confidence: float = 0.95
) -> Measurement:
    r"""Plain mean, over the classes, of each class's expected calibration error.

    .. math:: \frac1K \sum_k \sum_b \frac{n_{kb}}{n} |\bar y_{kb} - \bar s_{kb}|

    0: in each bin of each class's probability the observed rate equals the mean probability; 1: all wrong and certain.

    Parameters
    ----------
    subject : evaluation table of a multiclass model with ``target`` and ``class_scores``.
    bins, binning : bins of each class's probability.
    confidence : nominal coverage of each class's bias-corrected interval. The classes depend on each other; the means of
        the ends are taken, which is wide enough whatever the dependence of about normal errors.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``binning`` and each class's error, interval and rows.

    Notes
    -----
    Limits: with many classes most probabilities are near 0 and so are the distances. It depends on the bins and is
    pushed up by chance.

    Not for: comparing models with other numbers of classes.

    References
    ----------
    M. Kull et al., NeurIPS 2019, arXiv:1910.12656; J. Nixon et al., CVPR Workshops 2019, arXiv:1904.01685.
    """
    import math

    from audits.statistics import calibration
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells
    from audits.tables.classes import one_against_rest

    table = subject.evaluation
    found, binned = [], False
    for label, _ in table.roles.class_scores:
        cells = score_cells(one_against_rest(table, label))
        counts = (cells.score, cells.positive, cells.negative)
        value, _ = calibration.calibration_error(*counts, bins=bins, binning=binning)
        interval = calibration.calibration_interval(
            *counts, effective=cells.effective, seed=subject.seed, bins=bins, binning=binning, confidence=confidence
        )
        binned = binned or cells.binned
        found.append((label, value, *ends(interval), cells.n_positive))
    lows, highs = [row[2] for row in found], [row[3] for row in found]
    known = None not in lows and None not in highs
    plot = intervals_plot(
        gettext_noop("Calibration error of each class"),
        gettext_noop("Class"),
        gettext_noop("Calibration error"),
        found,
        more=COUNTED,
    )
    names = ("class", "error", "low", "high", "n")
    return Measurement(
        math.fsum(row[1] for row in found) / len(found),
        "probability",
        math.fsum(end for end in lows if end is not None) / len(found) if known else None,
        math.fsum(end for end in highs if end is not None) / len(found) if known else None,
        confidence,
        table.rows,
        f"mean of multinomial-resampling-bias-corrected, {binning}-{bins}",
        notes=(diagram.BINNED,) if binned else (),
        detail={"binning": f"{binning}-{bins}", "classes": [dict(zip(names, row, strict=True)) for row in found]},
        plots=(plot,),
    )
