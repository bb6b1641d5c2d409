"""What was predicted of a row, and is a row of a class?"""

from __future__ import annotations

from typing import Any

from audits.tables.asking import group_label, number, real, rows_of
from audits.tables.cells import selected
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError


def predicted_class(table: EvaluationTable) -> Any:
    """Return the expression of the predicted class: the prediction column, else the class of the largest score.

    Of equal scores the class first in the order of names wins. Raises DomainError ``missing-column-role``.
    """
    import ibis

    if table.roles.prediction is not None:
        return table.table[table.roles.prediction]
    pairs = table.roles.class_scores
    if not pairs:
        raise DomainError("missing-column-role", "A class is predicted by a column, or by a score of each class.")
    largest, chosen = real(table.table[pairs[0][1]]), ibis.literal(pairs[0][0])
    for label, column in pairs[1:]:
        score = real(table.table[column])
        chosen = (score > largest).ifelse(ibis.literal(label), chosen)
        largest = (score > largest).ifelse(score, largest)
    return chosen


def is_class(column: Any, label: str) -> Any:
    """Return the expression that is true where a column of outcomes holds the class named ``label``."""
    kind = column.type()
    if kind.is_boolean():
        return column if label in ("true", "1") else ~column
    if kind.is_numeric():
        return real(column) == number(float(label))
    return column.cast("string") == label


def prediction_counts(table: EvaluationTable) -> dict[str, int]:
    """Return rows by predicted class, the commonest first; of a binary model by decision, 1 being selected."""
    chosen = selected(table).cast("int32") if table.task == "binary" else predicted_class(table)
    found: dict[str, int] = {}
    for row in rows_of(table.table.group_by(chosen.name("predicted")).aggregate(n=table.table.count())):
        label = group_label(row["predicted"])
        found[label] = found.get(label, 0) + int(row["n"])
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
