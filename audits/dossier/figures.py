"""Which figures does a measurement hold? Each of its plots as a chart with the table it is drawn from; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from audits.checks.measurement import Plot, PlotColumn
from audits.dossier.content import Block, Column, Figure, Paragraph, Table
from audits.dossier.measures import NONE, Result, evidence_of, limit_of, limit_text, measurement_of, number_text
from registry.digests import digest_of

MOST_ROWS = {"line": 12, "points": 12}
OTHERS = 40
"""How many rows of a plot's table are printed; all of them stand in the evidence that the table names."""


def figures_of(result: Result, seen: dict[str, str] | None = None) -> tuple[Block, ...]:
    """Return every plot of a result, in the reader's language, with at most 40 rows of its table.

    ``seen`` holds what results before this one have printed, by its digest: several checks draw the same curve, and a
    reader is sent to where it stands. It is added to.
    """
    printed = {} if seen is None else seen
    blocks: list[Block] = []
    for given in measurement_of(result).get("plots") or ():
        plot = Plot.from_json(given)
        digest = digest_of([given, [limit_of(result), limit_text(result)] if plot.limited else None])
        if digest in printed:
            text = _("%(title)s: the same as under %(key)s.") % {"title": worded(plot.title), "key": printed[digest]}
            blocks.append(Paragraph(text, "small"))
            continue
        printed[digest] = str(result.get("key", ""))
        blocks.append(_figure(result, plot))
    return tuple(blocks)


def _figure(result: Result, plot: Plot) -> Block:
    kept = _kept(len(plot.rows), MOST_ROWS.get(plot.kind, OTHERS), evenly=plot.kind in MOST_ROWS)
    rows = tuple(
        tuple(cell_text(cell, column) for cell, column in zip(plot.rows[at], plot.columns, strict=True)) for at in kept
    )
    title = worded(plot.title)
    table = Table(_columns(plot), rows, title, evidence_of([result]), _note(plot, len(kept)))
    if plot.kind == "table" or not plot.rows:
        return table
    chart: dict[str, Any] = {"kind": plot.kind, "plot": plot.as_json(), "words": _words(plot)}
    if plot.limited and limit_of(result) is not None:
        requirement = result.get("requirement") or {}
        chart |= {"limit": limit_of(result), "limit_text": limit_text(result), "op": requirement.get("op", "<=")}
    return Figure(title, chart, table)


def worded(text: str) -> str:
    """Return the words of a plot in the dossier's language."""
    return _(text) if text else ""


def _words(plot: Plot) -> dict[str, str]:
    """Return the headings that a drawing prints, in the dossier's language, by the heading in the plot."""
    return {column.name: worded(column.name) for column in plot.columns}


def _columns(plot: Plot) -> tuple[Column, ...]:
    return tuple(
        Column(worded(column.name), "left", _weight(plot.rows, at), "text")
        if column.kind == "text"
        else Column(worded(column.name), "right", 1.0, "number")
        for at, column in enumerate(plot.columns)
    )


def _weight(rows: Sequence[Sequence[Any]], at: int) -> float:
    """Give a column of text more room the longer its texts are."""
    longest = max((len(str(row[at])) for row in rows), default=0)
    return min(3.0, max(1.0, longest / 14))


def _note(plot: Plot, shown: int) -> str:
    parts = [worded(plot.note)] if plot.note else []
    if shown < len(plot.rows):
        parts.append(
            _("%(shown)s of %(all)s rows are printed; all are in the evidence.")
            % {"shown": shown, "all": len(plot.rows)}
        )
    return " ".join(parts)


def _kept(rows: int, most: int, *, evenly: bool) -> list[int]:
    if rows <= most:
        return list(range(rows))
    if not evenly:
        return list(range(most))
    return sorted({round(index * (rows - 1) / (most - 1)) for index in range(most)})


def cell_text(cell: object, column: PlotColumn) -> str:
    """Return a cell as it is printed: shares in per cent, counts whole, numbers with four digits, a dash for none."""
    if cell is None:
        return NONE
    if column.kind == "text":
        return str(cell)
    if column.kind == "share" and isinstance(cell, int | float) and not isinstance(cell, bool):
        return f"{cell * 100:.1f} %"
    if column.kind == "count" and isinstance(cell, float) and cell.is_integer():
        return f"{int(cell):,}"
    return number_text(cell)
