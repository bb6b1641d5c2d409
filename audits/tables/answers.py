"""What did the model, and what did another version, say of each row: a class, a decision, an amount, and how wrong?"""

from __future__ import annotations

from typing import Any, Literal

from audits.tables.asking import group_label, number, real, rows_of
from audits.tables.cells import selected
from audits.tables.contract import MAX_CLASSES, EvaluationTable
from audits.tables.predicted import predicted_class
from registry.errors import DomainError

Loss = Literal["error", "squared", "absolute", "log", "signed"]
Answer = Literal["version", "baseline"]

LOSS_OF: dict[str, Loss] = {
    "brier": "squared",
    "log_loss": "log",
    "accuracy": "error",
    "rmse": "squared",
    "mae": "absolute",
    "mse": "squared",
}
"""The loss of one row whose mean a metric is made of."""

EPSILON = 2.0**-52
"""Probabilities are cut to [EPSILON, 1 - EPSILON] before their logarithm is taken, as scikit-learn does."""


def class_names(table: EvaluationTable, column: Any) -> dict[str, list[Any]]:
    """Return the values of a column of classes by the text that names them; DomainError ``too-many-classes``."""
    rows = rows_of(table.table.group_by(column.name("value")).aggregate(n=table.table.count()).limit(MAX_CLASSES + 2))
    if len(rows) > MAX_CLASSES + 1:
        raise DomainError("too-many-classes", f"A column of classes holds more than {MAX_CLASSES} of them.")
    names: dict[str, list[Any]] = {}
    for row in rows:
        names.setdefault(group_label(row["value"]), []).append(row["value"])
    return names


def is_one_of(column: Any, values: list[Any]) -> Any:
    """Return the expression that is true where a column holds one of ``values``; missing is a value like any other."""
    import ibis

    literals = [number(value) if isinstance(value, float) else value for value in values if value is not None]
    found = column.isin(literals) if literals else ibis.literal(False)
    return ibis.coalesce(found, ibis.literal(None in values))


def named(table: EvaluationTable, column: Any) -> Any:
    """Return a column of classes as the texts that name them, the same on every engine."""
    import ibis

    cases = [(is_one_of(column, values), name) for name, values in sorted(class_names(table, column).items())]
    return ibis.cases(*cases, else_="")


def said_class(table: EvaluationTable, answer: Answer = "version") -> Any:
    """Return the class that this version, or the other one, predicted, by name."""
    if answer == "baseline":
        return named(table, table.table[table.roles.baseline])
    said = predicted_class(table)
    return said if table.roles.prediction is None else named(table, said)


def baseline_threshold(table: EvaluationTable, given: float | None) -> float:
    """Return the threshold at which the other version's score becomes a decision: given, the version's own, or 0.5."""
    return next(found for found in (given, table.threshold, 0.5) if found is not None)


def wrong(table: EvaluationTable, answer: Answer = "version", *, threshold: float | None = None) -> Any:
    """Return the expression that is true where the predicted class is not the outcome."""
    target = table.table[table.roles.target]
    if table.task == "binary":
        chosen = selected(table)
        if answer == "baseline":
            chosen = real(table.table[table.roles.baseline]) >= number(baseline_threshold(table, threshold))
        return chosen != (real(target) == 1.0)
    return named(table, target) != said_class(table, answer)


def loss(table: EvaluationTable, kind: Loss, answer: Answer = "version", *, threshold: float | None = None) -> Any:
    """Return how wrong an answer is, row by row, as an expression; ValueError where the task has no such loss.

    "error": 1 where the predicted class or decision is not the outcome. "squared", "absolute", "signed" (prediction
    minus outcome): of a binary model's score or of a predicted amount. "log": minus the logarithm of the probability
    given to what happened.
    """
    import ibis

    if kind == "error":
        if table.task == "regression":
            raise ValueError("a predicted amount is not right or wrong")
        return wrong(table, answer, threshold=threshold).cast("int32").cast("float64")
    if table.task == "multiclass":
        if kind != "log" or answer == "baseline":
            raise ValueError(f"a class has no {kind} loss")
        target = named(table, table.table[table.roles.target])
        given = ibis.cases(
            *[(target == name, real(table.table[column])) for name, column in table.roles.class_scores], else_=0.0
        )
        return -_inside(given).ln()
    outcome = real(table.table[table.roles.target])
    role = table.roles.score if table.task == "binary" else table.roles.prediction
    said = real(table.table[role if answer == "version" else table.roles.baseline])
    if kind == "log":
        if table.task == "regression":
            raise ValueError("a predicted amount has no log loss")
        inside = _inside(said)
        return -(outcome == 1.0).ifelse(inside, number(1.0) - inside).ln()
    gap = said - outcome
    return {"squared": gap * gap, "absolute": gap.abs(), "signed": gap}[kind]


def _inside(probability: Any) -> Any:
    import ibis

    return ibis.greatest(ibis.least(probability, number(1.0 - EPSILON)), number(EPSILON))
