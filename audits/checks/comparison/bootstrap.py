"""How much better is this version than the other on the same rows, by a number of choice?"""

from __future__ import annotations

import math

from audits.checks.comparison.metrics import METRICS, chosen, losses
from audits.checks.contract import CheckSubject, Measurement, PlotColumn, check, gettext_noop, intervals_plot

MEND = "Look at which rows the other version answers better (segments, features it has), or keep that version."
METHOD = "paired-multinomial-resampling-percentile"


@check(
    "comparison.bootstrap_difference",
    family="comparison",
    needs=("labels", "baseline"),
    unit="improvement",
    better="higher",
    parameters={
        "metric": {"enum": ["", *METRICS]},
        "baseline_threshold": {"type": "number", "minimum": 0, "maximum": 1},
    },
    mend=MEND,
    tasks=("binary", "multiclass", "regression"),
)
def bootstrap_difference(
    subject: CheckSubject, *, metric: str = "", baseline_threshold: float | None = None, confidence: float = 0.95
) -> Measurement:
    r"""By how much this version is better than the other on the same rows, with an interval from the paired bootstrap.

    .. math:: \Delta = A - B \ (\text{AUC, accuracy}), \qquad \Delta = L_B - L_A \ (\text{a loss})

    0: both are alike; above 0: this version is better, also where the number is a loss; below 0: it is worse.

    Parameters
    ----------
    subject : evaluation table with ``target``, this version's answer, and the other's as ``baseline``.
    metric : "roc_auc", "brier", "log_loss" or "accuracy" (binary), "accuracy" (multiclass), "rmse" or "mae"
        (regression); left out: roc_auc, accuracy, mae.
    baseline_threshold : at which the other version's score becomes a decision (accuracy); this version's own when left
        out.
    confidence : nominal coverage of the percentile interval over 1,000 draws of the joint cells (both answers and the
        outcome), which is the bootstrap of the rows.

    Returns
    -------
    Measurement
        ``n`` rows; ``detail`` holds the metric of both versions and how the cells were made. No value for an AUC with
        one outcome only; no interval where all draws agree.

    Notes
    -----
    Limits: above 4,096 different pairs the draws are over a grid of cells; for a loss ``detail.unseen_variance`` says
    which share of the variance lies within cells and is left out (well below a hundredth as a rule). Of fewer than some
    thirty rows, or of a loss with a few huge values, percentiles are too narrow.

    Not for: proving that two versions are equal; an interval that holds 0 says only that these rows cannot tell them
    apart.

    References
    ----------
    B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 8 and 13; A. C. Davison, D. V.
    Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.2.
    """
    name = chosen(subject, metric, METRICS)
    if name == "roc_auc":
        return _of_areas(subject, confidence)
    from audits.statistics.intervals import ends, holding
    from audits.statistics.paired import bootstrap_means
    from audits.tables.pairs import loss_cells

    cells = loss_cells(subject.evaluation, *losses(subject, name, baseline_threshold))
    root = name == "rmse"
    interval = bootstrap_means(
        cells.version, cells.baseline, cells.weight, root=root, seed=subject.seed, confidence=confidence
    )
    own, other = (math.sqrt(mean) if root else mean for mean in (cells.mean_version, cells.mean_baseline))
    value = other - own
    if name == "accuracy":
        own, other = 1.0 - own, 1.0 - other
    if interval is not None and interval.high - interval.low <= 1e-15:
        interval = None
    shown = (own, other)
    both = ends(holding(value, interval))
    return _measured(name, value, both, confidence=confidence, n=cells.n, shown=shown, unseen=cells.unseen)


def _of_areas(subject: CheckSubject, confidence: float) -> Measurement:
    from audits.statistics.intervals import ends, holding
    from audits.statistics.paired import bootstrap_auc, paired_auc
    from audits.tables.pairs import pair_cells

    cells = pair_cells(subject.evaluation).get(())
    if cells is None or not (cells.n_positive and cells.n_negative):
        reason = "All outcomes are of one kind: there is nothing to rank."
        n = cells.n if cells else 0
        return Measurement(None, "improvement", None, None, confidence, n, METHOD, reason=reason)
    counts = (cells.version, cells.baseline, cells.positive, cells.negative)
    found = paired_auc(*counts)
    size = cells.effective_positive + cells.effective_negative
    interval = bootstrap_auc(*counts, effective=size, seed=subject.seed, confidence=confidence)
    if interval is not None and interval.high - interval.low <= 1e-15:
        interval = None
    notes = []
    if cells.binned:
        notes.append(f"Scores were grouped into 512 bins each, which moves each area by at most {found.tie_error:.1e}.")
    both = ends(holding(found.difference, interval))
    shown = (found.version, found.baseline)
    return _measured("roc_auc", found.difference, both, confidence=confidence, n=cells.n, shown=shown, notes=notes)


def _measured(
    name: str,
    value: float,
    interval: tuple[float | None, float | None],
    *,
    confidence: float,
    n: int,
    shown: tuple[float, float],
    unseen: float | None = None,
    notes: list[str] | None = None,
) -> Measurement:
    said = list(notes or ())
    if interval[0] is None:
        said.append("No interval: all draws of the rows give the same difference.")
    plot = intervals_plot(
        gettext_noop("How much better this version is"),
        gettext_noop("Compared by"),
        gettext_noop("Improvement"),
        ((name, value, *interval, *shown),),
        more=(
            PlotColumn(gettext_noop("This version")),
            PlotColumn(gettext_noop("The other version")),
        ),
        limited=True,
    )
    detail: dict[str, object] = {"metric": name, "version": shown[0], "baseline": shown[1]}
    if unseen is not None:
        detail["unseen_variance"] = unseen
    return Measurement(
        value, "improvement", *interval, confidence, n, METHOD, notes=tuple(said), detail=detail, plots=(plot,)
    )
