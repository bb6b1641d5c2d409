"""How far are predicted amounts from the amounts that came?"""

from __future__ import annotations

import math

from audits.checks.contract import CheckSubject, Measurement, check
from audits.checks.performance import residuals

MEND = "Look at where the errors are large (segments, missing features, outliers in the outcome), then retrain."
NEEDED = ("labels", "predictions")


@check(
    "performance.rmse",
    family="performance",
    needs=NEEDED,
    unit="outcome's unit",
    better="lower",
    mend=MEND,
    tasks=("regression",),
)
def rmse(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Root of the mean squared error of predicted amounts.

    .. math:: \sqrt{\frac1n \sum_i (\hat y_i - y_i)^2}

    0: each prediction is the outcome; it has the outcome's unit and no upper bound.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the normal interval of the mean squared error, its root taken.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the mean squared error and the outcome's standard deviation.

    Notes
    -----
    Limits: a few large errors decide it, and then the normal interval is too narrow.

    Not for: comparing outcomes of other units or spread (see ``performance.r2``).

    References
    ----------
    ``sklearn.metrics.root_mean_squared_error``.
    """
    found = residuals.errors(subject)
    squared = found["squared"]
    low, high = residuals.normal(squared, confidence, (0.0, math.inf))
    return residuals.measured(
        subject,
        math.sqrt(squared.mean),
        (None, None) if low is None or high is None else (math.sqrt(low), math.sqrt(high)),
        confidence=confidence,
        method="normal-mean of squares",
        detail={
            "mean_squared_error": squared.mean,
            "outcome_deviation": math.sqrt(max(0.0, residuals.spread(found["outcome"]))),
        },
    )


@check(
    "performance.mae",
    family="performance",
    needs=NEEDED,
    unit="outcome's unit",
    better="lower",
    mend=MEND,
    tasks=("regression",),
)
def mae(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean absolute error of predicted amounts.

    .. math:: \frac1n \sum_i |\hat y_i - y_i|

    0: each prediction is the outcome; it has the outcome's unit and no upper bound.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the normal interval of the mean.

    Returns
    -------
    Measurement
        ``n`` rows.

    Notes
    -----
    Limits: large errors count in proportion, not more.

    Not for: comparing outcomes of other units or spread (see ``performance.r2``).

    References
    ----------
    ``sklearn.metrics.mean_absolute_error``.
    """
    absolute = residuals.errors(subject)["absolute"]
    return residuals.measured(
        subject,
        absolute.mean,
        residuals.normal(absolute, confidence, (0.0, math.inf)),
        confidence=confidence,
        method="normal-mean",
        detail={},
    )


@check(
    "performance.median_absolute_error",
    family="performance",
    needs=NEEDED,
    unit="outcome's unit",
    better="lower",
    mend=MEND,
    tasks=("regression",),
)
def median_absolute_error(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Median absolute error of predicted amounts: half of the predictions are nearer than that.

    .. math:: \mathrm{median}_i\, |\hat y_i - y_i|

    0: at least half of the predictions are the outcome itself; it has the outcome's unit and no upper bound.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the interval between two order statistics, whose ranks are binomial.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail.precision`` bounds how far counting in steps can have moved it (0: exact). No interval for
        fewer than six rows.

    Notes
    -----
    Limits: up to half of the errors may be of any size. Of an even number of rows the mean of both middle errors is
    taken; of weighted rows, where half of the weight is reached.

    Not for: risks that lie in the large errors (see ``performance.rmse``).

    References
    ----------
    ``sklearn.metrics.median_absolute_error``; H. A. David, H. N. Nagaraja, *Order Statistics*, 3rd ed., 2003, 7.1.
    """
    from scipy import stats

    from audits.tables.answers import loss
    from audits.tables.order_statistics import weighted_quantiles

    size = residuals.errors(subject)["absolute"].effective
    shares: tuple[float, ...] = (0.5,)
    ranks = stats.binom(max(1, round(size)), 0.5).ppf([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    low_rank, high_rank = float(ranks[0]), float(ranks[1]) + 1.0
    if low_rank >= 1.0 and high_rank <= size:
        shares = (0.5, low_rank / size, high_rank / size)
    found, error = weighted_quantiles(subject.evaluation, loss(subject.evaluation, "absolute"), shares)
    interval = (min(found[0], found[1]), max(found[0], found[2])) if len(found) == 3 else (None, None)
    return residuals.measured(
        subject,
        found[0],
        interval,
        confidence=confidence,
        method="binomial order statistics",
        detail={"precision": error},
    )


@check(
    "performance.r2",
    family="performance",
    needs=NEEDED,
    unit="share of variance",
    better="higher",
    mend=MEND,
    tasks=("regression",),
)
def r2(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Share of the outcome's variance on these rows that the predictions account for.

    .. math:: R^2 = 1 - \frac{\sum_i (\hat y_i - y_i)^2}{\sum_i (y_i - \bar y)^2}

    1: each prediction is the outcome; 0: no better than always predicting the mean of these rows; below 0: worse.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the normal interval with the variance of each row's influence (delta method).

    Returns
    -------
    Measurement
        ``n`` rows. No value where all outcomes are alike (0/0).

    Notes
    -----
    Limits: the same errors give another figure where outcomes spread more or less. A few extreme outcomes decide it.

    Not for: comparing populations whose outcomes spread differently.

    References
    ----------
    ``sklearn.metrics.r2_score``; A. W. van der Vaart, *Asymptotic Statistics*, 1998, chapter 3.
    """
    from audits.tables.answers import loss
    from audits.tables.asking import number, real
    from audits.tables.moments import moments

    table = subject.evaluation
    found = residuals.errors(subject)
    spread, squared = residuals.spread(found["outcome"]), found["squared"]
    if not spread > 1e-300:
        reason = "All outcomes are alike: there is no variance to account for."
        return residuals.without(subject, "share of variance", reason, confidence=confidence, method="delta")
    ratio = squared.mean / spread
    apart = real(table.table[table.roles.target]) - number(found["outcome"].mean)
    influence = moments(table, {"influence": loss(table, "squared") - number(ratio) * apart * apart})["influence"]
    half = residuals.half(influence, confidence)
    value = 1.0 - ratio
    interval = (None, None) if half is None else (value - half / spread, min(1.0, value + half / spread))
    return residuals.measured(
        subject,
        value,
        interval,
        confidence=confidence,
        method="delta",
        detail={"outcome_variance": spread},
        unit="share of variance",
    )


@check(
    "performance.mean_error",
    family="performance",
    needs=NEEDED,
    unit="outcome's unit",
    better="none",
    mend="Find where predictions are too high or too low (segments, time), then retrain or correct the level.",
    tasks=("regression",),
)
def mean_error(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean error of predicted amounts: whether they are too high or too low as a whole.

    .. math:: \frac1n \sum_i (\hat y_i - y_i)

    0: predictions are right on average; above 0: too high; below 0: too low.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the normal interval of the mean.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``mean_outcome``.

    Notes
    -----
    Limits: too high for some and too low for others cancel.

    Not for: the size of the errors (see ``performance.mae``). As it is best in the middle, a policy bounds it on both
    sides, by two requirements.

    References
    ----------
    R. J. Hyndman, A. B. Koehler, International Journal of Forecasting 22 (2006) 679-688.
    """
    found = residuals.errors(subject)
    signed = found["signed"]
    bounds = (-math.inf, math.inf)
    detail = {"mean_outcome": found["outcome"].mean}
    return residuals.measured(
        subject,
        signed.mean,
        residuals.normal(signed, confidence, bounds),
        confidence=confidence,
        method="normal-mean",
        detail=detail,
    )


@check(
    "performance.mape",
    family="performance",
    needs=NEEDED,
    unit="share of the outcome",
    better="lower",
    mend=MEND,
    tasks=("regression",),
)
def mape(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean absolute error in shares of the outcome, over rows whose outcome is not 0.

    .. math:: \frac{1}{n'} \sum_{i: y_i \ne 0} \frac{|\hat y_i - y_i|}{|y_i|}

    0: each prediction is the outcome; 1: on average as far off as the outcome is large; no upper bound.

    Parameters
    ----------
    subject : evaluation table of a regression model with ``target`` and ``prediction``.
    confidence : nominal coverage of the normal interval of the mean.

    Returns
    -------
    Measurement
        ``n`` rows with an outcome other than 0; ``detail`` holds ``zero_outcomes``, how many rows were left out, and
        ``wape``, the sum of absolute errors over the sum of absolute outcomes of all rows. No value where each outcome
        is 0.

    Notes
    -----
    Limits: small outcomes decide it, and it asks for predictions that are too low. Outcomes of exactly 0 have no such
    share; they are left out and counted (scikit-learn divides by a tiny number there).

    Not for: outcomes near or below 0; ``detail.wape`` or ``performance.mae`` serve there.

    References
    ----------
    ``sklearn.metrics.mean_absolute_percentage_error``; R. J. Hyndman, A. B. Koehler, International Journal of
    Forecasting 22 (2006) 679-688.
    """
    import dataclasses

    from audits.tables.answers import loss
    from audits.tables.asking import real
    from audits.tables.moments import moments

    table = subject.evaluation
    outcome = real(table.table[table.roles.target])
    absolute = residuals.errors(subject)["absolute"]
    size = moments(table, {"size": outcome.abs()})["size"]
    some = dataclasses.replace(table, table=table.table.filter(outcome != 0.0))
    column = real(some.table[some.roles.target])
    share = moments(some, {"share": loss(some, "absolute") / column.abs()})["share"]
    detail = {
        "zero_outcomes": absolute.n - share.n,
        "wape": absolute.mean / size.mean if size.n and size.mean > 0.0 else None,
    }
    if not share.n:
        reason = "Each outcome is 0: no error is a share of it."
        return residuals.without(
            subject, "share of the outcome", reason, confidence=confidence, method="normal-mean", detail=detail
        )
    notes = [f"{absolute.n - share.n} rows with an outcome of 0 are left out."] if absolute.n > share.n else []
    return residuals.measured(
        subject,
        share.mean,
        residuals.normal(share, confidence, (0.0, math.inf)),
        confidence=confidence,
        method="normal-mean",
        detail=detail,
        unit="share of the outcome",
        n=share.n,
        notes=tuple(notes),
    )
