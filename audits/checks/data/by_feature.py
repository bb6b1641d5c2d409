"""How is a table with one row per feature put together and drawn?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audits.checks.contract import Plot, PlotColumn, gettext_noop, intervals_plot

SHOWN = 60


def shares(
    title: str, rows: Sequence[dict[str, Any]], *, value: str = "share", count: str = "n", more: tuple[str, ...] = ()
) -> Plot:
    """Return features with a share on its interval, worst first; ``more`` names further shares of each row."""
    label, heading, rest = gettext_noop("Feature"), gettext_noop("Share of rows"), gettext_noop("Rows")
    further = [PlotColumn(rest, "count"), *(PlotColumn(HEADINGS[name], "share") for name in more)]
    drawn = [
        (row["feature"], row[value], row["low"], row["high"], row[count], *(row[name] for name in more))
        for row in rows[:SHOWN]
    ]
    note = "" if len(rows) <= SHOWN else gettext_noop("The 60 features with the largest values are shown.")
    return intervals_plot(title, label, heading, drawn, kind="share", more=further, note=note)


HEADINGS = {
    "reference": gettext_noop("In the reference"),
    "blank": gettext_noop("Of these blank texts"),
    "by_chance": gettext_noop("By chance"),
    "below": gettext_noop("Below"),
    "above": gettext_noop("Above"),
}


def listed(title: str, headings: Sequence[tuple[str, Any]], rows: Sequence[Sequence[Any]]) -> Plot:
    """Return a table that nothing is drawn of."""
    columns = tuple(PlotColumn(name, kind) for name, kind in headings)
    return Plot("table", title, columns, tuple(tuple(row) for row in rows[:SHOWN]))


def wilson_row(count: int, n: int, confidence: float) -> dict[str, Any]:
    """Return a share with its Wilson interval; all None over no rows."""
    from audits.statistics.intervals import wilson

    if not n:
        return {"share": None, "low": None, "high": None}
    found = wilson(count, n, confidence)
    return {"share": count / n, "low": found.low, "high": found.high}


def widest(rows: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Return the largest lower and the largest upper end of all rows that have an interval."""
    return max(row["low"] for row in rows), max(row["high"] for row in rows)
