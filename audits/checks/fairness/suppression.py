"""Which groups are printed with their rates, which only with their number, and which with neither?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from audits.checks.contract import GroupRow

if TYPE_CHECKING:
    from audits.statistics.groups import Status

MAX_SUPPRESSED_SHOWN = 20
WITHHELD = "too small; not shown, so that the number of a smaller group cannot be worked out"


def printed(
    title: str,
    names: Sequence[str],
    sizes: Sequence[int],
    answers: Sequence[tuple[Status, str]],
    measured_row: Callable[[int], GroupRow],
) -> tuple[list[GroupRow], list[int]]:
    """Return the rows to print, in the order of the groups, and the places of the measured ones.

    ``answers`` holds what ``status_of`` said of each group, ``measured_row`` makes the row of a measured one.
    """
    from audits.statistics.groups import also_withheld

    withheld = also_withheld(sizes, [status for status, _ in answers])
    rows: list[GroupRow] = []
    measured: list[int] = []
    suppressed = 0
    for at, (name, (status, note)) in enumerate(zip(names, answers, strict=True)):
        if status == "measured":
            measured.append(at)
            rows.append(measured_row(at))
        elif at == withheld:
            rows.append(GroupRow(title, name, None, {}, None, None, "suppressed", WITHHELD))
        elif status == "too-small":
            rows.append(GroupRow(title, name, sizes[at], {}, None, None, status, note))
        else:
            suppressed += 1
            if suppressed <= MAX_SUPPRESSED_SHOWN:
                rows.append(GroupRow(title, name, None, {}, None, None, status, note))
    return rows, measured
