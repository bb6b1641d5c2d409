"""How are the groups of one attribute spread over the values of one feature?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.aggregates import group_label, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.gaps import batches, missing
from audits.tables.remembered import remembered
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_VALUES = 5_000
MOST_CELLS = 200_000
FINE_BINS = 16_384


@dataclass(frozen=True)
class FeatureByGroup:
    """Rows by value of a feature (rows of the array) and group (columns).

    The first line counts missing values. Where ``ordered``, the others rise with the value; else their order tells
    nothing. ``rule`` says what a line is: "values", or "bins" of equal width where there are more than 5,000 values.
    """

    counts: NDArray[np.int64]
    groups: tuple[str, ...]
    ordered: bool
    rule: str


def feature_by_group(table: EvaluationTable, feature: str, attribute: str) -> FeatureByGroup | None:
    """Count rows by value of a feature and group; None where a text feature has too many values to be categories.

    Raises DomainError ``unknown-column`` and ``too-many-groups``.
    """
    return remembered(table, ("feature by group", feature, attribute), lambda: _counted(table, feature, attribute))


def _counted(table: EvaluationTable, feature: str, attribute: str) -> FeatureByGroup | None:
    import numpy as np

    absent = [name for name in (feature, attribute) if name not in table.columns]
    if absent:
        raise DomainError("unknown-column", f"The table has no column {absent[0][:80]!r}.", columns=absent)
    column, rule = table.table[feature], "values"
    kind = column.type()
    if kind.is_nested():
        return None
    ordered = bool(kind.is_numeric() or kind.is_temporal())
    key = missing(column).ifelse(None, real(column) if kind.is_numeric() or kind.is_boolean() else column)
    distinct, low, high = _spans(table).get(feature, (0, None, None))
    if distinct > MOST_VALUES and not kind.is_numeric():
        return None
    if distinct > MOST_VALUES:
        if low is None or high is None or not 0.0 < high - low < float("inf"):
            return None
        rule = "bins"
        key = ((key - number(low)) / number((high - low) / FINE_BINS)).floor().clip(upper=FINE_BINS - 1)
    asked = table.table.group_by([key.name("value"), table.table[attribute].name("group0")])
    rows = rows_of(asked.aggregate(n=table.table.count()).limit(MOST_CELLS + 1))
    if len(rows) > MOST_CELLS:
        message = f"{attribute[:80]}: more than {MOST_CELLS} cells; is a column an identifier?"
        raise DomainError("too-many-groups", message)
    groups = tuple(sorted({group_label(row["group0"]) for row in rows}))
    place = {name: at for at, name in enumerate(groups)}
    lines: dict[Any, NDArray[np.int64]] = {None: np.zeros(len(groups), dtype=np.int64)}
    for row in rows:
        line = lines.setdefault(row["value"], np.zeros(len(groups), dtype=np.int64))
        line[place[group_label(row["group0"])]] += int(row["n"])
    nothing = lines.pop(None)
    if ordered:
        listed = [lines[value].tolist() for value in sorted(lines)]
    else:
        listed = sorted((line.tolist() for line in lines.values()), reverse=True)
    return FeatureByGroup(np.array([nothing.tolist(), *listed], dtype=np.int64), groups, ordered, rule)


def _spans(table: EvaluationTable) -> dict[str, tuple[int, float | None, float | None]]:
    """Return distinct values, minimum and maximum of each feature, for all features at once."""
    return remembered(table, "spans of features", lambda: _asked_spans(table))


def _asked_spans(table: EvaluationTable) -> dict[str, tuple[int, float | None, float | None]]:
    found: dict[str, tuple[int, float | None, float | None]] = {}
    for names in batches(table.roles.features):
        asked: dict[str, Any] = {}
        for at, name in enumerate(names):
            column = table.table[name]
            if column.type().is_nested():
                continue
            asked[f"distinct{at}"] = column.nunique()
            if column.type().is_numeric():
                known = missing(column).ifelse(None, real(column))
                asked |= {f"low{at}": known.min(), f"high{at}": known.max()}
        facts = rows_of(table.table.aggregate(**asked))[0] if asked else {}
        for at, name in enumerate(names):
            ends = (facts.get(f"low{at}"), facts.get(f"high{at}"))
            low, high = (None if end is None else float(end) for end in ends)
            found[name] = int(facts.get(f"distinct{at}") or 0), low, high
    return found
