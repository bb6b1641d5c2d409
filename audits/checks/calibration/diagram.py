"""How is it shown whether scores mean what they say?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audits.checks.contract import Plot, PlotColumn, gettext_noop

if TYPE_CHECKING:
    from audits.statistics.calibration import ReliabilityRow

FEW = "Rates of bins with fewer than three rows are not shown."
BINNED = "Scores were grouped into 65,536 bins."


def reliability_plot(rows: list[ReliabilityRow]) -> Plot:
    """Draw observed rate against mean score by bin, with Wilson's intervals and the number of rows beside them."""
    return Plot(
        "points",
        gettext_noop("Reliability diagram"),
        (
            PlotColumn(gettext_noop("Scores from"), "share"),
            PlotColumn(gettext_noop("Scores to"), "share"),
            PlotColumn(gettext_noop("n"), "count"),
            PlotColumn(gettext_noop("Mean score"), "share"),
            PlotColumn(gettext_noop("Observed rate"), "share"),
            PlotColumn(gettext_noop("Low"), "share"),
            PlotColumn(gettext_noop("High"), "share"),
        ),
        tuple(
            (
                row.low,
                row.high,
                None if row.n and row.observed is None else round(row.n),
                row.mean_score,
                row.observed,
                row.observed_low,
                row.observed_high,
            )
            for row in rows
        ),
        x="Mean score",
        y="Observed rate",
        low="Low",
        high="High",
        diagonal=True,
        scale=(0.0, 1.0),
    )


def reliability_detail(rows: list[ReliabilityRow]) -> list[dict[str, Any]]:
    """Return the bins as JSON; how many rows a bin of one or two has is not shown."""
    return [asdict(row) | ({"n": None} if row.observed is None and row.n else {}) for row in rows]


def notes_of(rows: list[ReliabilityRow], *, binned: bool) -> tuple[str, ...]:
    """Return what must be said about the bins."""
    notes = [BINNED] if binned else []
    if any(row.n and row.observed is None for row in rows):
        notes.append(FEW)
    return tuple(notes)
