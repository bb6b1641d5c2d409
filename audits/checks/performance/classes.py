"""How well does a model of several classes predict each of them?"""

from __future__ import annotations

from audits.checks.contract import COUNTED, CheckSubject, Measurement, check, gettext_noop, intervals_plot
from audits.checks.performance import confusions

MEND = "Look at which classes are taken for which in the confusion matrix, then mend labels or features and retrain."
DRAWS = "multinomial-resampling-percentile"


@check(
    "performance.macro_f1",
    family="performance",
    needs=("labels", "predictions"),
    unit="score",
    better="higher",
    mend=MEND,
    tasks=("multiclass",),
)
def macro_f1(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Plain mean of F1 over the classes that occur or are predicted.

    .. math:: \frac1K \sum_k \frac{2\,TP_k}{2\,TP_k + FP_k + FN_k}

    0: no row is right; 1: each row is right.

    Parameters
    ----------
    subject : evaluation table of a multiclass model with ``target`` and predictions.
    confidence : nominal coverage of the percentile interval over multinomial draws of the confusion matrix.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the confusion matrix.

    Notes
    -----
    Limits: a rare class weighs as much as a common one; in draws where a class is absent the mean is over the others.
    Where each row is right the interval has no width.

    Not for: the share of predictions that will be right (see ``performance.accuracy``).

    References
    ----------
    ``sklearn.metrics.f1_score`` with ``average="macro"``; J. Opitz, S. Burst, arXiv:1911.03347 (two readings of the
    name; this is the mean of F1).
    """
    return _of_matrix(subject, "macro_f1", "score", confidence)


@check(
    "performance.cohen_kappa",
    family="performance",
    needs=("labels", "predictions"),
    unit="coefficient",
    better="higher",
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def cohen_kappa(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Cohen's kappa: how far predictions and outcomes agree beyond what their shares alone would give.

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}

    1: each row is right; 0: no more agreement than by chance; below 0: less.

    Parameters
    ----------
    subject : evaluation table with ``target`` and predictions.
    confidence : nominal coverage of the percentile interval over multinomial draws of the confusion matrix.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the confusion matrix. No value where all outcomes and predictions are one class
        (0/0).

    Notes
    -----
    Limits: it depends on how common the classes are; the same recalls give another kappa in another population.

    Not for: ordered classes, where near misses should count less than far ones.

    References
    ----------
    ``sklearn.metrics.cohen_kappa_score``; J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46.
    """
    return _of_matrix(subject, "kappa", "coefficient", confidence)


@check(
    "performance.multiclass_roc_auc",
    family="performance",
    needs=("labels", "class-scores"),
    unit="probability",
    better="higher",
    mend=MEND,
    tasks=("multiclass",),
)
def multiclass_roc_auc(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Plain mean, over the classes, of the area under the ROC curve of one class against the rest.

    .. math:: \frac1K \sum_k P(S_k \text{ of a row of class } k > S_k \text{ of another row}) + \tfrac12 P(\text{equal})

    1: each class is ranked above the rest by its own score; 0.5: scores do not rank; 0: exactly reversed.

    Parameters
    ----------
    subject : evaluation table of a multiclass model with ``target`` and ``class_scores``.
    confidence : nominal coverage of the interval. The areas of the classes depend on each other; the mean of their
        DeLong standard errors is taken for that of the mean, which is never too small.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail.classes`` holds each class's area, interval and rows. A class that does not occur, or alone
        occurs, is left out and named in the notes; no value where none is left.

    Notes
    -----
    Limits: a rare class weighs as much as a common one. The interval is wider than it need be.

    Not for: telling whether the likeliest class is right (see ``performance.accuracy``).

    References
    ----------
    ``sklearn.metrics.roc_auc_score`` with ``multi_class="ovr"``; E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson,
    Biometrics 44 (1988) 837-845.
    """
    import math

    from audits.statistics.auc import auc_delong, auc_interval
    from audits.statistics.intervals import ends, normal_quantile
    from audits.tables.aggregates import score_cells
    from audits.tables.classes import one_against_rest

    table = subject.evaluation
    rows, errors, left_out = [], [], []
    for label, _ in table.roles.class_scores:
        cells = score_cells(one_against_rest(table, label))
        if not (cells.n_positive and cells.n_negative):
            left_out.append(label)
            continue
        sizes = {"effective_positive": cells.effective_positive, "effective_negative": cells.effective_negative}
        found = auc_delong(cells.positive, cells.negative, **sizes)
        errors.append(math.sqrt(found.variance))
        rows.append((label, found.value, *ends(auc_interval(found, confidence)), cells.n_positive))
    method = "delong, mean of standard errors"
    notes = [f"Left out, because all rows or none are of it: {', '.join(left_out)}."] if left_out else []
    if not rows:
        reason = "Only one class occurs: there is nothing to rank."
        return Measurement(
            None, "probability", None, None, confidence, table.rows, method, notes=tuple(notes), reason=reason
        )
    value = math.fsum(row[1] for row in rows) / len(rows)
    half = normal_quantile(confidence) * math.fsum(errors) / len(errors)
    low, high = (max(0.0, value - half), min(1.0, value + half)) if half > 0.0 else (None, None)
    plot = intervals_plot(
        gettext_noop("Area under the ROC curve, each class against the rest"),
        gettext_noop("Class"),
        gettext_noop("Area under the ROC curve"),
        rows,
        more=COUNTED,
    )
    names = ("class", "auc", "low", "high", "n")
    return Measurement(
        value,
        "probability",
        low,
        high,
        confidence,
        table.rows,
        method,
        notes=tuple(notes),
        detail={"classes": [dict(zip(names, row, strict=True)) for row in rows]},
        plots=(plot,),
    )


def _of_matrix(subject: CheckSubject, name: str, unit: str, confidence: float) -> Measurement:
    import math

    from audits.statistics import decisions
    from audits.statistics.intervals import ends, holding
    from audits.tables.classes import confusion

    found = confusion(subject.evaluation)
    value = float(decisions.kappa(found.weight) if name == "kappa" else decisions.macro_f1(found.weight))
    if math.isnan(value):
        reason = "All outcomes and predictions are of one class: agreement beyond chance is 0/0."
        return confusions.no_value(found, unit, confidence, DRAWS, reason)
    interval = decisions.resampled(found.scaled, name, seed=subject.seed, confidence=confidence)
    shares = decisions.recalls(found.weight, found.square, found.n, confidence)
    return Measurement(
        value,
        unit,
        *ends(holding(value, interval)),
        confidence,
        found.rows,
        DRAWS,
        detail=confusions.counts(found),
        plots=(confusions.grid(found), confusions.by_class(found, shares, gettext_noop("Recall by class"))),
    )
