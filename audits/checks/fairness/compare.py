"""How is a rate compared between groups: from one aggregate to a gap by attribute, rows by group, and plots?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject, GroupRow, Measurement
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import (
    To,
    chosen_attributes,
    comparisons_of,
    reference_of,
    title_of,
    turned_over,
)
from audits.checks.fairness.draws import drawn_once, grouped
from audits.checks.fairness.gaps import Comparisons
from audits.checks.fairness.suppression import printed

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells
    from audits.statistics.groups import Kind

UNITS = {"difference": "probability", "ratio": "ratio"}
ROWS_OF = {
    "selection_rate": "rows",
    "true_positive_rate": "rows with outcome 1",
    "false_positive_rate": "rows with outcome 0",
    "false_negative_rate": "rows with outcome 1",
    "positive_predictive_value": "selected rows",
    "accuracy": "rows",
}


def compare(
    subject: CheckSubject,
    *,
    kind: Kind,
    rates: tuple[str, ...],
    attributes: Iterable[str] | None,
    intersections: bool,
    min_group_size: int,
    to: To,
    confidence: float,
) -> Measurement:
    """Measure the gap of one or more rates by each attribute (and their intersection) from one scan of the table."""
    from audits.statistics.confusion import RATES
    from audits.statistics.groups import METHOD, gap_between
    from audits.tables.decisions import decision_cells

    names = chosen_attributes(subject, attributes)
    compared = comparisons_of(names, intersections)
    references = [reference_of(to, chosen) for chosen in compared]
    cells = decision_cells(subject.evaluation, names)
    found = Comparisons(rates, f"at least {min_group_size} {ROWS_OF[rates[0]]} each", notes=turned_over(subject))
    for at, (chosen, reference) in enumerate(zip(compared, references, strict=True)):
        title, groups = title_of(chosen), grouped(subject, cells, names, chosen)
        shown, measured = rows_of(title, groups, rates, min_group_size, confidence)
        kept = groups.only(measured)
        gap = gap_between(
            kept,
            [RATES[name] for name in rates],
            kind,
            seed=subject.seed + at,
            confidence=confidence,
            reference=reference,
            comparisons=len(compared),
            drawn=_drawn_of(measured, *drawn_once(subject, cells, names, compared, at)) if len(measured) > 1 else None,
        )
        found.add(title, gap, shown, groups=len(groups), sizes=kept.sizes, reference=reference)
    drawn = [
        *plots.gap_by_attribute(found.summaries, plots.GAP_TITLES[kind]),
        *(plot for name in rates for plot in plots.rate_by_group(found.rows, name)),
    ]
    return found.measurement(kind, unit=UNITS[kind], confidence=confidence, method=METHOD, plots=drawn)


def _drawn_of(measured: list[int], drawn: Any, places: list[int]) -> Any:
    """Return the draws of the measured groups out of those at ``places``."""
    if drawn is None or measured == places:
        return drawn
    return drawn[:, [places.index(at) for at in measured]]


def rows_of(
    title: str, groups: GroupCells, rates: tuple[str, ...], min_group_size: int, confidence: float
) -> tuple[list[GroupRow], list[int]]:
    """Return the rows to print, and the places of the measured groups."""
    from audits.statistics.confusion import RATES, rates_of
    from audits.statistics.groups import status_of

    found = {name: rates_of(groups, RATES[name]) for name in rates}
    words = [ROWS_OF[name] for name in rates]
    answers = [
        status_of(size, [found[name][at].n for name in rates], min_group_size, words)
        for at, size in enumerate(groups.sizes)
    ]

    def measured_row(at: int) -> GroupRow:
        values: dict[str, float | None] = {}
        for rate in rates:
            interval = found[rate][at].interval(confidence)
            values |= {rate: found[rate][at].value, f"{rate}_low": interval.low if interval else None}
            values |= {f"{rate}_high": interval.high if interval else None, f"{rate}_n": found[rate][at].n}
        ends = values[f"{rates[0]}_low"], values[f"{rates[0]}_high"]
        return GroupRow(title, groups.names[at], groups.sizes[at], values, *ends, "measured")

    return printed(title, groups.names, groups.sizes, answers, measured_row)
