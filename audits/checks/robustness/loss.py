"""How much does the model lose when its input is worse than in training?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Insufficient, Measurement, Plot, PlotColumn, check, gettext_noop

if TYPE_CHECKING:
    from audits.tables.contract import EvaluationTable

OF = {"of": {"enum": ["loss", "change"]}}
MEASURES = {"binary": "ROC AUC", "multiclass": "accuracy", "regression": "RMSE / standard deviation of the outcome"}


@check(
    "robustness.missing_values",
    family="robustness",
    needs=("labels", "perturbed"),
    unit="share",
    better="lower",
    parameters={"perturbation": {"type": "string", "pattern": r"^missing-(?!0\.0+$)0\.[0-9]{1,4}$"}} | OF,
    mend="Train with missing values present, or impute them in the model; say in the intended use what must be given.",
    tasks=TASKS,
    perturbs=("missing-0.05", "missing-0.1", "missing-0.2"),
)
def missing_values(
    subject: CheckSubject, *, perturbation: str = "missing-0.1", of: str = "loss", confidence: float = 0.95
) -> Measurement:
    r"""Loss of quality when a share of the feature values is blanked at random.

    .. math:: \Delta = Q(\text{as given}) - Q(\text{blanked})

    with Q the ROC AUC of a binary model, the accuracy of a multiclass one, and minus the root mean squared error over
    the standard deviation of the outcome for regression. 0: blanking costs nothing; 0.5: a perfect ranking becomes
    none; below 0: the blanked rows happen to do better.

    Parameters
    ----------
    subject : evaluation table with ``target``, and rows of it scored with values blanked, under the key
        ``perturbation`` of ``subject.perturbed``.
    perturbation : "missing-" and the blanked share.
    of : "loss" of quality, or "change": the mean absolute change of a score (of an amount over the standard deviation
        of the outcome), the share of changed classes.
    confidence : nominal coverage of the normal interval, with DeLong's variance of the paired difference (AUC), that of
        the rows that became right or wrong (accuracy), or the delta method's (RMSE); of changed classes Wilson's.

    Returns
    -------
    Measurement
        ``n`` perturbed rows; ``detail.levels`` holds quality, loss and change at each blanked share the subject has. The
        interval is paired: both qualities are of the same rows. All outcomes of one kind give no AUC and no value.

    Notes
    -----
    Limits: values are blanked independently and at random, at most 20,000 rows; real gaps come together and for a
    reason. Weights are not applied.
    Not for: a promise about a feature that is never delivered; blank that one alone instead.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    return _lost(subject, perturbation, of, confidence, gettext_noop("Share of values blanked"))


@check(
    "robustness.noise",
    family="robustness",
    needs=("labels", "perturbed", "features"),
    unit="share",
    better="lower",
    parameters={
        "perturbation": {"type": "string", "pattern": r"^noise-(?!0\.0+$)(0\.[0-9]{1,4}|[1-9](\.[0-9]{1,4})?)$"}
    }
    | OF,
    mend="Train with noise, smooth or regularise the model; find the feature whose small changes move the score most.",
    tasks=TASKS,
    perturbs=("noise-0.05", "noise-0.1", "noise-0.2"),
)
def noise(
    subject: CheckSubject, *, perturbation: str = "noise-0.1", of: str = "loss", confidence: float = 0.95
) -> Measurement:
    r"""Loss of quality when Gaussian noise is added to every numeric feature.

    .. math:: \Delta = Q(x) - Q(x + \varepsilon), \qquad \varepsilon_j \sim N(0, (s\,\sigma_j)^2)

    with Q the ROC AUC of a binary model, the accuracy of a multiclass one, and minus the root mean squared error over
    the standard deviation of the outcome for regression, and :math:`\sigma_j` the standard deviation of feature j in
    the reference. 0: noise costs nothing; 0.5: a perfect ranking becomes none; below 0: the noisy rows happen to do
    better.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``features``, and rows of it scored with noise, under the key
        ``perturbation`` of ``subject.perturbed``.
    perturbation : "noise-" and the size s of the noise.
    of : "loss" of quality, or "change": the mean absolute change of a score (of an amount over the standard deviation
        of the outcome), the share of changed classes.
    confidence : nominal coverage of the normal interval, with DeLong's variance of the paired difference (AUC), that of
        the rows that became right or wrong (accuracy), or the delta method's (RMSE); of changed classes Wilson's.

    Returns
    -------
    Measurement
        ``n`` perturbed rows; ``detail.levels`` holds quality, loss and change at each size the subject has. The
        interval is paired: both qualities are of the same rows. All outcomes of one kind give no AUC and no value.

    Notes
    -----
    Limits: noise is independent between features and rows, at most 20,000 rows; whole numbers stay whole, so a 0/1
    column hardly changes; texts and truth values are left alone.
    Not for: resistance to an adversary, who does not add noise at random.

    References
    ----------
    C. M. Bishop, Neural Computation 7 (1995) 108-116 (noise as a penalty on slope); DeLong et al., Biometrics 44 (1988)
    837-845.
    """
    return _lost(subject, perturbation, of, confidence, gettext_noop("Noise, standard deviations"))


def _lost(subject: CheckSubject, perturbation: str, of: str, confidence: float, axis: str) -> Measurement:
    from audits.tables.perturbed import is_paired

    kind = perturbation.partition("-")[0]
    levels = sorted(
        (name for name in subject.perturbed if name.startswith(f"{kind}-")), key=lambda name: (_size(name), name)
    )
    if perturbation not in levels:
        why = subject.unscored.get(perturbation, "")
        raise Insufficient(
            f"The model was not scored on {perturbation} rows." + (f" {why}" if why else ""),
            f"Ask for one of: {', '.join(levels) or 'none recorded'}.",
        )
    if not is_paired(subject.perturbed[perturbation]):
        raise Insufficient(
            f"The {perturbation} rows do not say what was answered before the change.", "Run the validation again."
        )
    rows = [_level(subject.perturbed[name], name, confidence) for name in levels if is_paired(subject.perturbed[name])]
    chosen = next(row for row in rows if row["perturbation"] == perturbation)
    detail = {"levels": rows, "measure": MEASURES[subject.task]}
    if chosen[of] is None:
        reason = "All outcomes are alike: there is no quality to lose."
        return Measurement(None, "share", None, None, confidence, chosen["n"], "paired", detail=detail, reason=reason)
    low, high = chosen[f"{of}_low"], chosen[f"{of}_high"]
    notes = [] if low is not None else ["No interval: the variance cannot be estimated from these rows."]
    if chosen["n"] < subject.evaluation.rows:
        notes.append(f"Measured on a seeded sample of {chosen['n']} of {subject.evaluation.rows} rows.")
    if subject.evaluation.roles.weight is not None:
        notes.append("Rows are counted once each; the weight column is not applied.")
    plots = tuple(_plot(rows, name, axis) for name in ("loss", "change"))
    method = {"loss": "paired-normal", "change": "wilson" if subject.task == "multiclass" else "normal-mean"}[of]
    return Measurement(
        chosen[of], "share", low, high, confidence, chosen["n"], method, (), tuple(notes), detail, plots=plots
    )


def _size(name: str) -> float:
    return float(name.partition("-")[2])


def _level(table: EvaluationTable, name: str, confidence: float) -> dict[str, Any]:
    measured = {"binary": _scores, "multiclass": _classes, "regression": _amounts}[table.task](table, confidence)
    return {"perturbation": name, "size": _size(name)} | measured


def _scores(table: EvaluationTable, confidence: float) -> dict[str, Any]:
    import numpy as np

    from audits.statistics.loss import auc_loss, loss_interval
    from audits.tables.perturbed import score_pairs

    pairs = score_pairs(table)
    n, gap = int(pairs.n.sum()), np.abs(pairs.after - pairs.before)
    change = float(np.dot(pairs.n, gap)), float(np.dot(pairs.n, gap * gap))
    row = _row(n, None, None, _mean(change, n, confidence, 1.0))
    if len(set(pairs.label.tolist())) > 1:
        loss = auc_loss(pairs.n, pairs.label, pairs.after, pairs.before)
        row |= _row(n, loss, loss_interval(loss, confidence, (-1.0, 1.0)), None)
    return row | {"auc_as_given": row["as_given"], "auc": row["now"], "low": row["loss_low"], "high": row["loss_high"]}


def _classes(table: EvaluationTable, confidence: float) -> dict[str, Any]:
    from audits.statistics.intervals import wilson
    from audits.statistics.loss import accuracy_loss, loss_interval
    from audits.tables.perturbed import class_pairs

    pairs = class_pairs(table)
    loss = accuracy_loss(pairs.n, pairs.right_before, pairs.right_after, pairs.lost, pairs.won)
    moved = wilson(pairs.changed, pairs.n, confidence)
    change = (pairs.changed / pairs.n, moved.low, moved.high)
    return _row(pairs.n, loss, loss_interval(loss, confidence, (-1.0, 1.0)), change)


def _amounts(table: EvaluationTable, confidence: float) -> dict[str, Any]:
    from audits.statistics.loss import ErrorSums, loss_interval, rmse_loss
    from audits.tables.perturbed import amount_pairs

    pairs = amount_pairs(table)
    if not pairs.spread > 0.0:
        return _row(pairs.n, None, None, None)
    sums = (pairs.before, pairs.after, pairs.before_square, pairs.after_square, pairs.product)
    loss = rmse_loss(ErrorSums(pairs.n, *sums), pairs.spread)
    change = pairs.change / pairs.spread, pairs.change_square / pairs.spread**2
    return _row(pairs.n, loss, loss_interval(loss, confidence), _mean(change, pairs.n, confidence, float("inf")))


def _mean(sums: tuple[float, float], n: int, confidence: float, most: float) -> tuple[float, Any, Any]:
    from audits.statistics.intervals import normal_mean

    mean = sums[0] / n
    variance = max(0.0, sums[1] / n - mean * mean) * n / (n - 1) if n > 1 else 0.0
    if not variance > 0.0:
        return mean, None, None
    found = normal_mean(mean, variance, n, confidence, (0.0, most))
    return mean, found.low, found.high


def _row(n: int, loss: Any, interval: Any, change: tuple[Any, Any, Any] | None) -> dict[str, Any]:
    row = {
        "n": n,
        "as_given": loss.before if loss else None,
        "now": loss.after if loss else None,
        "loss": loss.value if loss else None,
        "loss_low": interval.low if interval else None,
        "loss_high": interval.high if interval else None,
    }
    return row | ({} if change is None and loss else dict(zip(CHANGES, change or (None, None, None), strict=True)))


CHANGES = ("change", "change_low", "change_high")


def _plot(rows: list[dict[str, Any]], of: str, axis: str) -> Plot:
    value = {"loss": gettext_noop("Loss"), "change": gettext_noop("Mean change of the answer")}[of]
    title = {"loss": gettext_noop("Loss of quality by size of the change"), "change": value}[of]
    low, high, before, after = (
        gettext_noop("Low"),
        gettext_noop("High"),
        gettext_noop("As given"),
        gettext_noop("After the change"),
    )
    zero = (0.0, 0.0, 0.0, 0.0, rows[0]["as_given"], rows[0]["as_given"])
    table = [zero] + [
        (row["size"], row[of], row[f"{of}_low"], row[f"{of}_high"], row["as_given"], row["now"]) for row in rows
    ]
    names = (axis, value, low, high, before, after)
    return Plot(
        "line", title, tuple(PlotColumn(name) for name in names), tuple(table), x=axis, y=value, low=low, high=high
    )
