"""Who was selected and with which outcome, group by group, for a binary model and for the favourable class of another?"""

from __future__ import annotations

import dataclasses
from typing import Any

from audits.tables.aggregates import OutcomeCell, group_label, outcome_cells, real
from audits.tables.contract import EvaluationTable
from audits.tables.predicted import is_class, predicted_class
from audits.tables.remembered import remembered
from registry.errors import DomainError

OUTCOME, DECISION = "outcome (favourable)", "decision (favourable)"


def decision_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> list[OutcomeCell]:
    """Return outcome by decision for every group formed by ``attributes``: one scan for any number of questions.

    Of a multiclass model the outcome is 1 where the class is the favourable one, and a row is selected when that class
    is predicted. Where a low score of a binary model is the good answer, both are turned over: outcome 0 is the favourable
    outcome and counts as 1, and who is below the threshold is selected. Raises as ``outcome_cells`` does.
    """
    return remembered(table, ("decisions", attributes), lambda: _decision_cells(table, attributes))


def _decision_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> list[OutcomeCell]:
    cells = outcome_cells(binary_view(table), attributes)
    if not table.favours_low:
        return cells
    turned = [
        dataclasses.replace(cell, label=None if cell.label is None else 1 - cell.label, selected=not cell.selected)
        for cell in cells
    ]
    return sorted(turned, key=lambda cell: (cell.groups, cell.label or 0, cell.selected))


def binary_view(table: EvaluationTable) -> EvaluationTable:
    """Return the table as that of a binary model whose outcome 1 is the favourable class."""
    if table.task == "binary":
        return table
    if table.task != "multiclass" or table.favourable is None:
        raise DomainError("missing-column-role", "Selection needs the name of the favourable class.")
    columns = {DECISION: real(is_favourable(table, table.favourable))}
    if table.roles.target is not None:
        columns[OUTCOME] = real(is_class(table.table[table.roles.target], table.favourable))
    roles = dataclasses.replace(
        table.roles,
        target=OUTCOME if OUTCOME in columns else None,
        prediction=DECISION,
        score=None,
        baseline=None,
        class_scores=(),
    )
    return dataclasses.replace(
        table, table=table.table.mutate(**columns), roles=roles, threshold=None, task="binary", favourable=None
    )


def is_favourable(table: EvaluationTable, favourable: str) -> Any:
    """Return the expression that is true where the favourable class is predicted.

    Raises DomainError ``unknown-class`` where no score is of that class: nobody would ever be selected.
    """
    if table.roles.prediction is None and favourable not in dict(table.roles.class_scores):
        raise DomainError("unknown-class", "The favourable class has no column of scores.")
    return is_class(predicted_class(table), favourable)


def score_name(table: EvaluationTable) -> str | None:
    """Return the column with the probability of the outcome (of the favourable class), or with the predicted number."""
    if table.task == "multiclass":
        return dict(table.roles.class_scores).get(table.favourable or "")
    return table.roles.score if table.task == "binary" else table.roles.prediction


def group_keys(table: EvaluationTable, attributes: tuple[str, ...]) -> list[Any]:
    """Return the columns to group by; DomainError ``unknown-column`` for an attribute that is not there."""
    absent = [name for name in attributes if name not in table.table.columns]
    if absent:
        raise DomainError("unknown-column", f"The table has no column {absent[0][:80]!r}.", columns=absent)
    return [table.table[name].name(f"group{at}") for at, name in enumerate(attributes)]


def labels_of(row: dict[str, Any], attributes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a row's groups, as every engine spells them."""
    return tuple(group_label(row[f"group{at}"]) for at in range(len(attributes)))
