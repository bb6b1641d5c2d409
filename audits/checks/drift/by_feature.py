"""How are the features laid beside those of the reference, and how is a table of them put together and drawn?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, Insufficient, Plot, PlotColumn, gettext_noop, intervals_plot

if TYPE_CHECKING:
    from audits.statistics.distances import Distance
    from audits.statistics.histograms import Cut
    from audits.tables.sides import Sides

MEND = "Find out what changed between training and evaluation data (source, period, encoding); retrain on current data."
SHOWN = 60
FEATURE = gettext_noop("Feature")


def features_beside(subject: CheckSubject) -> list[Sides]:
    """Return both histograms of every feature; raises Insufficient for a feature that cannot be compared."""
    names = subject.evaluation.roles.features
    return columns_beside(subject, {name: name for name in names})


def columns_beside(subject: CheckSubject, columns: Mapping[str, str]) -> list[Sides]:
    """Return both histograms of columns, named in the reference and now; Insufficient where one cannot be compared."""
    from audits.tables.sides import both_sides, incomparable

    reference = subject.reference
    if reference is None:
        raise ValueError("the check needs a reference table")
    wrong = incomparable(reference, subject.evaluation, columns)
    if wrong:
        name, why = next(iter(wrong.items()))
        raise Insufficient(
            f"The feature {name!r} cannot be compared: {why} (and {len(wrong) - 1} more).",
            "Register the training dataset version with the features the model reads, of the same kinds.",
        )
    return both_sides(reference, subject.evaluation, columns)


def row_of(side: Sides, found: Distance, name: str) -> dict[str, Any]:
    """Return one feature's distance as a row of ``detail.features``."""
    return {
        "feature": side.column,
        name: found.value,
        "low": found.interval.low if found.interval else None,
        "high": found.interval.high if found.interval else None,
        "by_chance": found.by_chance,
        "error": found.error,
        "n_reference": side.reference.n + side.reference.missing,
        "n_current": side.current.n + side.current.missing,
    }


def jensen_shannon_of(side: Sides, bins: int, seed: int, confidence: float) -> tuple[Distance, Cut]:
    """Return the Jensen-Shannon distance of one column with the error of its histogram, and the bins it is over."""
    from audits.statistics.distances import Distance, jensen_shannon, js_parts
    from audits.statistics.histograms import cut, index_error
    from audits.statistics.intervals import Interval

    found = cut(side.reference, side.current, bins=bins)
    distance = jensen_shannon(found.reference, found.current, seed=seed, confidence=confidence)
    # an error of the divergence moves its root by at most that error over the root, and by at most its own root
    error = index_error(found, js_parts)
    error = min(error**0.5, error / distance.value) if distance.value > 0.0 else error**0.5
    interval = distance.interval
    if interval is not None:
        low, high = max(0.0, interval.low - error), min(1.0, interval.high + error)
        interval = Interval(low, high, interval.method, interval.confidence)
    return Distance(distance.value, interval, distance.by_chance, error), found


def with_holm(rows: list[dict[str, Any]], p_values: Sequence[float]) -> None:
    """Add each row's p-value, alone and adjusted over all features."""
    from audits.statistics.multiplicity import holm

    for row, alone, adjusted in zip(rows, p_values, holm(list(p_values)), strict=True):
        row |= {"p_value": alone, "p_holm": adjusted}


def ends_of(rows: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return the largest lower and the largest upper end, or none where some row has no interval."""
    ends = [[row[end] for row in rows] for end in ("low", "high")]
    return (None, None) if None in ends[0] else (max(ends[0]), max(ends[1]))


def plot_of(title: str, rows: Sequence[Mapping[str, Any]], name: str, heading: str, *, tested: bool = False) -> Plot:
    """Return the features with their distance on its interval, largest first."""
    chance, error = gettext_noop("By chance"), gettext_noop("Error at most")
    adjusted, count = gettext_noop("p (Holm)"), gettext_noop("Rows")
    further = [PlotColumn(number) for number in (chance, error, *([adjusted] if tested else []))]
    cells = [name, "low", "high", "by_chance", "error", *(["p_holm"] if tested else []), "n_current"]
    note = gettext_noop("By chance: what the distance comes to when nothing has moved.")
    drawn = [(row["feature"], *(row[cell] for cell in cells)) for row in rows[:SHOWN]]
    further.append(PlotColumn(count, "count"))
    return intervals_plot(title, FEATURE, heading, drawn, more=further, limited=True, note=note)


def notes_on(subject: CheckSubject, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how far histograms can be off, and what was not applied."""
    notes = []
    error = max((row["error"] for row in rows), default=0.0)
    if error > 0.0:
        notes.append(
            f"Counted in histograms, which moves no value by more than {error:.1e}; the intervals allow for it."
        )
    if subject.evaluation.roles.weight is not None:
        notes.append("Rows are counted once each; the weight column is not applied to drift.")
    return notes
