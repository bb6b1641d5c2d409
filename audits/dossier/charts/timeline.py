"""What happened when? Events on a line of time, in order, each with its instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from audits.dossier.charts.plot import TINY, line, new_drawing, write
from audits.dossier.palette import BLUE, MUTED, PAPER, RULE, TONES
from audits.dossier.pen import Drawing

MOST_EVENTS = 24
STEP = 17.0
AXIS = 112.0


def timeline(chart: Mapping[str, Any], width: float, label: Callable[[object], str]) -> Drawing:
    """Draw events from the first at the top to the last at the bottom, evenly spaced, with the time that passed.

    ``events``: list of ``{at, title, tone}`` in time order, ``at`` an ISO 8601 instant. At most the last 24 are drawn.
    """
    events = list(chart.get("events", ()))
    kept = events[-MOST_EVENTS:]
    height = STEP * max(len(kept), 1) + 12
    drawing = new_drawing(width, height)
    before: datetime | None = None
    if len(kept) > 1:
        line(drawing, AXIS, height - 10, AXIS, height - 10 - STEP * (len(kept) - 1), colour=RULE, weight=1.2)
    for index, event in enumerate(kept):
        y = height - 10 - index * STEP
        at = datetime.fromisoformat(str(event["at"]))
        colour = TONES.get(str(event.get("tone", "")), BLUE)
        filled = event.get("tone") != "deny"
        drawing.circle(AXIS, y, 3.2, fill=colour if filled else PAPER, stroke=colour, weight=1.3)
        write(drawing, AXIS - 10, y - 2.4, at.strftime("%Y-%m-%d %H:%M"), size=TINY, anchor="end", colour=MUTED)
        write(drawing, AXIS + 10, y - 2.4, label(event.get("title", "")), within=width - AXIS - 70)
        if before is not None:
            write(drawing, width, y - 2.4, f"+ {passed(before, at)}", size=TINY, anchor="end", colour=MUTED)
        before = at
    if len(events) > len(kept):
        text = f"the last {len(kept)} of {len(events):,} events; all are in the table"
        write(drawing, 0, 1, text, size=TINY, colour=MUTED)
    return drawing


def passed(earlier: datetime, later: datetime) -> str:
    """Return the time between two instants in its largest sensible unit."""
    seconds = max(0, int((later - earlier).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"
