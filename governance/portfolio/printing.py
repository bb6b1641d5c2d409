"""How is a count printed? A bar for each name with its number in the table beside it, and lists that say how much is cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext as _

from audits.checks.measurement import Plot, PlotColumn
from audits.dossier.content import Block, Column, Figure, Paragraph, Table
from audits.dossier.measures import NONE
from governance.portfolio.register import NO_VERSION, ORDER_OF_STATES, RETIRED
from registry.lifecycle import Stage
from registry.models.version import STAGE_LABELS

MOST = 25
MOST_BARS = 20


def tier_text(tier: object) -> str:
    """Return a risk tier in words."""
    return _("tier %(tier)s") % {"tier": tier} if tier not in (None, "", "none") else _("no tier")


def state_text(state: str) -> str:
    """Return where a model stands, in words."""
    return _("no version") if state == NO_VERSION else str(STAGE_LABELS[Stage(state)])


def states_in_order() -> tuple[str, ...]:
    """Return where a model can stand, from production to retired."""
    return (*ORDER_OF_STATES, NO_VERSION, RETIRED)


def count_text(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def share_text(part: int, whole: int) -> str:
    """Return a share in per cent with what it is of; nothing is divided by nothing."""
    return f"{part:,} / {whole:,}" + (f" ({100 * part / whole:.1f} %)" if whole else "")


def yes_or_no(value: object) -> str:
    """Return a truth in words."""
    return _("yes") if value else _("no")


def counts_figure(caption: str, heading: str, rows: Sequence[tuple[str, int]], value: str = "") -> Block:
    """Return named counts as bars over their table; without one that is not 0, the table alone."""
    worded = value or _("Models")
    cells = tuple((name, count_text(count)) for name, count in rows)
    table = Table((Column(heading, weight=3), Column(worded, "right", 1, "number")), cells, caption)
    if not any(count for _name, count in rows):
        return table
    plot = Plot(
        kind="bars",
        title=caption,
        columns=(PlotColumn(heading, "text"), PlotColumn(worded, "count")),
        rows=tuple(rows[:MOST_BARS]),
        label=heading,
        value=worded,
    )
    return Figure(caption, {"kind": "bars", "plot": plot.as_json(), "words": {worded: worded}}, table)


def listed(
    caption: str,
    columns: Sequence[tuple[str, float]],
    rows: Iterable[Sequence[object]],
    most: int = MOST,
    numbers: frozenset[int] = frozenset(),
) -> Block:
    """Return a table of at most ``most`` rows with a note of how many there are; a sentence where there is none.

    ``numbers`` are the places of the columns whose cells are numbers.
    """
    every = [tuple(str(cell) if cell not in (None, "") else NONE for cell in row) for row in rows]
    if not every:
        return Paragraph(_("%(caption)s: none.") % {"caption": caption})
    note = ""
    if len(every) > most:
        note = _("The first %(shown)s of %(count)s; the facts in this file hold all.") % {
            "shown": count_text(most),
            "count": count_text(len(every)),
        }
    titles = tuple(
        Column(title, "right", weight, "number") if at in numbers else Column(title, weight=weight)
        for at, (title, weight) in enumerate(columns)
    )
    return Table(titles, tuple(every[:most]), caption, note=note)


def crossed(
    caption: str,
    down: Sequence[tuple[str, str]],
    across: Sequence[tuple[str, str]],
    counts: Mapping[str, int],
    heading: str,
) -> Table:
    """Return counts by two names; ``counts`` is keyed by both with a bar between, rows and columns by code and word."""
    columns = (Column(heading, weight=2.2), *(Column(word, "right", 1, "number") for _code, word in across))
    rows = tuple(
        (word, *(count_text(counts.get(f"{code}|{other}", 0)) for other, _other_word in across))
        for code, word in down
        if any(counts.get(f"{code}|{other}", 0) for other, _other_word in across)
    )
    return Table(columns, rows or ((NONE, *(NONE for _one in across)),), caption)
