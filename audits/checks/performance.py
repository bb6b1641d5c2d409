"""How well does the model rank and predict outcomes?"""

from __future__ import annotations

import math

from audits.checks.contract import CheckSubject, Measurement, check

MEND_RANKING = "Look at which rows are ranked wrongly (segments, missing features, label quality), then retrain."


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

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    from audits.statistics.auc import auc_delong, auc_interval, roc_points
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    detail: dict[str, object] = {"n_positive": cells.n_positive, "n_negative": cells.n_negative}
    if not (cells.n_positive and cells.n_negative):
        reason = "All outcomes are of one kind: there is nothing to rank."
        return Measurement(None, "probability", None, None, confidence, cells.n, "delong", detail=detail, reason=reason)
    found = auc_delong(
        cells.positive,
        cells.negative,
        effective_positive=cells.effective_positive,
        effective_negative=cells.effective_negative,
    )
    interval = auc_interval(found, confidence)
    notes = []
    if cells.binned:
        notes.append(f"Scores were grouped into 65,536 bins, which moves the value by at most {found.tie_error:.1e}.")
    if interval is None:
        notes.append("No interval: the variance of this AUC cannot be estimated from these rows.")
    detail |= {
        "standard_error": math.sqrt(found.variance) if found.variance >= 0.0 else None,
        "roc": roc_points(cells.score, cells.positive, cells.negative),
    }
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measurement(
        found.value, "probability", low, high, confidence, cells.n, "delong", notes=tuple(notes), detail=detail
    )


@check(
    "performance.log_loss",
    family="performance",
    needs=("labels", "scores"),
    unit="nats",
    better="lower",
    mend="Recalibrate the scores on held-out rows, or retrain; single confident errors dominate this number.",
)
def log_loss(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean negative log-likelihood of the outcomes under the scores, in nats.

    .. math:: L = -\frac1n \sum_i [y_i \ln s_i + (1 - y_i) \ln(1 - s_i)]

    0: each outcome was given probability 1; the ``detail.base_rate_loss`` is what always scoring the base rate would
    give; without upper bound. Scores of exactly 0 and 1 are clipped by one double-precision epsilon, as scikit-learn
    does.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``.
    confidence : nominal coverage of the normal interval of the mean loss.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``base_rate_loss`` and ``clipped_share``.

    References
    ----------
    I. J. Good, Journal of the Royal Statistical Society B 14 (1952) 107-114.
    """
    from audits.statistics import calibration
    from audits.tables.aggregates import score_cells

    cells = score_cells(subject.evaluation)
    loss = calibration.log_loss(cells.score, cells.positive, cells.negative, effective=cells.effective)
    interval = calibration.mean_interval(loss, cells.effective, confidence, (0.0, math.inf))
    notes = []
    if loss.clipped:
        notes.append(
            f"{loss.clipped:.2%} of rows have a score of exactly 0 or 1 and the other outcome: their loss is clipped."
        )
    if cells.binned:
        notes.append("Scores were grouped into 65,536 bins.")
    detail = {"base_rate_loss": calibration.entropy(cells.positive, cells.negative), "clipped_share": loss.clipped}
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Measurement(
        loss.value, "nats", low, high, confidence, cells.n, "normal-mean", notes=tuple(notes), detail=detail
    )
