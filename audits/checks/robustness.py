"""How much does the model lose when its input is worse than in training?"""

from __future__ import annotations

from typing import Any

from audits.checks.contract import CheckSubject, Insufficient, Measurement, check

FAMILY = "missing-"


@check(
    "robustness.missing_values",
    family="robustness",
    needs=("labels", "scores", "perturbed"),
    unit="probability",
    better="lower",
    parameters={"perturbation": {"type": "string", "pattern": "^missing-[0-9.]+$"}},
    mend="Train with missing values present, or impute them in the model; say in the intended use what must be given.",
)
def missing_values(
    subject: CheckSubject, *, perturbation: str = "missing-0.1", confidence: float = 0.95
) -> Measurement:
    r"""Loss of ROC AUC when a share of the feature values is blanked at random.

    .. math:: \Delta = A(\text{as given}) - A(\text{blanked})

    0: blanking costs nothing; 0.5: a perfect ranking becomes none; below 0: the blanked rows happen to rank better.

    Parameters
    ----------
    subject : evaluation table with ``target`` and ``score``, and the same rows scored with values blanked, under the
        key
        ``perturbation`` of ``subject.perturbed``.
    perturbation : "missing-" and the blanked share.
    confidence : nominal coverage.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail.levels`` holds AUC and loss at each blanked share the subject has. The interval adds both
        DeLong variances; as both AUCs are on the same rows and rise and fall together, it is wider than a paired one.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595.
    """
    levels = sorted((name for name in subject.perturbed if name.startswith(FAMILY)), key=lambda name: (len(name), name))
    if perturbation not in levels:
        raise Insufficient(
            f"The model was not scored on {perturbation} rows.",
            f"Ask for one of: {', '.join(levels) or 'none recorded'}.",
        )
    rows = [_level(subject, name, confidence) for name in levels]
    chosen = next(row for row in rows if row["perturbation"] == perturbation)
    n = subject.evaluation.rows
    method = "delong, unpaired"
    if chosen["loss"] is None:
        reason = "All outcomes are of one kind: there is nothing to rank."
        return Measurement(
            None, "probability", None, None, confidence, n, method, detail={"levels": rows}, reason=reason
        )
    notes = () if chosen["low"] is not None else ("No interval: the variance cannot be estimated from these rows.",)
    return Measurement(
        chosen["loss"],
        "probability",
        chosen["low"],
        chosen["high"],
        confidence,
        n,
        method,
        notes=notes,
        detail={"levels": rows},
    )


def _level(subject: CheckSubject, name: str, confidence: float) -> dict[str, Any]:
    import math

    from audits.statistics.auc import auc_delong
    from audits.statistics.intervals import normal_quantile
    from audits.tables.aggregates import score_cells

    blanked = subject.perturbed[name]
    if blanked.rows != subject.evaluation.rows:
        raise Insufficient(
            f"{name} was scored on {blanked.rows} rows, the evaluation table has {subject.evaluation.rows}."
        )
    found = []
    for table in (subject.evaluation, blanked):
        cells = score_cells(table)
        if not (cells.n_positive and cells.n_negative):
            return {"perturbation": name, "auc": None, "auc_as_given": None, "loss": None, "low": None, "high": None}
        found.append(
            auc_delong(
                cells.positive,
                cells.negative,
                effective_positive=cells.effective_positive,
                effective_negative=cells.effective_negative,
            )
        )
    given, worse = found
    loss = given.value - worse.value
    variance = given.variance + worse.variance
    half = normal_quantile(confidence) * math.sqrt(variance) if variance > 0.0 else None
    return {
        "perturbation": name,
        "auc_as_given": given.value,
        "auc": worse.value,
        "loss": loss,
        "low": None if half is None else max(-1.0, loss - half),
        "high": None if half is None else min(1.0, loss + half),
    }
