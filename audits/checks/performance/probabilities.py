"""How much probability did the model give to what happened?"""

from __future__ import annotations

import math

from audits.checks.contract import CheckSubject, Measurement, Plot, check, gettext_noop, intervals_plot

MEND = "Recalibrate the scores on held-out rows, or retrain; single confident errors dominate this number."


@check(
    "performance.log_loss",
    family="performance",
    needs=("labels", "scores"),
    unit="nats",
    better="lower",
    mend=MEND,
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

    Notes
    -----
    Limits: one confident error can dominate it, and then the normal interval is too narrow. It mixes ranking and
    calibration.

    Not for: comparing populations with other base rates, unless beside ``detail.base_rate_loss``.

    References
    ----------
    I. J. Good, Journal of the Royal Statistical Society B 14 (1952) 107-114.
    """
    from audits.statistics import calibration
    from audits.statistics.intervals import ends
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
    base = calibration.entropy(cells.positive, cells.negative)
    low, high = ends(interval)
    return Measurement(
        loss.value,
        "nats",
        low,
        high,
        confidence,
        cells.n,
        "normal-mean",
        notes=tuple(notes),
        detail={"base_rate_loss": base, "clipped_share": loss.clipped},
        plots=(_beside_base(loss.value, low, high, base),),
    )


@check(
    "performance.multiclass_log_loss",
    family="performance",
    needs=("labels", "class-scores"),
    unit="nats",
    better="lower",
    mend=MEND,
    tasks=("multiclass",),
)
def multiclass_log_loss(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Mean negative logarithm of the probability given to the class that happened, in nats.

    .. math:: L = -\frac1n \sum_i \ln s_{i, y_i}

    0: each outcome was given probability 1; the ``detail.base_rate_loss`` is what always giving the shares of the
    classes would give; without upper bound. Probabilities of exactly 0 are clipped by one double-precision epsilon.

    Parameters
    ----------
    subject : evaluation table of a multiclass model with ``target`` and ``class_scores``.
    confidence : nominal coverage of the normal interval of the mean loss.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds ``base_rate_loss``. A row of a class without a score column counts as one that was
        given probability 0.

    Notes
    -----
    Limits: one confident error can dominate it, and then the normal interval is too narrow. Probabilities are taken as
    they stand; where a row's do not add up to exactly 1, scikit-learn divides by their sum first.

    Not for: comparing populations with other shares of the classes, unless beside ``detail.base_rate_loss``.

    References
    ----------
    ``sklearn.metrics.log_loss``; I. J. Good, Journal of the Royal Statistical Society B 14 (1952) 107-114.
    """
    from audits.statistics.intervals import ends, normal_mean
    from audits.tables.answers import loss
    from audits.tables.classes import class_counts
    from audits.tables.moments import moments

    table = subject.evaluation
    found = moments(table, {"log": loss(table, "log")})["log"]
    weights = list(class_counts(table).values())
    shares = [weight / math.fsum(weights) for weight in weights]
    base = -math.fsum(part * math.log(part) for part in shares) + 0.0
    enough = found.effective > 1.0
    interval = normal_mean(found.mean, found.variance, found.effective, confidence, (0.0, math.inf)) if enough else None
    low, high = ends(interval)
    return Measurement(
        found.mean,
        "nats",
        low,
        high,
        confidence,
        found.n,
        "normal-mean",
        detail={"base_rate_loss": base},
        plots=(_beside_base(found.mean, low, high, base),),
    )


def _beside_base(value: float, low: float | None, high: float | None, base: float) -> Plot:
    return intervals_plot(
        gettext_noop("Log loss beside that of always giving the base rates"),
        gettext_noop("Scores"),
        gettext_noop("Log loss"),
        ((gettext_noop("of the model"), value, low, high), (gettext_noop("base rates"), base, None, None)),
        limited=True,
    )
