"""Do scores and features of the evaluation table look like those of the training table?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Insufficient, Measurement, check

if TYPE_CHECKING:
    from audits.tables.columns import PairedHistogram

PARAMETERS = {"bins": {"type": "integer", "minimum": 2, "maximum": 50}}
METHOD = "multinomial-resampling-bias-corrected"
MEND = "Find out what changed between training and evaluation data (source, period, encoding); retrain on current data."


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
        about what the index comes to without any drift.

    References
    ----------
    N. Siddiqi, *Credit Risk Scorecards*, Wiley 2006; B. Yurdakul, J. Naranjo, J. Risk Model Validation 14 (2020).
    """
    reference, score = subject.reference, subject.evaluation.roles.score
    if reference is None or reference.roles.score is None or score is None:
        raise ValueError("the check needs scores on both sides")
    row, histogram = _measure(subject, (reference.roles.score, score), bins, subject.seed, confidence)
    totals = sum(histogram.reference), sum(histogram.current)
    series = [
        {"bin": label, "reference": before / totals[0], "current": now / totals[1]}
        for label, before, now in zip(histogram.labels, histogram.reference, histogram.current, strict=True)
    ]
    detail = {name: row[name] for name in ("rule", "empty_bins", "by_chance", "n_reference")} | {"bins": series}
    return Measurement(
        row["psi"],
        "nats",
        row["low"],
        row["high"],
        confidence,
        totals[1],
        METHOD,
        notes=_notes([row], subject),
        detail=detail,
    )


@check(
    "drift.psi_features",
    family="drift",
    needs=("features", "reference"),
    unit="nats",
    better="lower",
    parameters=PARAMETERS,
    mend=MEND,
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
        features; ``detail.features`` holds one row per feature, largest first.

    References
    ----------
    As for ``drift.psi_score``.
    """
    reference = subject.reference
    if reference is None:
        raise ValueError("the check needs a reference table")
    lacking = [name for name in subject.evaluation.roles.features if name not in reference.table.columns]
    if lacking:
        raise Insufficient(
            f"The reference table lacks the feature {lacking[0]!r} (and {len(lacking) - 1} more).",
            "Register the training dataset version with the features the model reads.",
        )
    rows = [
        _measure(subject, (name, name), bins, subject.seed + 2 * at, confidence)[0]
        for at, name in enumerate(subject.evaluation.roles.features)
    ]
    rows.sort(key=lambda row: (-row["psi"], row["feature"]))
    ends = [[row[end] for row in rows] for end in ("low", "high")]
    low, high = (None, None) if None in ends[0] else (max(ends[0]), max(ends[1]))
    detail = {"features": rows, "worst": rows[0]["feature"]}
    return Measurement(
        rows[0]["psi"],
        "nats",
        low,
        high,
        confidence,
        subject.evaluation.rows,
        METHOD,
        notes=_notes(rows, subject),
        detail=detail,
    )


def _measure(
    subject: CheckSubject, columns: tuple[str, str], bins: int, seed: int, confidence: float
) -> tuple[dict[str, Any], PairedHistogram]:
    import numpy as np

    from audits.statistics.drift import psi, psi_by_chance, psi_interval
    from audits.tables.columns import paired_histogram

    if subject.reference is None:
        raise ValueError("the check needs a reference table")
    histogram = paired_histogram(subject.reference, subject.evaluation, columns=columns, bins=bins)
    before, now = np.array(histogram.reference, dtype=np.float64), np.array(histogram.current, dtype=np.float64)
    found = psi(before, now)
    interval = psi_interval(before, now, seed=seed, confidence=confidence)
    row = {
        "feature": columns[1],
        "psi": found.value,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "by_chance": psi_by_chance(before, now),
        "bins": len(histogram.labels),
        "rule": histogram.rule,
        "empty_bins": found.empty_bins,
        "n_reference": int(before.sum()),
        "n_current": int(now.sum()),
    }
    return row, histogram


def _notes(rows: list[dict[str, Any]], subject: CheckSubject) -> tuple[str, ...]:
    from audits.statistics.drift import EMPTY_BINS

    notes = []
    if any(row["empty_bins"] for row in rows):
        notes.append(f"Bins that were empty on one side were counted with {EMPTY_BINS}.")
    if subject.evaluation.roles.weight is not None:
        notes.append("Rows are counted once each; the weight column is not applied to drift.")
    return tuple(notes)
