"""How often are decisions and predicted classes right, and on which side do they err?"""

from __future__ import annotations

from typing import Any

from audits.checks.contract import CheckSubject, Measurement, check
from audits.checks.performance import confusions

MEND = (
    "Look at which rows are decided wrongly (segments, threshold, label quality), then move the threshold or retrain."
)
DECIDED = ("labels", "selection")


@check(
    "performance.accuracy",
    family="performance",
    needs=("labels", "predictions"),
    unit="share",
    better="higher",
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def accuracy(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows whose predicted class or decision is the outcome.

    .. math:: \frac1n \sum_i 1[\hat y_i = y_i]

    0: each row is wrong; 1: each row is right; ``detail.commonest_share`` is what always predicting the commonest
    outcome would give.

    Parameters
    ----------
    subject : evaluation table with ``target`` and predictions.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the confusion matrix and ``commonest_share``.

    Notes
    -----
    Limits: where one outcome is rare, always predicting the other gives a high figure.

    Not for: decisions whose two errors cost differently (see ``performance.expected_cost``).

    References
    ----------
    ``sklearn.metrics.accuracy_score``; E. B. Wilson, JASA 22 (1927) 209-212.
    """
    from audits.tables.classes import confusion

    found = confusion(subject.evaluation)
    commonest = float(found.weight.sum(axis=1).max() / found.weight.sum())
    return _rate(subject, "accuracy", confidence, "", {"commonest_share": commonest})


@check(
    "performance.balanced_accuracy",
    family="performance",
    needs=("labels", "predictions"),
    unit="share",
    better="higher",
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def balanced_accuracy(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Plain mean, over the outcomes that occur, of the share of rows with that outcome that are predicted so.

    .. math:: \frac1K \sum_k P(\hat Y = k \mid Y = k)

    1: each row is right; 1/K: predictions do not depend on the outcome; 0: each row is wrong.

    Parameters
    ----------
    subject : evaluation table with ``target`` and predictions.
    confidence : nominal coverage of the interval that MOVER makes of Wilson's interval of each recall.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the confusion matrix. No value where only one outcome occurs.

    Notes
    -----
    Limits: a class of three rows weighs as much as one of three thousand, and widens the interval accordingly.

    Not for: the share of decisions that will be right (see ``performance.accuracy``).

    References
    ----------
    ``sklearn.metrics.balanced_accuracy_score``; K. H. Brodersen et al., ICPR 2010; G. Y. Zou, A. Donner, Statistics in
    Medicine 27 (2008) 1693-1702.
    """
    from audits.checks.contract import gettext_noop
    from audits.statistics.decisions import balanced_accuracy as measured
    from audits.statistics.decisions import recalls
    from audits.statistics.intervals import ends, holding
    from audits.tables.classes import confusion

    found = confusion(subject.evaluation)
    shares = recalls(found.weight, found.square, found.n, confidence)
    if sum(part.value is not None for part in shares) < 2:
        reason = "Only one outcome occurs: there is nothing to balance."
        return confusions.no_value(found, "share", confidence, "mover-wilson", reason)
    value, interval = measured(shares)
    return Measurement(
        value,
        "share",
        *ends(holding(value, interval)),
        confidence,
        found.rows,
        "mover-wilson",
        detail=confusions.counts(found),
        plots=(confusions.grid(found), confusions.by_class(found, shares, gettext_noop("Recall by class"))),
    )


@check("performance.precision", family="performance", needs=DECIDED, unit="share", better="higher", mend=MEND)
def precision(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of selected rows whose outcome is 1 (positive predictive value).

    .. math:: \frac{TP}{TP + FP}

    0: no selected row is positive; 1: each is.

    Parameters
    ----------
    subject : evaluation table with ``target``, and a score with threshold or a decision column.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows selected; ``detail`` holds the confusion matrix. No value where nobody is selected (0/0).

    Notes
    -----
    Limits: it moves with the base rate; the same model has another precision in another population.

    Not for: telling how many positives are missed (see ``performance.recall``).

    References
    ----------
    ``sklearn.metrics.precision_score``; C. J. van Rijsbergen, *Information Retrieval*, 1979, chapter 7.
    """
    return _rate(subject, "precision", confidence, "No row is selected: precision is 0/0.", {})


@check("performance.recall", family="performance", needs=DECIDED, unit="share", better="higher", mend=MEND)
def recall(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows with outcome 1 that are selected (sensitivity, true positive rate).

    .. math:: \frac{TP}{TP + FN}

    0: no positive is selected; 1: each is.

    Parameters
    ----------
    subject : evaluation table with ``target``, and a score with threshold or a decision column.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows with outcome 1; ``detail`` holds the confusion matrix. No value without positives (0/0).

    Notes
    -----
    Limits: selecting everybody gives 1.

    Not for: use alone; read it beside ``performance.precision`` or ``performance.specificity``.

    References
    ----------
    ``sklearn.metrics.recall_score``; E. B. Wilson, JASA 22 (1927) 209-212.
    """
    return _rate(subject, "recall", confidence, "No row has outcome 1: recall is 0/0.", {})


@check("performance.specificity", family="performance", needs=DECIDED, unit="share", better="higher", mend=MEND)
def specificity(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of rows with outcome 0 that are not selected (true negative rate).

    .. math:: \frac{TN}{TN + FP}

    0: each negative is selected; 1: none is.

    Parameters
    ----------
    subject : evaluation table with ``target``, and a score with threshold or a decision column.
    confidence : nominal coverage of Wilson's interval.

    Returns
    -------
    Measurement
        ``n`` rows with outcome 0; ``detail`` holds the confusion matrix. No value without negatives (0/0).

    Notes
    -----
    Limits: selecting nobody gives 1.

    Not for: use alone; read it beside ``performance.recall``.

    References
    ----------
    ``sklearn.metrics.recall_score`` with ``pos_label=0``; J. Yerushalmy, Public Health Reports 62 (1947) 1432-1449.
    """
    return _rate(subject, "specificity", confidence, "No row has outcome 0: specificity is 0/0.", {})


@check("performance.f1", family="performance", needs=DECIDED, unit="score", better="higher", mend=MEND)
def f1(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Harmonic mean of precision and recall.

    .. math:: F_1 = \frac{2\,TP}{2\,TP + FP + FN} = \frac{2J}{1 + J}, \qquad J = \frac{TP}{TP + FP + FN}

    0: no positive is selected; 1: exactly the positives are.

    Parameters
    ----------
    subject : evaluation table with ``target``, and a score with threshold or a decision column.
    confidence : nominal coverage of Wilson's interval for J, carried over: given how many rows are positive or
        selected, the true positives among them are binomial, and F1 rises with J.

    Returns
    -------
    Measurement
        ``n`` rows that are positive or selected; ``detail`` holds the confusion matrix. No value where there are none
        (0/0).

    Notes
    -----
    Limits: true negatives do not count, and precision and recall weigh alike whatever their errors cost. Where nobody
    is selected but positives exist it is 0, as in scikit-learn.

    Not for: comparing populations with other base rates.

    References
    ----------
    ``sklearn.metrics.f1_score``; K. Takahashi et al., Applied Intelligence 52 (2022) 4961-4972 (another
    interval of F1, by the delta method).
    """
    return _rate(subject, "jaccard", confidence, "No row is positive or selected: F1 is 0/0.", {})


@check("performance.mcc", family="performance", needs=DECIDED, unit="correlation", better="higher", mend=MEND)
def mcc(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Matthews correlation coefficient of decisions and outcomes.

    .. math:: \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP+FP)(TP+FN)(TN+FP)(TN+FN)}}

    1: each row is right; 0: decisions do not depend on the outcome; -1: each row is wrong.

    Parameters
    ----------
    subject : evaluation table with ``target``, and a score with threshold or a decision column.
    confidence : nominal coverage of the percentile interval over multinomial draws of the four cells.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the confusion matrix. No value where all outcomes or all decisions are of one kind
        (0/0; scikit-learn returns 0 there).

    Notes
    -----
    Limits: an empty cell would never be drawn; half a case is added to it, for the draws only.

    Not for: decisions whose two errors cost differently (see ``performance.expected_cost``).

    References
    ----------
    ``sklearn.metrics.matthews_corrcoef``; B. W. Matthews, Biochimica et Biophysica Acta 405 (1975) 442-451.
    """
    import math

    from audits.statistics.decisions import matthews, resampled
    from audits.statistics.intervals import ends, holding
    from audits.tables.classes import confusion

    found = confusion(subject.evaluation)
    method = "multinomial-resampling-percentile"
    value = float(matthews(found.weight))
    if math.isnan(value):
        reason = "All outcomes or all decisions are of one kind: the correlation is 0/0."
        return confusions.no_value(found, "correlation", confidence, method, reason)
    interval = resampled(found.scaled, "matthews", seed=subject.seed, confidence=confidence)
    return Measurement(
        value,
        "correlation",
        *ends(holding(value, interval)),
        confidence,
        found.rows,
        method,
        detail=confusions.counts(found),
        plots=(confusions.grid(found),),
    )


def _rate(subject: CheckSubject, name: str, confidence: float, none: str, detail: dict[str, Any]) -> Measurement:
    from audits.statistics.decisions import f1_of, of_confusion
    from audits.tables.classes import confusion

    found = confusion(subject.evaluation)
    part = of_confusion(found.weight, found.square, found.n, name, confidence)
    unit = "score" if name == "jaccard" else "share"
    if part.value is None or part.interval is None:
        return confusions.no_value(found, unit, confidence, "wilson", none)
    value, low, high = part.value, part.interval.low, part.interval.high
    method = "wilson"
    if name == "jaccard":
        value, low, high = f1_of(value), f1_of(low), f1_of(high)
        method = "wilson-of-jaccard"
    return Measurement(
        value,
        unit,
        min(low, value),
        max(high, value),
        confidence,
        part.n,
        method,
        detail=detail | confusions.counts(found),
        plots=(confusions.grid(found),),
    )
