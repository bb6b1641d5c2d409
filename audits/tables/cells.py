"""How many rows of each group have which outcome and which decision?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import group_label, number, real, rows_of, weight_sums
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

if TYPE_CHECKING:
    from audits.tables.scan import ParquetScan

MAX_GROUP_CELLS = 4_000
PASSED = "cells counted in passing"


@dataclass(frozen=True)
class OutcomeCell:
    """Rows of one group with one outcome and one decision: count, sum of weights and of squared weights."""

    groups: tuple[str, ...]
    label: int | None
    selected: bool
    n: int
    weight: float
    square: float


def outcome_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> list[OutcomeCell]:
    """Return the confusion cells of every group formed by ``attributes``, in one scan, sorted by group.

    A missing attribute value forms the group "(missing)". Raises DomainError ``unknown-column`` for an attribute that
    is not there and ``too-many-groups`` when the attributes look like identifiers.
    """
    absent = [name for name in attributes if name not in table.columns]
    if absent:
        raise DomainError("unknown-column", f"The table has no column {absent[0][:80]!r}.", columns=absent)
    if not table.selects:
        raise DomainError("missing-column-role", "Selection needs a score with a threshold, or a decision column.")
    rows = _rows(table, attributes)
    if len(rows) > MAX_GROUP_CELLS:
        names = ", ".join(attributes)
        raise DomainError("too-many-groups", f"{names}: more than {MAX_GROUP_CELLS} cells; is a column an identifier?")
    merged: dict[tuple[tuple[str, ...], int | None, bool], list[float]] = {}
    for row in sorted(rows, key=lambda row: (row["n"], row["weight"], row["square"])):
        groups = tuple(group_label(row[f"group{at}"]) for at in range(len(attributes)))
        label = None if row.get("label") is None else int(row["label"])
        total = merged.setdefault((groups, label, bool(row["selected"])), [0, 0.0, 0.0])
        for at, part in enumerate(("n", "weight", "square")):
            total[at] += row[part]
    order = sorted(merged.items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2]))
    return [OutcomeCell(*key, n=int(total[0]), weight=total[1], square=total[2]) for key, total in order]


def _rows(table: EvaluationTable, attributes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return one row per cell, more than ``MAX_GROUP_CELLS`` of them when there are too many."""
    if table.scan is not None and table.scan.plain(attributes):
        return _passed(table, table.scan, attributes)
    keys = [table.table[name].name(f"group{at}") for at, name in enumerate(attributes)]
    keys.append(selected(table).name("selected"))
    if table.roles.target is not None:
        keys.append(real(table.table[table.roles.target]).name("label"))
    return rows_of(table.table.group_by(keys).aggregate(**weight_sums(table)).limit(MAX_GROUP_CELLS + 1))


def _passed(table: EvaluationTable, scan: ParquetScan, attributes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the cells of a file that is read in passing; what was counted when it was opened is not read again."""
    from audits.tables.passing import CellCounter, read_in_passing

    known = table.answers.get(PASSED)
    if known is not None and set(attributes) <= set(table.roles.sensitive):
        places = [table.roles.sensitive.index(name) for name in attributes]
        return [row | {f"group{at}": row[f"group{place}"] for at, place in enumerate(places)} for row in known]
    counter = CellCounter(table, attributes, limit=MAX_GROUP_CELLS)
    read_in_passing(scan, [counter])
    return counter.rows()


def selected(table: EvaluationTable) -> Any:
    """Return the expression that is true for selected rows; a score equal to the threshold is selected."""
    if table.roles.score is not None and table.threshold is not None:
        return real(table.table[table.roles.score]) >= number(table.threshold)
    return real(table.table[table.roles.prediction]) == 1.0
