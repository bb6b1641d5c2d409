"""What is wrong with the values of a table? Counted by the engine; no value is ever quoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audits.tables.asking import number, real, rows_of
from audits.tables.contract import MAX_CLASSES, EvaluationTable

NUMBER = r"^\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?\s*$"
SUM_TOLERANCE = 1e-3
"""How far the probabilities of all classes may add up to something other than 1: many exports keep three decimals."""


@dataclass(frozen=True)
class Fault:
    """One reason why the values of a table cannot be measured."""

    code: str
    message: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """What the values of a column must be: a kind, the code when they are missing, the code and words when outside."""

    kind: str
    missing: str
    outside: str
    words: str


LABEL = Rule("0-or-1", "label-missing", "label-outside-0-1", "must be 0 or 1")
SCORE = Rule("unit", "score-not-a-number", "score-outside-0-1", "must lie between 0 and 1")
DECISION = Rule("0-or-1", "prediction-missing", "prediction-outside-0-1", "must be 0 or 1")
WEIGHT = Rule("positive", "weight-not-positive", "weight-not-positive", "must be above 0 and at most 10^12")
CLASS = Rule("class", "label-missing", "label-missing", "must name a class")
PREDICTED_CLASS = Rule("class", "prediction-missing", "prediction-missing", "must name a class")
AMOUNT = Rule("finite", "label-missing", "label-not-finite", "must be a finite number")
PREDICTED_AMOUNT = Rule("finite", "prediction-missing", "prediction-not-finite", "must be a finite number")

RULES: dict[str, dict[str, Rule]] = {
    "binary": {"target": LABEL, "score": SCORE, "prediction": DECISION, "baseline": SCORE, "weight": WEIGHT},
    "multiclass": {"target": CLASS, "prediction": PREDICTED_CLASS, "baseline": PREDICTED_CLASS, "weight": WEIGHT},
    "regression": {
        "target": AMOUNT,
        "prediction": PREDICTED_AMOUNT,
        "baseline": PREDICTED_AMOUNT,
        "weight": WEIGHT,
    },
}
NOT_NUMBERS = {"target": "label-not-a-number"}


def value_faults(table: EvaluationTable) -> Iterator[Fault]:
    """Yield what is wrong with the values in each role, counting rows and quoting no value; one scan of the table."""
    rules = _rules(table)
    for name, role, rule in rules:
        if rule.kind != "class" and (kind := _no_number(table, name)):
            yield _of_another_kind(table, name, role, kind)
            return
    found = _found(table, rules)
    for at, (name, role, rule) in enumerate(rules):
        if count := found[f"missing{at}"]:
            text = f"Column {name!r} ({role}) has no {'class' if rule.kind == 'class' else 'number'} in {count} of "
            yield Fault(rule.missing, f"{text}{table.rows} rows.", {"column": name, "rows": count})
        if count := found[f"outside{at}"]:
            text = f"Column {name!r} ({role}) {rule.words}; it does not in {count} of {table.rows} rows."
            yield Fault(rule.outside, text, {"column": name, "rows": count})
    yield from _faults_of_classes(table, found)


def _found(table: EvaluationTable, rules: list[tuple[str, str, Rule]]) -> dict[str, int]:
    """Count what is missing and outside per rule, and what is asked about the outcomes as a whole."""
    if table.scan is not None:
        from audits.tables.passed_faults import counted_in_passing

        return counted_in_passing(table, [(name, rule.kind) for name, _, rule in rules])
    asked: dict[str, Any] = {}
    for at, (name, _, rule) in enumerate(rules):
        missing, outside = _wrong(table.table[name], rule.kind)
        asked |= {f"missing{at}": missing.sum(), f"outside{at}": outside.sum()}
    asked |= _classes(table)
    if not asked:
        return {}
    return {key: int(value or 0) for key, value in rows_of(table.table.aggregate(**asked))[0].items()}


def _no_number(table: EvaluationTable, name: str) -> str:
    """Return the kind of a column that holds neither numbers nor truth values; empty for one that does."""
    if table.scan is not None:
        import pyarrow as pa

        held = table.scan.kind(name)
        numeric = pa.types.is_integer(held) or pa.types.is_floating(held) or pa.types.is_decimal(held)
        return "" if numeric or pa.types.is_boolean(held) else str(held)
    kind = table.table[name].type()
    return "" if kind.is_numeric() or kind.is_boolean() else str(kind)


def _of_another_kind(table: EvaluationTable, name: str, role: str, kind: str) -> Fault:
    """Say how many rows hold a text that is no number, and which declaration would mend it."""
    code = NOT_NUMBERS.get(role, f"{role}-not-a-number")
    context = {"column": name}
    column = table.table[name]
    if not column.type().is_string():
        return Fault(code, f"Column {name!r} plays the role {role!r} but holds {kind}, not numbers.", context)
    odd = (column.notnull() & ~column.re_search(NUMBER)).ifelse(1, 0).sum()
    count = int(rows_of(table.table.aggregate(odd=odd))[0]["odd"] or 0)
    text = (
        f"Column {name!r} plays the role {role!r} but holds text: in {count} of {table.rows} rows it is no number. Name "
        "what stands for a missing value in the dialect of the dataset version ('missing', with 'trim' where blanks are "
        "put around it), or its sign before decimals ('decimal')."
    )
    return Fault(code, text, context | {"rows": count})


def _rules(table: EvaluationTable) -> list[tuple[str, str, Rule]]:
    """Return column, role and rule of every role that a column of this table plays for its task."""
    roles = table.roles
    rules = [(name, role, rule) for role, rule in RULES[table.task].items() if (name := getattr(roles, role))]
    if table.task == "multiclass":
        rules += [(column, "class-scores", SCORE) for _, column in roles.class_scores]
    return rules


def _wrong(column: Any, kind: str) -> tuple[Any, Any]:
    """Return two boolean expressions: where the value is missing, and where it is outside what its kind allows."""
    if kind == "class":
        missing = column.isnull()
        if column.type().is_floating():
            missing |= column.isnan()
        return missing, missing & ~missing
    value = real(column)
    missing = value.isnull() | value.isnan()
    outside = {
        "0-or-1": (value != 0.0) & (value != 1.0),
        "unit": (value < 0.0) | (value > 1.0),
        "positive": (value <= 0.0) | (value > number(1e12)),
        "finite": (value.abs() > number(1e300)),
    }[kind]
    return missing, value.notnull() & ~value.isnan() & outside


def _classes(table: EvaluationTable) -> dict[str, Any]:
    """Return what is asked about the outcomes as a whole, and about the probabilities of all classes together."""
    target = table.roles.target
    asked: dict[str, Any] = {}
    if target is not None and table.task == "binary":
        value = real(table.table[target])
        asked = {"positives": (value == 1.0).sum(), "negatives": (value == 0.0).sum()}
    if target is not None and table.task == "multiclass":
        asked["classes"] = table.table[target].nunique()
    if table.task == "multiclass" and table.roles.class_scores:
        total = sum(real(table.table[column]) for _, column in table.roles.class_scores)
        asked["not_one"] = ((total - 1.0).abs() > number(SUM_TOLERANCE)).sum()
    return asked


def _faults_of_classes(table: EvaluationTable, found: dict[str, int]) -> Iterator[Fault]:
    target = table.roles.target
    if "positives" in found and 0 in (found["positives"], found["negatives"]):
        only = 1 if found["negatives"] == 0 else 0
        text = f"Every row has the outcome {only}: nothing can be told about the other outcome."
        yield Fault("one-class-target", text, {"column": target, "only": only})
    if found.get("classes") == 1:
        text = "Every row has the same outcome: nothing can be told about the other classes."
        yield Fault("one-class-target", text, {"column": target})
    if found.get("classes", 0) > MAX_CLASSES:
        text = f"The outcome has {found['classes']} classes; at most {MAX_CLASSES} are measured. Is it a number?"
        yield Fault("too-many-classes", text, {"column": target, "classes": found["classes"]})
    if found.get("not_one"):
        text = f"The scores of the classes do not add up to 1 in {found['not_one']} of {table.rows} rows."
        yield Fault("class-scores-not-one", text, {"rows": found["not_one"]})
