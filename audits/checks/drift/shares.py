"""Do features and scores fall into the same bins as in training? Population stability index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import TASKS, CheckSubject, Measurement, Plot, PlotColumn, check, gettext_noop
from audits.checks.drift.by_feature import MEND, columns_beside, ends_of, features_beside, notes_on, plot_of

if TYPE_CHECKING:
    from audits.statistics.histograms import Cut
    from audits.tables.sides import Sides

PARAMETERS = {"bins": {"type": "integer", "minimum": 2, "maximum": 50}}
METHOD = "multinomial-resampling-bias-corrected"


@check(
    "drift.psi_score",
    family="drift",
    needs=("scores", "reference-scores"),
    unit="nats",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
)
def psi_score(subject: CheckSubject, *, bins: int = 10, confidence: float = 0.95) -> Measurement:
    r"""Population stability index of the score between training and evaluation table.

    .. math:: \mathrm{PSI} = \sum_b (c_b - r_b) \ln(c_b / r_b)

    0: the same shares in each bin; without upper bound; screening practice reads 0.1 as slight and 0.25 as marked.

    Parameters
    ----------
    subject : evaluation and reference table, both with ``score``.
    bins : number of bins, cut at quantiles of the reference.
    confidence : nominal coverage of the bias-corrected interval over multinomial draws of both histograms.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; ``detail.bins`` holds label, shares and part of each bin, ``by_chance``
        about what the index comes to without any drift, ``error`` how far counting in histograms can have moved it.

    Notes
    -----
    Limits: the value depends on the number of bins; bins empty on one side count half a row.
    Not for: small tables, where chance alone comes near the usual limits (see ``by_chance``).

    References
    ----------
    N. Siddiqi, *Credit Risk Scorecards*, Wiley 2006; B. Yurdakul, J. Naranjo, J. Risk Model Validation
    14(4) (2020) 89-100 (what it comes to by chance).
    """
    reference, score = subject.reference, subject.evaluation.roles.score
    if reference is None or reference.roles.score is None or score is None:
        raise ValueError("the check needs scores on both sides")
    side = columns_beside(subject, {reference.roles.score: score})[0]
    row, found = measured(side, bins, subject.seed, confidence)
    totals = float(found.reference.sum()), float(found.current.sum())
    series = [
        {"bin": label, "reference": before / totals[0], "current": now / totals[1]}
        for label, before, now in zip(found.labels, found.reference.tolist(), found.current.tolist(), strict=True)
    ]
    detail = {name: row[name] for name in ("rule", "empty_bins", "by_chance", "n_reference", "error")} | {
        "bins": series
    }
    return Measurement(
        row["psi"],
        "nats",
        row["low"],
        row["high"],
        confidence,
        row["n_current"],
        METHOD,
        notes=_notes([row], subject),
        detail=detail,
        plots=(bins_plot(gettext_noop("Scores by bin"), found),),
    )


@check(
    "drift.psi_features",
    family="drift",
    needs=("features", "reference"),
    unit="nats",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
    tasks=TASKS,
)
def psi_features(subject: CheckSubject, *, bins: int = 10, confidence: float = 0.95) -> Measurement:
    r"""Largest population stability index of a feature between training and evaluation table.

    .. math:: \max_j \sum_b (c_{jb} - r_{jb}) \ln(c_{jb} / r_{jb})

    0: each feature has the same shares in each bin; without upper bound. Numbers are cut at quantiles of the reference,
    everything else is counted by category; missing values are a bin of their own, as are categories the reference
    lacks.

    Parameters
    ----------
    subject : evaluation and reference table with the features named in the roles of the evaluation table.
    bins : number of bins of a number.
    confidence : nominal coverage of each feature's interval.

    Returns
    -------
    Measurement
        ``n`` rows of the evaluation table; the interval joins the largest lower and the largest upper end of all
        features; ``detail.features`` holds one row per feature, largest first, with ``by_chance`` and ``error``.

    Notes
    -----
    Limits: the value depends on the number of bins; bins empty on one side count half a row. Of a feature with more than
    50 categories the rarest are one bin; with more than 2,000, new ones are counted with them.
    Not for: small tables, where chance alone comes near the usual limits (see ``by_chance``).

    References
    ----------
    As for ``drift.psi_score``.
    """
    found = [
        measured(side, bins, subject.seed + 2 * at, confidence) for at, side in enumerate(features_beside(subject))
    ]
    found.sort(key=lambda pair: (-pair[0]["psi"], pair[0]["feature"]))
    rows = [row for row, _ in found]
    low, high = ends_of(rows)
    plots = (
        plot_of(gettext_noop("Population stability index by feature"), rows, "psi", gettext_noop("PSI")),
        bins_plot(gettext_noop("The feature that moved most, by bin"), found[0][1], note=rows[0]["feature"]),
    )
    return Measurement(
        rows[0]["psi"],
        "nats",
        low,
        high,
        confidence,
        subject.evaluation.rows,
        METHOD,
        notes=_notes(rows, subject),
        detail={"features": rows, "worst": rows[0]["feature"]},
        plots=plots,
    )


def measured(side: Sides, bins: int, seed: int, confidence: float) -> tuple[dict[str, Any], Cut]:
    """Return the index of one column as a row, and the bins it was worked out from."""
    from audits.statistics.drift import psi, psi_by_chance, psi_interval, psi_parts
    from audits.statistics.histograms import cut, index_error

    found = cut(side.reference, side.current, bins=bins)
    value = psi(found.reference, found.current)
    error = index_error(found, psi_parts)
    interval = psi_interval(found.reference, found.current, seed=seed, confidence=confidence)
    row = {
        "feature": side.column,
        "psi": value.value,
        "low": max(0.0, interval.low - error) if interval else None,
        "high": interval.high + error if interval else None,
        "by_chance": psi_by_chance(found.reference, found.current),
        "error": error,
        "bins": len(found.labels),
        "rule": found.rule,
        "empty_bins": value.empty_bins,
        "n_reference": int(found.reference.sum()),
        "n_current": int(found.current.sum()),
    }
    return row, found


def bins_plot(title: str, found: Cut, *, note: str = "") -> Plot:
    """Return the shares of both tables by bin."""
    label, before, now = gettext_noop("Bin"), gettext_noop("Reference"), gettext_noop("Evaluation")
    count = gettext_noop("Rows")
    totals = float(found.reference.sum()), float(found.current.sum())
    return Plot(
        "shares",
        title,
        (PlotColumn(label, "text"), PlotColumn(before, "share"), PlotColumn(now, "share"), PlotColumn(count, "count")),
        tuple(
            (name, one / totals[0], two / totals[1], int(two))
            for name, one, two in zip(found.labels, found.reference.tolist(), found.current.tolist(), strict=True)
        ),
        label=label,
        values=(before, now),
        note=note,
    )


def _notes(rows: list[dict[str, Any]], subject: CheckSubject) -> tuple[str, ...]:
    from audits.statistics.drift import EMPTY_BINS

    notes = notes_on(subject, rows)
    if any(row["empty_bins"] for row in rows):
        notes.append(f"Bins that were empty on one side were counted with {EMPTY_BINS}.")
    return tuple(notes)
