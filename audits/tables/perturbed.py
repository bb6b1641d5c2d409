"""What did the model say of rows that were changed, beside what it said of them as they stood?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.aggregates import group_label, number, real, rows_of, selected
from audits.tables.contract import EvaluationTable
from registry.errors import DomainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ORIGIN = "cadastre_origin"
FEATURE = "cadastre_feature"
STEP = "cadastre_step"
GIVEN = "cadastre_given"
ALL_FEATURES = "(all)"


@dataclass(frozen=True)
class ScorePairs:
    """Rows of each combination of outcome, score of the changed row and score of the row as it stood."""

    n: NDArray[np.float64]
    label: NDArray[np.int64]
    after: NDArray[np.float64]
    before: NDArray[np.float64]


@dataclass(frozen=True)
class ClassPairs:
    """Rows by whether the predicted class was right as the row stood and after the change, and whether it changed."""

    n: int
    right_before: int
    right_after: int
    lost: int
    won: int
    changed: int


@dataclass(frozen=True)
class AmountPairs:
    """Sums over rows of squared errors before and after, their squares and product, and of the change of prediction.

    ``spread`` is the standard deviation of the outcomes.
    """

    n: int
    before: float
    after: float
    before_square: float
    after_square: float
    product: float
    change: float
    change_square: float
    spread: float


def is_paired(table: EvaluationTable) -> bool:
    """Tell whether a perturbed table says what the model answered on each row as it stood."""
    return table.roles.baseline == GIVEN


def score_pairs(table: EvaluationTable) -> ScorePairs:
    """Return how both scores of a binary model fall together, by outcome, in a fixed order."""
    import numpy as np

    keys = {"label": table.roles.target, "after": table.roles.score, "before": GIVEN}
    grouped = table.table.group_by([real(table.table[column]).name(name) for name, column in keys.items()])
    rows = rows_of(grouped.aggregate(n=table.table.count()))
    rows.sort(key=lambda row: (row["label"], row["after"], row["before"]))
    arrays = {name: np.array([row[name] for row in rows], dtype=np.float64) + 0.0 for name in ("n", *keys)}
    return ScorePairs(arrays["n"], arrays["label"].astype(np.int64), arrays["after"], arrays["before"])


def class_pairs(table: EvaluationTable) -> ClassPairs:
    """Return how predicted classes changed, and how often they were right."""
    from audits.tables.predicted import predicted_class

    keys = [table.table[table.roles.target].name("label"), predicted_class(table).name("after")]
    grouped = table.table.group_by([*keys, table.table[GIVEN].name("before")]).aggregate(n=table.table.count())
    counts = dict.fromkeys(("n", "right_before", "right_after", "lost", "won", "changed"), 0)
    for row in rows_of(grouped):
        label, after, before = (group_label(row[name]) for name in ("label", "after", "before"))
        facts = {
            "n": True,
            "right_before": before == label,
            "right_after": after == label,
            "lost": before == label != after,
            "won": after == label != before,
            "changed": after != before,
        }
        for name, holds in facts.items():
            counts[name] += int(row["n"]) if holds else 0
    return ClassPairs(**counts)


def amount_pairs(table: EvaluationTable) -> AmountPairs:
    """Return the sums that the errors of a regression before and after are made of; two scans."""
    target, after = real(table.table[table.roles.target]), real(table.table[table.roles.prediction])
    before = real(table.table[GIVEN])
    one = (before - target) * (before - target)
    two = (after - target) * (after - target)
    change = (after - before).abs()
    mean = rows_of(table.table.aggregate(mean=target.mean()))[0]["mean"]
    away = target - number(mean)
    found = rows_of(
        table.table.aggregate(
            n=table.table.count(),
            before=one.sum(),
            after=two.sum(),
            before_square=(one * one).sum(),
            after_square=(two * two).sum(),
            product=(one * two).sum(),
            change=change.sum(),
            change_square=(change * change).sum(),
            spread=(away * away).mean().sqrt(),
        )
    )[0]
    return AmountPairs(int(found.pop("n")), **{name: float(value) for name, value in found.items()})


def differences(table: EvaluationTable) -> tuple[int, int, float]:
    """Return rows, rows whose answer differs from that on the row as it stood, and the largest difference.

    A class that differs counts as a difference of 1.
    """
    if table.task == "multiclass":
        pairs = class_pairs(table)
        return pairs.n, pairs.changed, 1.0 if pairs.changed else 0.0
    gap = (real(table.table[answer_column(table)]) - real(table.table[GIVEN])).abs()
    found = rows_of(table.table.aggregate(n=table.table.count(), differ=(gap > 0.0).sum(), largest=gap.max()))[0]
    return int(found["n"]), int(found["differ"] or 0), float(found["largest"] or 0.0)


def answer_column(table: EvaluationTable) -> str:
    """Return the column with the model's answer as a number: the score, of regression the amount, of classes that of
    the favourable one.

    Raises DomainError ``missing-column-role`` where there is none.
    """
    column = {"binary": table.roles.score, "regression": table.roles.prediction}.get(table.task)
    if table.task == "multiclass":
        column = dict(table.roles.class_scores).get(table.favourable or "")
    if column is None:
        raise DomainError("missing-column-role", "There is no number that the model answers with.", role="score")
    return column


@dataclass(frozen=True)
class EndCell:
    """Rows with one feature at one end (step 0 or 1): how many answers are out of range, and how many changed."""

    feature: str
    step: int
    n: int
    outside: int
    changed: int
    low: float | None
    high: float | None


def end_cells(table: EvaluationTable, *, span: tuple[float, float], tolerance: float) -> list[EndCell]:
    """Return what the model answers at the ends of each feature, sorted by feature and end.

    ``span`` is the range an answer must stay within (a class must be one of the known ones). An answer has changed when
    the decision or the class is another one, or, without a decision, when it moved by more than ``tolerance``.
    """
    if table.task == "multiclass":
        from audits.tables.predicted import predicted_class

        value = predicted_class(table).cast("string")
        outside, changed = value.isnull(), value != table.table[GIVEN].cast("string")
        ends: dict[str, Any] = {}
    else:
        value, given = real(table.table[answer_column(table)]), real(table.table[GIVEN])
        lost = value.isnull() | value.isnan()
        outside = lost.ifelse(True, (value < number(span[0])) | (value > number(span[1])))
        if table.task == "binary" and table.threshold is not None:
            changed = selected(table) != (given >= number(table.threshold))
        else:
            changed = (value - given).abs() > number(tolerance)
        known = lost.ifelse(None, value)
        ends = {"low": known.min(), "high": known.max()}
    asked = {"n": table.table.count(), "outside": outside.sum(), "changed": changed.sum()} | ends
    rows = rows_of(table.table.group_by([FEATURE, STEP]).aggregate(**asked))
    cells = [
        EndCell(
            str(row[FEATURE]),
            int(row[STEP]),
            int(row["n"]),
            int(row["outside"] or 0),
            int(row["changed"] or 0),
            row.get("low"),
            row.get("high"),
        )
        for row in rows
    ]
    return sorted(cells, key=lambda cell: (cell.feature, cell.step))


def outcome_range(table: EvaluationTable) -> tuple[float, float, float]:
    """Return the smallest and the largest outcome of a regression, and the standard deviation of the outcomes."""
    target = real(table.table[table.roles.target])
    found = rows_of(table.table.aggregate(low=target.min(), high=target.max(), mean=target.mean()))[0]
    away = target - number(found["mean"])
    spread = rows_of(table.table.aggregate(spread=(away * away).mean().sqrt()))[0]["spread"]
    return float(found["low"]), float(found["high"]), float(spread)


@dataclass(frozen=True)
class Sweep:
    """How the answer moves as one feature rises: rows swept, rows with a step the wrong way, and how far it went.

    ``means`` holds the mean answer at each step of the grid. ``largest`` and ``mean`` are over the wrong steps of rows
    that have any: the largest one of all, and the mean over rows of each row's largest.
    """

    feature: str
    n: int
    violated: int
    largest: float
    mean: float
    means: tuple[float, ...]


def sweeps(table: EvaluationTable, directions: dict[str, str], *, tolerance: float) -> list[Sweep]:
    """Return how often the answer moves against the declared direction, per feature, sorted by name.

    A step counts as wrong when it goes the wrong way by more than ``tolerance``. Features that were not swept are left
    out.
    """
    import ibis

    found = []
    for feature, direction in sorted(directions.items()):
        rows = table.table.filter(table.table[FEATURE] == feature)
        window = ibis.window(group_by=ORIGIN, order_by=STEP)
        moved = rows.mutate(answered=real(rows[answer_column(table)]))
        step = moved.answered - moved.answered.lag(1).over(window)
        wrong = -step if direction == "increasing" else step
        each = moved.mutate(wrong=wrong).group_by(ORIGIN).aggregate(worst=lambda t: t.wrong.max())
        over = each.worst > number(tolerance)
        facts = rows_of(
            each.aggregate(
                n=each.count(), violated=over.sum(), largest=each.worst.max(), mean=over.ifelse(each.worst, None).mean()
            )
        )[0]
        if not facts["n"]:
            continue
        means = rows_of(moved.group_by(STEP).aggregate(mean=lambda t: t.answered.mean()))
        curve = tuple(float(row["mean"]) for row in sorted(means, key=lambda row: row[STEP]))
        violated = int(facts["violated"] or 0)
        largest, mean = (float(facts[name] or 0.0) if violated else 0.0 for name in ("largest", "mean"))
        found.append(Sweep(feature, int(facts["n"]), violated, largest, mean, curve))
    return found
