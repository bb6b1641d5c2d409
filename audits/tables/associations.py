"""How does the outcome go with one column alone?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import group_label, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.gaps import missing
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_VALUES = 20_000
"""A column with more different values than this is not treated as categories."""


@dataclass(frozen=True)
class RankSums:
    """What AUC and DeLong's variance of one numeric column need, for one class against the rest.

    ``below`` is the sum over rows of the class of the share of other rows with a smaller value (ties half),
    ``below_square`` of its square, ``above_square`` the sum over other rows of the squared share of rows of the class
    with a larger value. Rows without a value are left out.
    """

    label: str
    n_class: int
    n_rest: int
    below: float
    below_square: float
    above_square: float


def rank_sums(table: EvaluationTable, column: str, classes: tuple[str, ...]) -> list[RankSums]:
    """Return the sums for each class, worked out inside the engine over the different values of a numeric column."""
    import ibis

    from audits.tables.predicted import is_class

    value, target = table.table[column], table.table[table.roles.target]
    rows = table.table.filter(~missing(value))
    flags = {f"c{at}": is_class(target, label).cast("int32").sum().cast("float64") for at, label in enumerate(classes)}
    cells = rows.group_by(real(rows[column]).name("value")).aggregate(n=rows.count().cast("float64"), **flags)
    total, running = ibis.window(), ibis.cumulative_window(order_by="value")
    measured: dict[str, Any] = {}
    for at in range(len(classes)):
        inside, rest = cells[f"c{at}"], cells.n - cells[f"c{at}"]
        measured |= {
            f"i{at}": inside,
            f"r{at}": rest,
            f"b{at}": (rest.sum().over(running) - rest / 2.0) / rest.sum().over(total),
            f"a{at}": 1.0 - (inside.sum().over(running) - inside / 2.0) / inside.sum().over(total),
        }
    placed = cells.mutate(**measured)
    asked: dict[str, Any] = {}
    for at in range(len(classes)):
        inside, rest, below, above = (placed[f"{part}{at}"] for part in "irba")
        asked |= {f"n{at}": inside.sum(), f"m{at}": rest.sum(), f"s{at}": (inside * below).sum()}
        asked |= {f"q{at}": (inside * below * below).sum(), f"t{at}": (rest * above * above).sum()}
    facts = rows_of(placed.aggregate(**asked))[0]
    found = []
    for at, label in enumerate(classes):
        n, m, below, square, above = (facts[f"{part}{at}"] or 0.0 for part in "nmsqt")
        found.append(RankSums(label, int(n), int(m), float(below), float(square), float(above)))
    return found


def class_counts(table: EvaluationTable) -> dict[str, int]:
    """Return rows by class of the outcome, the commonest first; outcomes of a binary model are "0" and "1"."""
    target = table.table[table.roles.target]
    target = real(target) if table.task == "binary" else target
    rows = rows_of(table.table.group_by(target.name("label")).aggregate(n=table.table.count()))
    found: dict[str, int] = {}
    for row in rows:
        label = group_label(row["label"])
        found[label] = found.get(label, 0) + int(row["n"])
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class ValueCounts:
    """Rows of each class at each value of one column, shape (n_values, n_classes); the first row is missing values."""

    counts: NDArray[np.int64]


def value_counts(table: EvaluationTable, column: str, classes: tuple[str, ...]) -> ValueCounts | None:
    """Return how the classes are spread over the values of a column; None when there are more values than can be told.

    Values come in a fixed order that tells nothing about them.
    """
    import numpy as np

    target = table.table[table.roles.target]
    target = real(target) if table.task == "binary" else target
    value = table.table[column]
    key = missing(value).ifelse(None, value)
    grouped = table.table.group_by([key.name("value"), target.name("label")]).aggregate(n=table.table.count())
    rows = rows_of(grouped.limit(MOST_VALUES * 2 + 1))
    if len(rows) > MOST_VALUES * 2:
        return None
    place = {label: at for at, label in enumerate(classes)}
    lines: dict[Any, NDArray[np.int64]] = {None: np.zeros(len(classes), dtype=np.int64)}
    for row in rows:
        line = lines.setdefault(row["value"], np.zeros(len(classes), dtype=np.int64))
        at = place.get(group_label(row["label"]))
        if at is not None:
            line[at] += int(row["n"])
    nothing = lines.pop(None)
    ordered = sorted((line.tolist() for line in lines.values()), reverse=True)
    return ValueCounts(np.array([nothing.tolist(), *ordered], dtype=np.int64))


@dataclass(frozen=True)
class AmountLink:
    """How amounts go with a numeric column: rows with a value, and the correlation of the ranks of both (ties shared)."""

    n: int
    rank_correlation: float | None


def rank_link(table: EvaluationTable, column: str) -> AmountLink:
    """Return Spearman's correlation of a numeric column with the outcome, worked out inside the engine."""
    import ibis

    rows = table.table.filter(~missing(table.table[column]))
    both = rows.select(x=real(rows[column]), y=real(rows[table.roles.target]))
    ranked = both.mutate(
        **{
            f"r{name}": ibis.rank().over(ibis.window(order_by=name)).cast("float64")
            + (ibis._.count().over(ibis.window(group_by=name)).cast("float64") + 1.0) / 2.0
            for name in ("x", "y")
        }
    )
    count = int(rows_of(both.aggregate(n=both.count()))[0]["n"])
    if count < 2:
        return AmountLink(count, None)
    x, y = ranked.rx - (count + 1) / 2.0, ranked.ry - (count + 1) / 2.0
    sums = rows_of(ranked.aggregate(xx=(x * x).sum(), yy=(y * y).sum(), xy=(x * y).sum()))[0]
    if not (sums["xx"] and sums["yy"]):
        return AmountLink(count, None)
    return AmountLink(count, float(sums["xy"]) / (float(sums["xx"]) * float(sums["yy"])) ** 0.5)


@dataclass(frozen=True)
class AmountGroups:
    """Rows, mean and sum of squared deviations from the mean of the outcome, for each value of one column."""

    n: NDArray[np.float64]
    mean: NDArray[np.float64]
    within: NDArray[np.float64]


def amount_groups(table: EvaluationTable, column: str) -> AmountGroups | None:
    """Return how amounts are spread within each value of a column (missing is one); None for too many values."""
    import numpy as np

    value = table.table[column]
    key = missing(value).ifelse(None, value)
    target = real(table.table[table.roles.target])
    grouped = table.table.group_by(key.name("value")).aggregate(
        n=table.table.count(), mean=target.mean(), within=target.var(how="pop")
    )
    rows = rows_of(grouped.limit(MOST_VALUES + 1))
    if len(rows) > MOST_VALUES:
        return None
    rows.sort(key=lambda row: (-row["n"], row["mean"], row["within"]))
    n, mean, spread = (np.array([row[name] for row in rows], dtype=np.float64) for name in ("n", "mean", "within"))
    return AmountGroups(n, mean, spread * n)


def equal_share(table: EvaluationTable, column: str) -> float:
    """Return the share of rows whose value in ``column`` is the outcome itself.

    Raises DomainError ``missing-column-role`` without outcomes.
    """
    if table.roles.target is None:
        raise DomainError("missing-column-role", "Equality with the outcome needs outcomes.", role="target")
    value, target = table.table[column], table.table[table.roles.target]
    kinds = [kind.is_numeric() or kind.is_boolean() for kind in (value.type(), target.type())]
    if kinds[0] != kinds[1] or value.type().is_nested():
        return 0.0
    same = real(value) == real(target) if kinds[0] else value.cast("string") == target.cast("string")
    return int(rows_of(table.table.aggregate(n=same.sum()))[0]["n"] or 0) / table.rows


def later_share(table: EvaluationTable, column: str) -> float | None:
    """Return the share of rows whose instant in ``column`` is after the row's own time; None where one is no instant."""
    if table.roles.time is None:
        return None
    value, time = table.table[column], table.table[table.roles.time]
    kinds = [kind.is_timestamp() or kind.is_date() for kind in (value.type(), time.type())]
    if not all(kinds):
        return None
    later = value.cast("timestamp") > time.cast("timestamp")
    return int(rows_of(table.table.aggregate(n=later.sum()))[0]["n"] or 0) / table.rows
