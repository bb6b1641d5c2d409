"""What does the model answer at the ends of a feature's range, and as a feature rises?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audits.checks.contract import (
    TASKS,
    CheckSubject,
    Insufficient,
    Measurement,
    Plot,
    PlotColumn,
    check,
    gettext_noop,
    intervals_plot,
)
from registry.errors import DomainError

if TYPE_CHECKING:
    from audits.tables.contract import EvaluationTable
    from audits.tables.perturbed import Sweep

ENDS = (gettext_noop("lower end"), gettext_noop("upper end"))
SHOWN_CURVES = 12


@check(
    "robustness.boundary",
    family="robustness",
    needs=("features", "perturbed"),
    unit="share",
    better="lower",
    parameters={
        "of": {"enum": ["outside", "changed"]},
        "tolerance": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
    },
    mend="Bound the model's output or its inputs; state in the intended use which values of a feature it may be given.",
    tasks=TASKS,
    perturbs=("boundary",),
)
def boundary(
    subject: CheckSubject, *, of: str = "outside", tolerance: float = 0.1, confidence: float = 0.95
) -> Measurement:
    r"""Largest share of rows whose answer is not finite or out of range when a feature is moved to its extremes.

    .. math:: \max_{j,\,e \in \{\text{low}, \text{high}\}} \frac1n
              \#\{i : f(x_i \text{ with } x_{ij} = e_j) \notin R\}

    0: every answer stays in range; 1: at some end none does. R is [0, 1] for scores, the known classes for classes; for
    regression the range declared for the outcome, else what was observed, widened by its own width on both sides.

    Parameters
    ----------
    subject : rows scored with each numeric feature, and all at once, at the lower and upper end of its declared range,
        else of the values of the reference, under the key "boundary" of ``subject.perturbed``.
    of : "outside", or "changed": the share of rows whose decision or class is another one there; without a decision,
        whose answer moved by more than ``tolerance``.
    tolerance : for "changed", in units of the score (below 1), for regression in standard deviations of the outcome (at
        most 10).
    confidence : nominal coverage of each Wilson interval.

    Returns
    -------
    Measurement
        ``n`` moved rows in all; the interval joins the largest lower and the largest upper end of all features;
        ``detail.ends`` holds a row for each feature and end.

    Notes
    -----
    Limits: one feature at a time and all at once, on at most 200 sampled rows; combinations of some are not tried. A
    model whose answer the sandbox refuses there is scored on no such row and the measurement is insufficient.
    Not for: extrapolation far beyond the declared ranges.

    References
    ----------
    E. B. Wilson, JASA 22 (1927) 209-212, for the interval.
    """
    from audits.statistics.intervals import wilson
    from audits.tables.perturbed import ALL_FEATURES, end_cells

    _refuse_vacuous("boundary", subject, tolerance)
    table = _scored(subject, "boundary")
    span, width = _span(subject)
    cells = end_cells(table, span=span, tolerance=tolerance * width)
    rows = []
    for cell in cells:
        row: dict[str, Any] = {"feature": cell.feature, "end": ENDS[cell.step], "n": cell.n}
        for name, count in (("outside", cell.outside), ("changed", cell.changed)):
            interval = wilson(count, cell.n, confidence)
            row |= {name: count / cell.n, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row | {"lowest": cell.low, "highest": cell.high})
    rows.sort(key=lambda row: (-row[of], -row["changed"], row["feature"] == ALL_FEATURES, row["feature"], row["end"]))
    worst = rows[0]
    detail = {"ends": rows, "worst": worst["feature"], "range": list(span)}
    low, high = (max(row[f"{of}_{end}"] for row in rows) for end in ("low", "high"))
    n = sum(row["n"] for row in rows)
    plots = (_ends_plot(rows, of), *([_ends_plot(rows, "changed")] if of != "changed" else []))
    return Measurement(worst[of], "share", low, high, confidence, n, "wilson", detail=detail, plots=plots)


@check(
    "robustness.monotonicity",
    family="robustness",
    needs=("features", "perturbed"),
    unit="share",
    better="lower",
    parameters={"tolerance": {"type": "number", "minimum": 0, "maximum": 1e9}},
    mend="Train with the constraint (most boosting libraries take one per feature), or take back the declaration.",
    tasks=TASKS,
    perturbs=("monotone",),
)
def monotonicity(subject: CheckSubject, *, tolerance: float = 1e-9, confidence: float = 0.95) -> Measurement:
    r"""Largest share of rows in which the answer moves against the declared direction as a feature rises.

    .. math:: \max_j \frac1n \#\{i : \exists k,\; d_j\,(f(x_i^{j,k+1}) - f(x_i^{j,k})) < -t\}

    where :math:`x_i^{j,k}` is row i with feature j at step k of its grid and :math:`d_j` is 1 for "increasing", -1 for
    "decreasing". 0: the answer never goes the wrong way; 1: it does in every row for some feature.

    Parameters
    ----------
    subject : ``declared["monotone"]`` names features and directions; rows scored on the grid of each under the key
        "monotone" of ``subject.perturbed``. The answer is the score, the amount, or the score of the favourable class.
    tolerance : how far a step may go the wrong way, in units of the answer; below 1 for scores.
    confidence : nominal coverage of each Wilson interval.

    Returns
    -------
    Measurement
        ``n`` swept rows over all features; the interval joins the largest lower and the largest upper end of all
        features; ``detail.features`` holds one row per feature with share and size of violations, worst first.

    Notes
    -----
    Limits: at most 200 sampled rows and 21 steps at quantiles of the reference; a dip between two steps is not seen.
    Not for: proof of monotonicity, which only the structure of a model can give.

    References
    ----------
    J. Sill, NIPS 10 (1998) 661-667 (monotonic networks); E. B. Wilson, JASA 22 (1927) 209-212, for the interval.
    """
    from audits.statistics.intervals import wilson
    from audits.tables.perturbed import sweeps

    _refuse_vacuous("monotonicity", subject, tolerance)
    declared = _directions(subject.declared.get("monotone", {}))
    if not declared:
        raise Insufficient(
            "Nothing is declared monotone.",
            "Declare features and directions as 'monotone' when a version is registered.",
        )
    table = _scored(subject, "monotone")
    if table.task == "multiclass" and (table.favourable is None or not table.roles.class_scores):
        raise Insufficient("No score of a favourable class can rise or fall.", "Name the favourable class.")
    found = sweeps(table, declared, tolerance=tolerance)
    if not found:
        raise Insufficient("No declared feature is numeric.", "Declare numeric features only.")
    rows: list[dict[str, Any]] = []
    for sweep in found:
        interval = wilson(sweep.violated, sweep.n, confidence)
        row: dict[str, Any] = {
            "feature": sweep.feature,
            "direction": declared[sweep.feature],
            "n": sweep.n,
            "violated": sweep.violated,
        }
        row |= {"share": sweep.violated / sweep.n, "low": interval.low, "high": interval.high}
        rows.append(row | {"largest": sweep.largest, "mean": sweep.mean})
    rows.sort(key=lambda row: (-row["share"], -row["largest"], row["feature"]))
    low, high = (max(row[end] for row in rows) for end in ("low", "high"))
    unswept = sorted(set(declared) - {sweep.feature for sweep in found})
    notes = (f"Not numeric or constant, so not swept: {', '.join(unswept)}.",) if unswept else ()
    return Measurement(
        rows[0]["share"],
        "share",
        low,
        high,
        confidence,
        sum(row["n"] for row in rows),
        "wilson",
        notes=notes,
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=(_violations_plot(rows), _curves_plot(found)),
    )


def _directions(stated: Mapping[str, Any]) -> dict[str, str]:
    return {name: way for name, way in stated.items() if way in ("increasing", "decreasing")}


def _scored(subject: CheckSubject, key: str) -> EvaluationTable:
    from audits.tables.perturbed import is_paired

    table = subject.perturbed.get(key)
    if table is None or not is_paired(table):
        why = subject.unscored.get(key, "")
        reason = f"The model was not scored on {key} rows." + (f" {why}" if why else "")
        raise Insufficient(reason, "Upload the model in a format the service can load in its sandbox.")
    return table


def _refuse_vacuous(name: str, subject: CheckSubject, tolerance: float) -> None:
    """Refuse a tolerance that no change of a score could exceed; which it is shows only with the kind of model."""
    if subject.task != "regression" and tolerance >= 1.0:
        slug = f"robustness.{name}"
        message = f"Parameters of {slug} do not fit: tolerance: a score moves by less than 1"
        raise DomainError("bad-check-parameters", message, check=slug, at="tolerance")


def _span(subject: CheckSubject) -> tuple[tuple[float, float], float]:
    """Return the range answers must stay in, and the unit of ``tolerance``."""
    from audits.tables.perturbed import outcome_range

    evaluation = subject.evaluation
    if subject.task != "regression":
        return (0.0, 1.0), 1.0
    known = subject.reference if subject.reference is not None and subject.reference.roles.target else evaluation
    if known.roles.target is None:
        return (-math.inf, math.inf), 1.0
    low, high, spread = outcome_range(known)
    stated = subject.declared.get("ranges", {}).get(evaluation.roles.target)
    span = (float(stated[0]), float(stated[1])) if stated else (low - (high - low), high + (high - low))
    return span, spread or 1.0


def _ends_plot(rows: list[dict[str, Any]], of: str) -> Plot:
    label, value, count = gettext_noop("Feature and end"), gettext_noop("Share of rows"), gettext_noop("Rows")
    title = {
        "outside": gettext_noop("Answers out of range at the ends of each feature"),
        "changed": gettext_noop("Answers that change at the ends of each feature"),
    }[of]
    ordered = sorted(rows, key=lambda row: (-row[of], row["feature"], row["end"]))[:40]
    cells = [
        (f"{row['feature']}, {row['end']}", row[of], row[f"{of}_low"], row[f"{of}_high"], row["n"]) for row in ordered
    ]
    return intervals_plot(title, label, value, cells, kind="share", more=(PlotColumn(count, "count"),))


def _violations_plot(rows: list[dict[str, Any]]) -> Plot:
    label, value = gettext_noop("Feature"), gettext_noop("Share of rows that go the wrong way")
    cells = [(row["feature"], row["share"], row["low"], row["high"], row["largest"]) for row in rows[:40]]
    size = PlotColumn(gettext_noop("Largest step the wrong way"))
    title = gettext_noop("Violations of the declared direction")
    return intervals_plot(title, label, value, cells, kind="share", more=(size,))


def _curves_plot(found: list[Sweep]) -> Plot:
    x, y, series = gettext_noop("Share of the grid"), gettext_noop("Mean answer"), gettext_noop("Feature")
    rows = [
        (at / max(1, len(sweep.means) - 1), mean, sweep.feature)
        for sweep in found[:SHOWN_CURVES]
        for at, mean in enumerate(sweep.means)
    ]
    return Plot(
        "line",
        gettext_noop("Mean answer as each feature rises"),
        (PlotColumn(x, "share"), PlotColumn(y), PlotColumn(series, "text")),
        tuple(rows),
        x=x,
        y=y,
        series=series,
    )
