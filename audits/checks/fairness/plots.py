"""How is a comparison of groups drawn: rates as a forest, gaps against their limit?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audits.checks.contract import GroupRow, Plot, PlotColumn, gettext_noop

MOST_ROWS = 400

ATTRIBUTE = PlotColumn(gettext_noop("Attribute"), "text")
GROUP = PlotColumn(gettext_noop("Group"), "text")
ROWS = PlotColumn(gettext_noop("Rows"), "count")
LOW, HIGH = PlotColumn(gettext_noop("Low")), PlotColumn(gettext_noop("High"))
GAP = PlotColumn(gettext_noop("Gap"))
LOWEST = PlotColumn(gettext_noop("Lowest"), "text")
HIGHEST = PlotColumn(gettext_noop("Highest"), "text")
RATE = PlotColumn(gettext_noop("Rate"), "share")
SHARES = PlotColumn(gettext_noop("Low"), "share"), PlotColumn(gettext_noop("High"), "share")

RATE_TITLES = {
    "selection_rate": gettext_noop("Selection rate by group"),
    "true_positive_rate": gettext_noop("True positive rate by group"),
    "false_positive_rate": gettext_noop("False positive rate by group"),
    "false_negative_rate": gettext_noop("False negative rate by group"),
    "positive_predictive_value": gettext_noop("Positive predictive value by group"),
    "accuracy": gettext_noop("Accuracy by group"),
}
GAP_TITLES = {
    "difference": gettext_noop("Largest difference by attribute"),
    "ratio": gettext_noop("Smallest ratio by attribute"),
}
CUT = gettext_noop("Only the first rows are shown; the evidence has all.")


def group_label(attribute: str, group: str) -> str:
    """Return the words beside a bar: the attribute too where the group's name does not hold it."""
    return group if " × " in attribute else f"{attribute}={group}"


def rate_by_group(rows: Sequence[GroupRow], rate: str) -> tuple[Plot, ...]:
    """Return a forest plot of one rate over all groups that are measured; nothing where there is none."""
    drawn = [
        (
            group_label(row.attribute, row.group),
            row.values[f"{rate}_n"],
            row.values[rate],
            row.values[f"{rate}_low"],
            row.values[f"{rate}_high"],
        )
        for row in rows
        if row.status == "measured"
    ]
    return table_of(
        "intervals",
        RATE_TITLES[rate],
        (GROUP, ROWS, RATE, *SHARES),
        drawn,
        label="Group",
        value="Rate",
        low="Low",
        high="High",
        scale=(0.0, 1.0),
    )


def gap_by_attribute(summaries: Iterable[Mapping[str, Any]], title: str) -> tuple[Plot, ...]:
    """Return the gap of each comparison with its interval, beside the limit; nothing where none has a value."""
    drawn = [
        tuple(item[name] for name in ("attribute", "value", "low", "high", "lowest_group", "highest_group"))
        for item in summaries
        if item["value"] is not None
    ]
    return table_of(
        "intervals",
        title,
        (ATTRIBUTE, GAP, LOW, HIGH, LOWEST, HIGHEST),
        drawn,
        label="Attribute",
        value="Gap",
        low="Low",
        high="High",
        limited=True,
    )


def table_of(
    kind: Any, title: str, columns: tuple[PlotColumn, ...], rows: Sequence[tuple[Any, ...]], **roles: Any
) -> tuple[Plot, ...]:
    """Return a plot of at most 400 rows that says when it left some out; nothing for no rows."""
    if not rows:
        return ()
    if len(rows) > MOST_ROWS:
        roles = roles | {"note": CUT}
    return (Plot(kind, title, columns, tuple(rows[:MOST_ROWS]), **roles),)


def mean_by_group(rows: Sequence[GroupRow], name: str, title: str) -> tuple[Plot, ...]:
    """Return a forest plot of one mean over all groups that are measured; nothing where there is none."""
    drawn = [
        (group_label(row.attribute, row.group), row.n, row.values[name], row.low, row.high)
        for row in rows
        if row.status == "measured"
    ]
    columns = (GROUP, ROWS, PlotColumn(gettext_noop("Mean")), LOW, HIGH)
    return table_of("intervals", title, columns, drawn, label="Group", value="Mean", low="Low", high="High")
