"""How is a mean compared between groups: rows by group, the widest difference, and its plots?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audits.checks.contract import CheckSubject, GroupRow, Measurement, Plot
from audits.checks.fairness import plots
from audits.checks.fairness.attributes import To, comparisons_of, reference_of, title_of
from audits.checks.fairness.gaps import Comparisons
from audits.checks.fairness.suppression import printed

if TYPE_CHECKING:
    from audits.statistics.group_means import Mean


@dataclass(frozen=True)
class Compared:
    """What is compared: the name and unit of the mean, the titles of its plots, and its groups by comparison.

    ``groups`` returns the means of one comparison; ``beside`` further numbers and plots of the measured groups.
    """

    name: str
    unit: str
    titles: tuple[str, str]
    groups: Callable[[tuple[str, ...]], Sequence[Mean]]
    beside: Callable[[tuple[str, ...], str], dict[str, float | None]] = lambda chosen, group: {}
    plots: Callable[[Sequence[GroupRow]], Iterable[Plot]] = lambda rows: ()


def compare_means(
    subject: CheckSubject,
    what: Compared,
    *,
    names: tuple[str, ...],
    intersections: bool,
    min_group_size: int,
    to: To,
    confidence: float,
) -> Measurement:
    """Measure the widest difference between means of groups by each attribute and their intersection."""
    from audits.statistics.group_means import METHOD, widest_difference
    from audits.statistics.groups import status_of

    compared = comparisons_of(names, intersections)
    references = [reference_of(to, chosen) for chosen in compared]
    found = Comparisons([what.name], f"at least {min_group_size} rows each")
    for at, (chosen, reference) in enumerate(zip(compared, references, strict=True)):
        title, groups = title_of(chosen), what.groups(chosen)
        answers = [status_of(one.n, [one.n], min_group_size, ["rows"]) for one in groups]
        row = _row_maker(title, chosen, groups, what, confidence)
        shown, measured = printed(title, [one.name for one in groups], [one.n for one in groups], answers, row)
        kept = [groups[place] for place in measured]
        gap = widest_difference(
            kept, seed=subject.seed + at, confidence=confidence, reference=reference, comparisons=len(compared)
        )
        found.add(title, gap, shown, groups=len(groups), sizes=[one.n for one in kept], reference=reference)
    drawn = [
        *plots.gap_by_attribute(found.summaries, what.titles[1]),
        *plots.mean_by_group(found.rows, what.name, what.titles[0]),
        *what.plots(found.rows),
    ]
    return found.measurement("difference", unit=what.unit, confidence=confidence, method=METHOD, plots=drawn)


def _row_maker(
    title: str, chosen: tuple[str, ...], groups: Sequence[Mean], what: Compared, confidence: float
) -> Callable[[int], GroupRow]:
    """Return what makes the row of a measured group."""

    def row(at: int) -> GroupRow:
        one = groups[at]
        ends = one.interval(confidence)
        values: dict[str, float | None] = {what.name: one.value, f"{what.name}_low": ends.low}
        values |= {f"{what.name}_high": ends.high, f"{what.name}_n": one.n} | what.beside(chosen, one.name)
        return GroupRow(title, one.name, one.n, values, ends.low, ends.high, "measured")

    return row
