"""How are groups counted and drawn once for all comparisons and all checks of a run?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CheckSubject
from audits.checks.fairness.attributes import group_cells, group_name

if TYPE_CHECKING:
    from audits.statistics.confusion import GroupCells
    from audits.tables.cells import OutcomeCell

MOST_KEPT_DRAWN = 64
"""Draws of more groups than this are not kept: a thousand draws of a group are 32 kB."""


def grouped(
    subject: CheckSubject, cells: list[OutcomeCell], names: tuple[str, ...], chosen: tuple[str, ...]
) -> GroupCells:
    """Return the cells of the groups, kept for the other checks of the run that compare by these attributes."""
    from audits.tables.remembered import remembered

    def asked() -> GroupCells:
        if chosen == names:
            return group_cells(cells, names, names)
        merged, into = members(subject, cells, names, chosen)
        return grouped(subject, cells, names, names).merged(merged, into) if into else group_cells(cells, names, chosen)

    return remembered(subject.evaluation, ("grouped", names, chosen), asked)


def members(
    subject: CheckSubject, cells: list[OutcomeCell], names: tuple[str, ...], chosen: tuple[str, ...]
) -> tuple[list[str], list[int]]:
    """Return the groups of the chosen attributes by name, and of which of them each group of all attributes is part.

    The places are empty where two groups of all attributes have one name, because of texts that look like names of groups.
    """
    from audits.tables.remembered import remembered

    def asked() -> tuple[list[str], list[int]]:
        places = [names.index(name) for name in chosen]
        values = dict.fromkeys(cell.groups for cell in cells)
        whole = {group_name(names, one): group_name(chosen, [one[place] for place in places]) for one in values}
        merged = sorted(set(whole.values()))
        if len(whole) < len(values):
            return merged, []
        at = {name: place for place, name in enumerate(merged)}
        return merged, [at[whole[name]] for name in grouped(subject, cells, names, names).names]

    return remembered(subject.evaluation, ("members", names, chosen), asked)


def drawn_once(
    subject: CheckSubject,
    cells: list[OutcomeCell],
    names: tuple[str, ...],
    compared: Sequence[tuple[str, ...]],
    at: int,
) -> tuple[Any, list[int]]:
    """Return the draws of the groups of comparison ``at``, kept for the other checks of the run, and which groups they are.

    Groups of one or two people are not among them: they leave no trace in any number. Where the intersection is compared
    too and none of its groups is so small, it alone is drawn, and the groups of a single attribute are sums of its draws:
    a table drawn row by row would hold the same people. None where the groups are too many to be kept: they are then
    drawn where they are needed.
    """
    from audits.statistics.confusion import drawn_cells
    from audits.statistics.groups import SMALLEST_SHOWN
    from audits.tables.remembered import remembered

    chosen, seed = compared[at], subject.seed + at
    groups = grouped(subject, cells, names, chosen)
    if len(groups) > MOST_KEPT_DRAWN:
        return None, []
    finest = grouped(subject, cells, names, compared[-1])
    whole = len(finest) <= MOST_KEPT_DRAWN and min(finest.sizes, default=0) >= SMALLEST_SHOWN
    if at < len(compared) - 1 and compared[-1] == names and whole and members(subject, cells, names, chosen)[1]:
        question = ("summed", names, chosen, subject.seed)
        last = len(compared) - 1

        def summed() -> Any:
            parts = drawn_once(subject, cells, names, compared, last)[0]
            return _summed(parts, groups, members(subject, cells, names, chosen)[1])

        return remembered(subject.evaluation, question, summed), list(range(len(groups)))
    shown = [place for place, size in enumerate(groups.sizes) if size >= SMALLEST_SHOWN]
    kept = ("drawn", names, chosen, seed)
    return remembered(subject.evaluation, kept, lambda: drawn_cells(groups.only(shown), seed=seed)), shown


def _summed(drawn: Any, groups: GroupCells, into: Sequence[int]) -> Any:
    import numpy as np

    parts = np.moveaxis(drawn, 0, -1)
    total = np.zeros((len(groups), *parts.shape[1:]))
    for part, place in zip(parts, into, strict=True):
        total[place] += part
    return np.moveaxis(total, -1, 0)
