"""Does this version rank better than the other on the same rows?"""

from __future__ import annotations

import math

from audits.checks.contract import CheckSubject, Measurement, check, gettext_noop, intervals_plot

MEND = "Look at which rows the other version ranks better (segments, features it has), or keep that version."


@check(
    "comparison.delong_difference",
    family="comparison",
    needs=("labels", "scores", "baseline"),
    unit="probability",
    better="higher",
    mend=MEND,
)
def delong_difference(subject: CheckSubject, *, confidence: float = 0.95) -> Measurement:
    r"""Area under the ROC curve of this version less that of the other, on the same rows.

    .. math:: \hat A - \hat B, \qquad \widehat{\mathrm{var}} = \frac{s^2(V^A_{10} - V^B_{10})}{m}
              + \frac{s^2(V^A_{01} - V^B_{01})}{n}

    0: both rank alike; above 0: this version ranks better; 1 and -1: one ranks perfectly, the other exactly reversed.

    Parameters
    ----------
    subject : evaluation table with ``target``, ``score`` and the other version's score as ``baseline``.
    confidence : nominal coverage of DeLong's interval for the paired difference, cut to [-1, 1].

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds both areas, their variances and covariance, ``z`` and the two-sided ``p_value``. No
        value with one outcome only; no interval where the estimated variance is zero (both rank all rows alike).

    Notes
    -----
    Limits: the areas are exact; above 100,000 different pairs of scores the variance is that of scores grouped into 512
    bins each, which a note says. With few cases of an outcome the normal law is rough. Two versions of nested features,
    compared on the rows they were fitted on, differ less than their interval says.

    Not for: showing that two versions are equal: an interval that holds 0 says only that these rows cannot tell them
    apart. Not for calibration.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845, doi:10.2307/2531595; O. V. Demler,
    M. J. Pencina, R. B. D'Agostino, Statistics in Medicine 31 (2012) 2577-2587 (nested models).
    """
    import dataclasses

    from scipy import stats

    from audits.statistics.auc import Auc, auc_delong, auc_interval
    from audits.statistics.intervals import ends, normal_quantile
    from audits.statistics.paired import paired_auc
    from audits.tables.pairs import pair_cells
    from audits.tables.scores import score_cells

    table = subject.evaluation
    cells = pair_cells(table).get(())
    if cells is None or not (cells.n_positive and cells.n_negative):
        n = cells.n if cells else 0
        reason = "All outcomes are of one kind: there is nothing to rank."
        return Measurement(None, "probability", None, None, confidence, n, "delong-paired", reason=reason)
    sizes = {"effective_positive": cells.effective_positive, "effective_negative": cells.effective_negative}
    found = paired_auc(cells.version, cells.baseline, cells.positive, cells.negative, **sizes)
    version, baseline = found.version, found.baseline
    notes = []
    if cells.binned:
        roles = dataclasses.replace(table.roles, score=table.roles.baseline, baseline=None)
        exact = [score_cells(each) for each in (table, dataclasses.replace(table, roles=roles))]
        version, baseline = (auc_delong(each.positive, each.negative).value for each in exact)
        notes.append(
            "The variance is that of scores grouped into 512 bins each; the areas are of all scores, "
            f"and grouping moved their difference by {found.difference - (version - baseline):.1e}."
        )
    value = version - baseline
    low, high, z, p_value = None, None, None, None
    if found.variance > 1e-18:
        error = math.sqrt(found.variance)
        half = normal_quantile(confidence) * error
        low, high = max(-1.0, value - half), min(1.0, value + half)
        z = value / error
        p_value = float(2.0 * stats.norm.sf(abs(z)))
    else:
        notes.append("No interval: the variance of the difference cannot be estimated from these rows.")
    rows = [
        (name, area, *ends(auc_interval(Auc(area, variance, 0.0), confidence)))
        for name, area, variance in (
            (gettext_noop("This version"), version, found.variance_version),
            (gettext_noop("The other version"), baseline, found.variance_baseline),
        )
    ]
    plot = intervals_plot(
        gettext_noop("Area under the ROC curve of both versions"),
        gettext_noop("Version"),
        gettext_noop("Area under the ROC curve"),
        rows,
    )
    return Measurement(
        value,
        "probability",
        low,
        high,
        confidence,
        cells.n,
        "delong-paired",
        notes=tuple(notes),
        detail={
            "auc": version,
            "auc_baseline": baseline,
            "variance": found.variance_version,
            "variance_baseline": found.variance_baseline,
            "covariance": found.covariance,
            "z": z,
            "p_value": p_value,
            "n_positive": cells.n_positive,
            "n_negative": cells.n_negative,
        },
        plots=(plot,),
    )
