"""Have scores, outcomes and predictions moved since training?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.drift.by_feature import columns_beside, ends_of, jensen_shannon_of, notes_on, plot_of

if TYPE_CHECKING:
    from audits.tables.sides import Sides

STATISTIC = {"statistic": {"enum": ["share", "psi", "jensen_shannon", "wasserstein", "p_value"]}}
UNITS = {
    "share": "share",
    "psi": "nats",
    "jensen_shannon": "distance to base 2",
    "wasserstein": "standard deviations of the reference",
    "p_value": "probability",
}
METHODS = {
    "share": "kolmogorov-band",
    "psi": "multinomial-resampling-bias-corrected",
    "jensen_shannon": "multinomial-resampling-bias-corrected",
    "wasserstein": "influence-normal",
    "p_value": "kolmogorov-smirnov",
}
BINS = 10
MEND = "Find out whether the population changed or the way outcomes are recorded; retrain or recalibrate if it did."


@check(
    "drift.score_shift",
    family="drift",
    needs=("reference",),
    unit="share",
    better="lower",
    parameters=STATISTIC,
    mend=MEND,
    tasks=("binary", "multiclass"),
)
def score_shift(subject: CheckSubject, *, statistic: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Largest change, from training to evaluation, of the share of rows whose score lies below some value.

    .. math:: \sup_s |F(s) - G(s)|

    0: scores are distributed as before; 1: none lies where one lay before. Of a multiclass model the largest over the
    scores of all classes.

    Parameters
    ----------
    subject : evaluation and reference table, both with scores (``score``, or ``class_scores``).
    statistic : "share" (the Kolmogorov-Smirnov distance), "psi" (nats), "jensen_shannon" (distance to base 2),
        "wasserstein" (standard deviations of the reference), or "p_value" (smallest, adjusted by Holm over classes).
    confidence : nominal coverage.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; ``detail.features`` holds every statistic of each score with ``by_chance``
        and the error of the histogram.

    Notes
    -----
    Limits: a score may keep its distribution while its meaning changes; hold it against calibration.
    Not for: telling why scores moved (see the drift of each feature).

    References
    ----------
    N. Smirnov, Annals of Mathematical Statistics 19 (1948) 279-281; the others as for their measurement of features.
    """
    reference, evaluation = subject.reference, subject.evaluation
    if reference is None:
        raise ValueError("the check needs a reference table")
    if subject.task == "binary":
        pairs = {reference.roles.score: evaluation.roles.score}
    else:
        now = dict(evaluation.roles.class_scores)
        pairs = {column: now.get(label) for label, column in reference.roles.class_scores}
    columns = {before: here for before, here in pairs.items() if before is not None and here is not None}
    if not columns:
        raise Insufficient(
            "There are no scores in both tables.",
            "Let the service score both tables with the model, or name the scores.",
        )
    return _amounts(subject, columns, statistic, confidence, gettext_noop("Change of the scores"))


@check(
    "drift.label_shift",
    family="drift",
    needs=("labels", "reference-labels"),
    unit="share",
    better="lower",
    parameters=STATISTIC,
    mend=MEND,
    tasks=TASKS,
)
def label_shift(subject: CheckSubject, *, statistic: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Largest change of the share of an outcome between training and evaluation table.

    .. math:: \max_k |c_k - r_k|

    over classes k: of a binary outcome the change of the base rate. For amounts it is the largest change of the share at
    or below some amount, :math:`\sup_y |F(y) - G(y)|`. 0: outcomes are as frequent as before; 1: what always was never is.

    Parameters
    ----------
    subject : evaluation and reference table, both with ``target``.
    statistic : "share", "psi" (nats), "jensen_shannon" (distance to base 2), "p_value" (chi-square; Kolmogorov-Smirnov for
        amounts) and, for amounts, "wasserstein" (standard deviations of the reference).
    confidence : nominal coverage; over several classes each has Newcombe's interval at Bonferroni's level.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; ``detail.classes`` holds the shares of each class and their signed change,
        ``detail.statistics`` the other statistics.

    Notes
    -----
    Limits: in evaluation tables that were sampled by outcome the change is the sampling's.
    Not for: a change of what an outcome means, or of when it is recorded.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 (method 10); K. Pearson, Philosophical Magazine 50 (1900) 157.
    """
    title = gettext_noop("Share of each outcome")
    reference, evaluation = subject.reference, subject.evaluation
    if reference is None or reference.roles.target is None or evaluation.roles.target is None:
        raise ValueError("the check needs outcomes on both sides")
    if subject.task == "regression":
        columns = {reference.roles.target: evaluation.roles.target}
        return _amounts(subject, columns, statistic, confidence, gettext_noop("Change of the outcomes"))
    from audits.tables.associations import class_counts

    counts = class_counts(reference), class_counts(evaluation)
    return _classes(subject, *counts, statistic=statistic, confidence=confidence, title=title)


@check(
    "drift.prediction_shift",
    family="drift",
    needs=("predictions", "reference-predictions"),
    unit="share",
    better="lower",
    parameters=STATISTIC,
    mend=MEND,
    tasks=TASKS,
)
def prediction_shift(subject: CheckSubject, *, statistic: str = "share", confidence: float = 0.95) -> Measurement:
    r"""Largest change of the share of a prediction between training and evaluation table.

    .. math:: \max_k |c_k - r_k|

    over predicted classes k: of a binary model the change of the share that is selected. For amounts it is the largest
    change of the share at or below some amount, :math:`\sup_y |F(y) - G(y)|`. 0: predictions are as frequent as before;
    1: what always was predicted never is.

    Parameters
    ----------
    subject : evaluation and reference table, both with predictions: a decision or a score with its threshold, a predicted
        class or scores of classes, a predicted amount.
    statistic : "share", "psi" (nats), "jensen_shannon" (distance to base 2), "p_value" (chi-square; Kolmogorov-Smirnov for
        amounts) and, for amounts, "wasserstein" (standard deviations of the reference).
    confidence : nominal coverage; over several classes each has Newcombe's interval at Bonferroni's level.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; ``detail.classes`` holds the shares of each prediction and their signed
        change, ``detail.statistics`` the other statistics.

    Notes
    -----
    Limits: scores may move without a decision changing (see ``drift.score_shift``).
    Not for: telling whether the predictions are right.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 (method 10); K. Pearson, Philosophical Magazine 50 (1900) 157.
    """
    title = gettext_noop("Share of each prediction")
    reference, evaluation = subject.reference, subject.evaluation
    if reference is None:
        raise ValueError("the check needs a reference table")
    if subject.task == "regression":
        before, now = reference.roles.prediction, evaluation.roles.prediction
        if before is None or now is None:
            raise ValueError("the check needs predictions on both sides")
        return _amounts(subject, {before: now}, statistic, confidence, gettext_noop("Change of the predictions"))
    from audits.tables.predicted import prediction_counts

    counts = prediction_counts(reference), prediction_counts(evaluation)
    return _classes(subject, *counts, statistic=statistic, confidence=confidence, title=title)


def _amounts(
    subject: CheckSubject, columns: Mapping[str, str], statistic: str, confidence: float, title: str
) -> Measurement:
    """Measure how far columns of numbers have moved, the farthest first."""
    sides = columns_beside(subject, columns)
    rows = [_every(side, subject.seed + 2 * at, confidence) for at, side in enumerate(sides)]
    found = [row for row in rows if row["share"] is not None]
    if not found:
        reason = "One of the tables has no number there."
        n = subject.evaluation.rows
        return Measurement(
            None,
            UNITS[statistic],
            None,
            None,
            confidence,
            n,
            METHODS[statistic],
            detail={"features": rows},
            reason=reason,
        )
    from audits.statistics.multiplicity import holm

    for row, adjusted in zip(found, holm([row["p_value"] for row in found]), strict=True):
        row["p_holm"] = adjusted
    if statistic == "wasserstein" and any(row["wasserstein"] is None for row in found):
        raise Insufficient(
            "The distance has no value: the reference does not vary, or values are infinite.", "Use another statistic."
        )
    sign = 1.0 if statistic == "p_value" else -1.0
    key = "p_holm" if statistic == "p_value" else statistic
    found.sort(key=lambda row: (sign * row[key], row["feature"]))
    for row in found:
        row["error"] = row[f"{statistic}_error"]
    low, high = ends_of([row | {end: row[f"{statistic}_{end}"] for end in ("low", "high")} for row in found])
    drawn = [row | {end: row[f"share_{end}"] for end in ("low", "high", "error")} for row in found]
    cuts = {side.column: side for side in sides}
    return Measurement(
        found[0][key],
        UNITS[statistic],
        low,
        high,
        confidence,
        subject.evaluation.rows,
        METHODS[statistic],
        notes=tuple(notes_on(subject, found)),
        detail={"features": found, "worst": found[0]["feature"]},
        plots=(
            plot_of(title, drawn, "share", gettext_noop("Largest change of a share"), tested=True),
            _functions_plot(cuts[found[0]["feature"]]),
        ),
    )


def _every(side: Sides, seed: int, confidence: float) -> dict[str, Any]:
    """Return every statistic of one column of numbers as a row."""
    from audits.checks.drift.shares import measured
    from audits.statistics.distances import ks, scaled_wasserstein
    from audits.statistics.histograms import NumberHistogram

    if not isinstance(side.reference, NumberHistogram) or not isinstance(side.current, NumberHistogram):
        raise Insufficient(f"The column {side.column!r} holds no numbers.", "Name a column of numbers.")
    row: dict[str, Any] = {"feature": side.column, "n_current": side.current.n + side.current.missing}
    largest, moved = (
        ks(side.reference, side.current, confidence),
        scaled_wasserstein(side.reference, side.current, confidence),
    )
    index, _ = measured(side, BINS, seed, confidence)
    distance, _ = jensen_shannon_of(side, BINS, seed, confidence)
    for name, one in (("share", largest), ("wasserstein", moved), ("jensen_shannon", distance)):
        interval = one.interval if one is not None else None
        row |= {name: one.value if one else None, f"{name}_error": one.error if one else 0.0}
        row |= {f"{name}_low": interval.low if interval else None, f"{name}_high": interval.high if interval else None}
    row |= {"psi": index["psi"], "psi_low": index["low"], "psi_high": index["high"], "psi_error": index["error"]}
    row |= {"p_value_low": None, "p_value_high": None, "p_value_error": 0.0}
    row |= {"p_value": largest.p_value if largest else None, "by_chance": largest.by_chance if largest else None}
    return row


def _functions_plot(side: Sides) -> Plot:
    """Return both distribution functions at quantiles of the reference."""
    from audits.statistics.histograms import cut

    found = cut(side.reference, side.current, bins=20)
    x, before, now = gettext_noop("Bin"), gettext_noop("Reference"), gettext_noop("Evaluation")
    totals = float(found.reference.sum()), float(found.current.sum())
    rows = tuple(
        (label, one / totals[0], two / totals[1])
        for label, one, two in zip(found.labels, found.reference.tolist(), found.current.tolist(), strict=True)
    )
    columns = (PlotColumn(x, "text"), PlotColumn(before, "share"), PlotColumn(now, "share"))
    return Plot("shares", gettext_noop("Where they lie"), columns, rows, label=x, values=(before, now))


def _classes(
    subject: CheckSubject,
    before: Mapping[str, int],
    now: Mapping[str, int],
    *,
    statistic: str,
    confidence: float,
    title: str,
) -> Measurement:
    """Measure how far shares of classes have moved; the interval holds for all classes together."""
    import numpy as np

    from audits.statistics.distances import chi_square, jensen_shannon
    from audits.statistics.drift import psi, psi_interval
    from audits.statistics.shift import largest, share_change, size_of

    if statistic == "wasserstein":
        raise Insufficient("Classes have no distance between each other.", "Use another statistic.")
    names = sorted(set(before) | set(now), key=lambda name: (-now.get(name, 0), name))
    totals = sum(before.values()), sum(now.values())
    compared = max(1, len(names) if len(names) > 2 else 1)
    level = 1.0 - (1.0 - confidence) / compared
    rows, changes = [], []
    for name in names:
        change = share_change(before.get(name, 0), totals[0], now.get(name, 0), totals[1], level)
        changes.append(size_of(change))
        shares = {"reference": before.get(name, 0) / totals[0], "current": now.get(name, 0) / totals[1]}
        rows.append({"class": name} | shares | {"change": change.value, "low": change.low, "high": change.high})
    worst = largest(changes)
    counts = [np.array([side.get(name, 0) for name in names], dtype=np.float64) for side in (before, now)]
    index, test = psi(counts[0], counts[1]), chi_square(counts[0], counts[1])
    bounds = psi_interval(counts[0], counts[1], seed=subject.seed, confidence=confidence)
    distance = jensen_shannon(counts[0], counts[1], seed=subject.seed, confidence=confidence)
    values: dict[str, tuple[float, Any, str]] = {
        "share": (worst.value, worst, "newcombe, bonferroni" if compared > 1 else "newcombe"),
        "psi": (index.value, bounds, METHODS["psi"]),
        "jensen_shannon": (distance.value, distance.interval, METHODS["jensen_shannon"]),
        "p_value": (test.p_value if test else 1.0, None, "chi-square"),
    }
    value, interval, method = values[statistic]
    statistics = {name: found[0] for name, found in values.items()} | {"cramers_v": test.cramers_v if test else 0.0}
    note = "Rows are counted once each; the weight column is not applied to drift."
    return Measurement(
        value,
        UNITS[statistic],
        interval.low if interval else None,
        interval.high if interval else None,
        confidence,
        totals[1],
        method,
        notes=(note,) if subject.evaluation.roles.weight is not None else (),
        detail={"classes": rows, "statistics": statistics, "n_reference": totals[0]},
        plots=(_classes_plot(title, rows),),
    )


def _classes_plot(title: str, rows: list[dict[str, Any]]) -> Plot:
    label, before, now = gettext_noop("Class"), gettext_noop("Reference"), gettext_noop("Evaluation")
    change, low, high = gettext_noop("Change"), gettext_noop("Low"), gettext_noop("High")
    columns = (
        PlotColumn(before, "share"),
        PlotColumn(now, "share"),
        PlotColumn(change),
        PlotColumn(low),
        PlotColumn(high),
    )
    return Plot(
        "shares",
        title,
        (PlotColumn(label, "text"), *columns),
        tuple(
            (row["class"], row["reference"], row["current"], row["change"], row["low"], row["high"])
            for row in rows[:100]
        ),
        label=label,
        values=(before, now),
    )
