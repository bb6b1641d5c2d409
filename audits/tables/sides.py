"""How are the same columns spread in the reference and now? One pass over each table serves every check of drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audits.statistics.histograms import Histogram
from audits.tables.contract import EvaluationTable
from audits.tables.histograms import Histograms, current_histograms, reference_histograms
from audits.tables.remembered import remembered

STORED = "stored-histograms"
"""Under this question a table may be given histograms that were made of it before; then it is not read again."""


@dataclass(frozen=True)
class Sides:
    """The histogram of one column in the reference and now, over the same slots, and the name it has now."""

    column: str
    reference: Histogram
    current: Histogram


def both_sides(reference: EvaluationTable, current: EvaluationTable, columns: Mapping[str, str]) -> list[Sides]:
    """Return both histograms of each column, in the order asked for; ``columns`` maps names in the reference to names now.

    Raises DomainError as ``reference_histograms`` and ``current_histograms`` do.
    """
    before = _of_reference(reference, tuple(columns))
    wanted = Histograms({name: before.columns[name] for name in columns}, before.rows, before.table_digest)
    question = ("histograms", wanted.table_digest, tuple(columns.items()))
    now = remembered(current, question, lambda: current_histograms(current, wanted, columns))
    return [Sides(here, wanted.columns[name], now.columns[here]) for name, here in columns.items()]


def asked_of(table: EvaluationTable, names: tuple[str, ...]) -> Histograms | None:
    """Return the histograms that were counted in a reference when exactly these columns were asked for, else None."""
    found = table.answers.get(("histograms", names))
    return found if isinstance(found, Histograms) else None


def _of_reference(table: EvaluationTable, names: tuple[str, ...]) -> Histograms:
    stored = table.answers.get(STORED)
    if isinstance(stored, Histograms) and set(names) <= set(stored.columns):
        return stored
    return remembered(table, ("histograms", names), lambda: reference_histograms(table, names))


def incomparable(reference: EvaluationTable, current: EvaluationTable, columns: Mapping[str, str]) -> dict[str, str]:
    """Return, for each column that cannot be laid beside that of the reference, why not."""
    before, now = reference.table.schema(), current.table.schema()
    found = {}
    for name, here in columns.items():
        if name not in before.names:
            found[here] = "the reference table lacks it"
        elif here not in now.names:
            found[here] = "the evaluation table lacks it"
        elif before[name].is_nested() or now[here].is_nested():
            found[here] = "it holds lists or records"
        elif before[name].is_numeric() != now[here].is_numeric():
            found[here] = "it holds numbers in one table and something else in the other"
    return found
