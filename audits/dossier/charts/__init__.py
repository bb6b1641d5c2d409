"""What does a measurement look like? Vector charts drawn from JSON; each prints its numbers beside the marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from audits.dossier.charts.cells import grid, shares
from audits.dossier.charts.curves import lines, points
from audits.dossier.charts.graph import lineage
from audits.dossier.charts.rows import bars, intervals
from audits.dossier.charts.timeline import timeline
from audits.dossier.pen import Drawing

Label = Callable[[object], str]
KINDS: dict[str, Callable[[Mapping[str, Any], float, Label], Drawing]] = {
    "line": lines,
    "points": points,
    "bars": bars,
    "intervals": intervals,
    "shares": shares,
    "grid": grid,
    "lineage": lineage,
    "timeline": timeline,
}


def draw(chart: Mapping[str, Any], width: float, label: Label) -> Drawing:
    """Draw ``chart`` at most ``width`` points wide.

    ``label`` makes outside text drawable (`audits.dossier.text.PlainText` in one line). Raises ValueError for a kind
    that does not exist: a figure is never left out silently.
    """
    kind = chart.get("kind")
    if kind not in KINDS:
        raise ValueError(f"There is no chart {kind!r}. There are: {', '.join(sorted(KINDS))}.")
    return KINDS[kind](chart, width, label)
