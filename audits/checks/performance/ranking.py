"""How well do the scores rank: are positive cases above negative ones?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop

if TYPE_CHECKING:
    from audits.statistics.auc import Auc
    from audits.tables.aggregates import ScoreCells

MEND_RANKING = "Look at which rows are ranked wrongly (segments, missing features, label quality), then retrain."
ONE_KIND = "All outcomes are of one kind: there is nothing to rank."


@check(
    "performance.roc_auc",
    family="performance",
    needs=("labels", "scores"),
    unit="probability",
    better="higher",
    mend=MEND_RANKING,
)
def roc_auc(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Area under the ROC curve: the chance that a random positive case scores above a random negative one.

    .. math:: A = P(S_1 > S_0) + \tfrac12 P(S_1 = S_0)

    1: every positive above every negative; 0.5: scores do not rank; 0: exactly reversed.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of DeLong's interval (plain scale, cut to [0, 1]).

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``n_positive``, ``n_negative``, ``standard_error`` and at most 200 ROC points
        [false positive rate, true positive rate, threshold]. No value with one class only; no interval for an AUC of
        exactly 0 or 1, whose estimated variance is zero.

    Notes
    -----
    Limits: it weighs all thresholds alike, also those nobody would use, and says nothing about the size of the scores.
    With few positives the interval is wide and near 1 its plain scale covers less than it promises.

    Not for: choosing a threshold, or telling whether a score of 0.2 means two in ten (see ``calibration``); comparing
    two versions on the same rows, for which ``comparison.delong_difference`` uses that they are paired.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    from audits.statistics.auc import auc_interval
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    detail: dict[str, object] = {"n_positive": cells.n_positive, "n_negative": cells.n_negative}
    if not (cells.n_positive and cells.n_negative):
        return Measurement(
            None, "probability", None, None, confidence, cells.n, "delong", detail=detail, reason=ONE_KIND
        )
    found = _auc(cells)
    interval = auc_interval(found, confidence)
    points = _roc(cells)
    detail |= {"standard_error": math.sqrt(found.variance) if found.variance >= 0.0 else None, "roc": points}
    notes = _notes(cells, found)
    if interval is None:
        notes.append("No interval: the variance of this AUC cannot be estimated from these rows.")
    return Measurement(
        found.value,
        "probability",
        *ends(interval),
        confidence,
        cells.n,
        "delong",
        notes=tuple(notes),
        detail=detail,
        plots=(roc_plot(points),),
    )


@check(
    "performance.gini",
    family="performance",
    needs=("labels", "scores"),
    unit="coefficient",
    better="higher",
    mend=MEND_RANKING,
)
def gini(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Gini coefficient of the scores (accuracy ratio, Somers' D of scores given outcomes): twice the AUC less one.

    .. math:: G = 2A - 1

    1: every positive above every negative; 0: scores do not rank; -1: exactly reversed.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of DeLong's interval, doubled.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``n_positive`` and ``n_negative``. No value with one class only; no interval for
        a coefficient of exactly -1 or 1.

    Notes
    -----
    Limits: the same number as the AUC on another scale, with the same limits. It depends on the mix of cases: two
    portfolios scored by one model may differ in it.

    Not for: comparing models measured on different populations, or the Gini of an income distribution, which is
    another quantity.

    References
    ----------
    Basel Committee on Banking Supervision, *Studies on the Validation of Internal Rating Systems*,
    Working Paper 14, revised May 2005 (accuracy ratio).
    """
    from audits.statistics.auc import auc_interval
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    detail = {"n_positive": cells.n_positive, "n_negative": cells.n_negative}
    if not (cells.n_positive and cells.n_negative):
        return Measurement(
            None, "coefficient", None, None, confidence, cells.n, "delong", detail=detail, reason=ONE_KIND
        )
    found = _auc(cells)
    interval = auc_interval(found, confidence)
    low, high = (2.0 * interval.low - 1.0, 2.0 * interval.high - 1.0) if interval else (None, None)
    return Measurement(
        2.0 * found.value - 1.0,
        "coefficient",
        low,
        high,
        confidence,
        cells.n,
        "delong",
        notes=tuple(_notes(cells, found)),
        detail=detail,
        plots=(roc_plot(_roc(cells)),),
    )


@check(
    "performance.average_precision",
    family="performance",
    needs=("labels", "scores"),
    unit="probability",
    better="higher",
    mend=MEND_RANKING,
)
def average_precision(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Average precision: the mean, over positive cases, of the precision among all cases scored as high or higher.

    .. math:: AP = \sum_k (R_k - R_{k-1}) P_k

    1: every positive above every negative; ``detail.base_rate``: scores do not rank; near 0: exactly reversed, with few
    positives.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the interval on the logit scale, whose variance is that of each row's influence.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``n_positive``, ``base_rate``, ``standard_error`` and at most 200 points
        [recall, precision, threshold]. No value without positives; no interval at exactly 1.

    Notes
    -----
    Limits: its floor is the base rate, so that figures from populations with other base rates do not compare. The
    step-wise sum is taken, which never interpolates between points. With few positives the interval is somewhat narrow
    (93 % instead of 95 % at 60 positives of 200 rows).

    Not for: saying how good a chosen threshold is (see ``performance.precision``, ``performance.recall``).

    References
    ----------
    ``sklearn.metrics.average_precision_score``; K. Boyd, K. H. Eng, C. D. Page, ECML PKDD 2013 (logit scale);
    J. Davis, M. Goadrich, ICML 2006.
    """
    from audits.statistics.intervals import ends
    from audits.statistics.ranking import average_precision as measured
    from audits.statistics.ranking import precision_interval, precision_points
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    method = "influence-logit"
    if not cells.n_positive:
        reason = "No row has outcome 1: precision is 0/0."
        return Measurement(None, "probability", None, None, confidence, cells.n, method, reason=reason)
    found = measured(cells.positive, cells.negative, effective=cells.effective)
    points = precision_points(cells.score, cells.positive, cells.negative)
    base = float(cells.positive.sum() / (cells.positive.sum() + cells.negative.sum()))
    plot = Plot(
        "line",
        gettext_noop("Precision and recall"),
        (
            PlotColumn(gettext_noop("Recall"), "share"),
            PlotColumn(gettext_noop("Precision"), "share"),
            PlotColumn(gettext_noop("Threshold")),
        ),
        tuple(tuple(point) for point in points),
        x="Recall",
        y="Precision",
        scale=(0.0, 1.0),
    )
    return Measurement(
        found.value,
        "probability",
        *ends(precision_interval(found, confidence)),
        confidence,
        cells.n,
        method,
        notes=tuple(_grouped(cells)),
        detail={
            "n_positive": cells.n_positive,
            "base_rate": base,
            "standard_error": math.sqrt(found.variance),
            "precision_recall": points,
        },
        plots=(plot,),
    )


@check(
    "performance.ks",
    family="performance",
    needs=("labels", "scores"),
    unit="probability",
    better="higher",
    mend=MEND_RANKING,
)
def ks(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Kolmogorov-Smirnov separation: the largest distance between the score distributions of both outcomes.

    .. math:: KS = \max_t |F_0(t) - F_1(t)|

    1: one score parts positives from negatives wholly; 0: both outcomes are scored alike.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of the counts by score.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``score_at_maximum``, ``n_positive`` and ``n_negative``. No value with one class
        only.

    Notes
    -----
    Limits: it looks at one point of the score alone, and chance pushes it up when rows are few; the lower end of the
    interval allows for that, not wholly (at 95 % it lay above the truth in three to six samples of a hundred). The sign
    is not kept: scores that rank the wrong way separate as well as those that rank the right way.

    Not for: drift between two tables (see the checks of drift), or judging how scores rank away from that one point.

    References
    ----------
    ``scipy.stats.ks_2samp``; F. J. Massey, JASA 46 (1951) 68-78.
    """
    from audits.statistics import ranking
    from audits.statistics.intervals import ends
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    method = "multinomial-resampling-bias-corrected"
    detail: dict[str, Any] = {"n_positive": cells.n_positive, "n_negative": cells.n_negative}
    if not (cells.n_positive and cells.n_negative):
        reason = "All outcomes are of one kind: there is nothing to separate."
        return Measurement(None, "probability", None, None, confidence, cells.n, method, detail=detail, reason=reason)
    value, at = ranking.kolmogorov_smirnov(cells.positive, cells.negative)
    interval = ranking.kolmogorov_smirnov_interval(
        cells.positive, cells.negative, effective=cells.effective, seed=subject.seed, confidence=confidence
    )
    points = ranking.distribution_points(cells.score, cells.positive, cells.negative)
    sides = (gettext_noop("Outcome 0"), gettext_noop("Outcome 1"))
    plot = Plot(
        "line",
        gettext_noop("Share of each outcome scored at or below"),
        (
            PlotColumn(gettext_noop("Score")),
            PlotColumn(gettext_noop("Share at or below"), "share"),
            PlotColumn(gettext_noop("Outcome"), "text"),
        ),
        tuple((point[0], point[1 + side], sides[side]) for side in (0, 1) for point in points),
        x="Score",
        y="Share at or below",
        series="Outcome",
        scale=(0.0, 1.0),
    )
    return Measurement(
        value,
        "probability",
        *ends(interval),
        confidence,
        cells.n,
        method,
        notes=tuple(_grouped(cells)),
        detail=detail | {"score_at_maximum": float(cells.score[at])},
        plots=(plot,),
    )


def roc_plot(points: list[list[float]]) -> Plot:
    """Draw a ROC curve from its points [false positive rate, true positive rate, threshold]."""
    return Plot(
        "line",
        gettext_noop("ROC curve"),
        (
            PlotColumn(gettext_noop("False positive rate"), "share"),
            PlotColumn(gettext_noop("True positive rate"), "share"),
            PlotColumn(gettext_noop("Threshold")),
        ),
        tuple(tuple(point) for point in points),
        x="False positive rate",
        y="True positive rate",
        diagonal=True,
        scale=(0.0, 1.0),
    )


def _auc(cells: ScoreCells) -> Auc:
    from audits.statistics.auc import auc_delong

    return auc_delong(
        cells.positive,
        cells.negative,
        effective_positive=cells.effective_positive,
        effective_negative=cells.effective_negative,
    )


def _roc(cells: ScoreCells) -> list[list[float]]:
    from audits.statistics.auc import roc_points

    return roc_points(cells.score, cells.positive, cells.negative)


def _notes(cells: ScoreCells, found: Auc) -> list[str]:
    if not cells.binned:
        return []
    return [f"Scores were grouped into 65,536 bins, which moves the value by at most {found.tie_error:.1e}."]


def _grouped(cells: ScoreCells) -> list[str]:
    return ["Scores were grouped into 65,536 bins."] if cells.binned else []
