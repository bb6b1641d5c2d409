"""How does the outcome go with one column alone?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import group_label, narrowed, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.gaps import batches, missing
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

    narrow = narrowed(table, (column, table.roles.target))
    rows = narrow.filter(~missing(narrow[column]))
    target = rows[table.roles.target]
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
    """Rows of each class at each value of one column, shape (n_values, n_classes); the first row is missing values.

    The values of a numeric column ascend; others come in an order that tells nothing about them.
    """

    counts: NDArray[np.int64]

    def rank_sums(self, at: int, label: str) -> RankSums:
        """Return what ``rank_sums`` gives for the class in one column of the counts, of a numeric column."""
        import numpy as np

        values = self.counts[1:].astype(np.float64)
        inside = values[:, at]
        rest = values.sum(axis=1) - inside
        n, m = inside.sum(), rest.sum()
        if not (n and m):
            return RankSums(label, int(n), int(m), 0.0, 0.0, 0.0)
        below = (np.cumsum(rest) - rest / 2.0) / m
        above = 1.0 - (np.cumsum(inside) - inside / 2.0) / n
        sums = float(inside @ below), float(inside @ (below * below)), float(rest @ (above * above))
        return RankSums(label, int(n), int(m), *sums)


def value_counts(table: EvaluationTable, column: str, classes: tuple[str, ...]) -> ValueCounts | None:
    """Return how the classes are spread over the values of a column; None when there are more values than can be told."""
    import numpy as np

    narrow = narrowed(table, (column, table.roles.target))
    target = narrow[table.roles.target]
    target = real(target) if table.task == "binary" else target
    key = missing(narrow[column]).ifelse(None, narrow[column])
    grouped = narrow.group_by([key.name("value"), target.name("label")]).aggregate(n=narrow.count())
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
    if table.table[column].type().is_numeric():
        ordered = [lines[value].tolist() for value in sorted(lines)]
    else:
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

    narrow = narrowed(table, (column, table.roles.target))
    rows = narrow.filter(~missing(narrow[column]))
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

    narrow = narrowed(table, (column, table.roles.target))
    key = missing(narrow[column]).ifelse(None, narrow[column])
    target = real(narrow[table.roles.target])
    grouped = narrow.group_by(key.name("value")).aggregate(
        n=narrow.count(), mean=target.mean(), within=target.var(how="pop")
    )
    rows = rows_of(grouped.limit(MOST_VALUES + 1))
    if len(rows) > MOST_VALUES:
        return None
    rows.sort(key=lambda row: (-row["n"], row["mean"], row["within"]))
    n, mean, spread = (np.array([row[name] for row in rows], dtype=np.float64) for name in ("n", "mean", "within"))
    return AmountGroups(n, mean, spread * n)


def equal_shares(table: EvaluationTable, columns: tuple[str, ...]) -> dict[str, float]:
    """Return for each column the share of rows whose value there is the outcome itself.

    Raises DomainError ``missing-column-role`` without outcomes.
    """
    if table.roles.target is None:
        raise DomainError("missing-column-role", "Equality with the outcome needs outcomes.", role="target")
    kinds = table.table.schema()
    target = kinds[table.roles.target]
    plain = {name: kinds[name].is_numeric() or kinds[name].is_boolean() for name in (*columns, table.roles.target)}
    alike = tuple(n for n in columns if plain[n] == plain[table.roles.target] and not kinds[n].is_nested())

    def same(value: Any, outcome: Any) -> Any:
        if target.is_numeric() or target.is_boolean():
            return real(value) == real(outcome)
        return value.cast("string") == outcome.cast("string")

    return dict.fromkeys(columns, 0.0) | _shares(table, alike, table.roles.target, same)


def later_shares(table: EvaluationTable, columns: tuple[str, ...]) -> dict[str, float]:
    """Return for each column of instants the share of rows whose instant there is after the row's own time."""
    kinds = table.table.schema()
    instants = {name for name in (*columns, table.roles.time) if name and _is_instant(kinds[name])}
    if table.roles.time is None or table.roles.time not in instants:
        return {}

    def later(value: Any, time: Any) -> Any:
        return value.cast("timestamp") > time.cast("timestamp")

    return _shares(table, tuple(name for name in columns if name in instants), table.roles.time, later)


def _is_instant(kind: Any) -> bool:
    return bool(kind.is_timestamp() or kind.is_date())


def _shares(
    table: EvaluationTable, columns: tuple[str, ...], other: str, holds: Callable[[Any, Any], Any]
) -> dict[str, float]:
    """Return for each column the share of rows where something holds of its value and that of the ``other`` column."""
    found: dict[str, float] = {}
    for names in batches(columns):
        narrow = narrowed(table, (*names, other))
        asked = {f"n{at}": holds(narrow[name], narrow[other]).sum() for at, name in enumerate(names)}
        facts = rows_of(narrow.aggregate(**asked))[0]
        found |= {name: int(facts[f"n{at}"] or 0) / table.rows for at, name in enumerate(names)}
    return found
