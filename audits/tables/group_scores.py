"""How are scores and amounts spread in each group? Sums over bins of the score, and moments of predictions and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audits.tables.aggregates import MAX_GROUP_CELLS, number, real, rows_of
from audits.tables.contract import EvaluationTable
from audits.tables.decisions import binary_view, group_keys, labels_of, score_name
from audits.tables.remembered import remembered
from registry.errors import DomainError

FINE = 2.0**32


@dataclass(frozen=True)
class ScoreBin:
    """Rows of one group in one bin of the score with one outcome: counts, weights, and weighted sums of s and s squared.

    Without weights the sums are of whole 2^-32ths, so that no engine and no order of rows changes them.
    """

    groups: tuple[str, ...]
    place: int
    label: int
    n: int
    weight: float
    square: float
    score: float
    score_square: float


def score_bins(table: EvaluationTable, attributes: tuple[str, ...], *, edges: tuple[float, ...]) -> list[ScoreBin]:
    """Return the sums of every group formed by ``attributes`` over bins of the score, in one scan.

    ``edges`` are the inner edges; a bin is open below and closed above. Raises DomainError ``unknown-column``,
    ``too-many-groups`` and ``missing-column-role``.
    """
    return remembered(table, ("score bins", attributes, edges), lambda: _score_bins(table, attributes, edges))


def _score_bins(table: EvaluationTable, attributes: tuple[str, ...], edges: tuple[float, ...]) -> list[ScoreBin]:
    name, view = score_name(table), binary_view(table)
    if name is None or view.roles.target is None:
        raise DomainError("missing-column-role", "Calibration by group needs scores and outcomes.")
    score, label = real(view.table[name]), real(view.table[view.roles.target])
    place = number(0.0)
    for edge in edges:
        place = place + (score > number(edge)).cast("int32")
    keys = [*group_keys(view, attributes), place.name("place"), label.name("label")]
    rows = _grouped(view, keys, attributes, {"score": score, "score_square": score * score}, cells=2 * (len(edges) + 1))
    merged: dict[tuple[tuple[str, ...], int, int], list[float]] = {}
    for row in rows:
        key = labels_of(row, attributes), int(row["place"]), int(row["label"])
        _add(merged.setdefault(key, [0.0] * 5), row, ("n", "weight", "square", "score", "score_square"))
    return [
        ScoreBin(*key, n=int(sums[0]), weight=sums[1], square=sums[2], score=sums[3], score_square=sums[4])
        for key, sums in sorted(merged.items())
    ]


@dataclass(frozen=True)
class AmountCell:
    """Rows of one group of a regression: counts, weights, and weighted sums over prediction less centre, and error.

    ``prediction`` and ``error`` (prediction less outcome) hold the sum and the sum of squares, ``absolute`` the sum of
    absolute errors; the last three are 0 where outcomes are not known.
    """

    groups: tuple[str, ...]
    n: int
    weight: float
    square: float
    prediction: tuple[float, float]
    error: tuple[float, float]
    absolute: float


def amount_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> tuple[float, list[AmountCell]]:
    """Return the centre of predictions and the sums of every group formed by ``attributes``.

    Raises DomainError ``unknown-column``, ``too-many-groups`` and, where a prediction or outcome is missing or not finite,
    ``score-not-a-number``.
    """
    return remembered(table, ("amounts", attributes), lambda: _amount_cells(table, attributes))


def _amount_cells(table: EvaluationTable, attributes: tuple[str, ...]) -> tuple[float, list[AmountCell]]:
    predicted = real(table.table[table.roles.prediction])
    known = predicted - predicted == 0.0
    outcome = None if table.roles.target is None else real(table.table[table.roles.target])
    if outcome is not None:
        known = known & (outcome - outcome == 0.0)
    facts = rows_of(
        table.table.aggregate(n=table.table.count(), known=known.cast("int32").sum(), centre=predicted.mean())
    )[0]
    if int(facts["n"]) == 0 or int(facts["known"] or 0) != int(facts["n"]):
        raise DomainError("score-not-a-number", "Predictions and outcomes must be finite numbers in every row.")
    centre = float(facts["centre"])
    moved = predicted - number(centre)
    asked = {"prediction": moved, "prediction_square": moved * moved}
    if outcome is not None:
        error = predicted - outcome
        asked |= {"error": error, "error_square": error * error, "absolute": error.abs()}
    rows = _grouped(table, group_keys(table, attributes), attributes, asked, cells=1, fine=False)
    merged: dict[tuple[str, ...], list[float]] = {}
    names = ("n", "weight", "square", "prediction", "prediction_square", "error", "error_square", "absolute")
    for row in rows:
        _add(merged.setdefault(labels_of(row, attributes), [0.0] * len(names)), row, names)
    return centre, [
        AmountCell(groups, int(sums[0]), sums[1], sums[2], (sums[3], sums[4]), (sums[5], sums[6]), sums[7])
        for groups, sums in sorted(merged.items())
    ]


def _grouped(
    table: EvaluationTable,
    keys: list[Any],
    attributes: tuple[str, ...],
    asked: dict[str, Any],
    *,
    cells: int,
    fine: bool = True,
) -> list[dict[str, Any]]:
    """Return counts, weights and sums by group; sums without weights in whole 2^-32ths where ``fine``."""
    count = table.table.count()
    if table.roles.weight is not None:
        weight = real(table.table[table.roles.weight])
        sums = {"n": count, "weight": weight.sum(), "square": (weight * weight).sum()}
        sums |= {name: (weight * value).sum() for name, value in asked.items()}
    else:
        sums = {"n": count, "weight": count.cast("float64"), "square": count.cast("float64")}
        for name, value in asked.items():
            whole = (value * number(FINE) + number(0.5)).floor().cast("int64") if fine else value
            sums[name] = whole.sum()
    most = MAX_GROUP_CELLS * cells
    rows = rows_of(table.table.group_by(keys).aggregate(**sums).limit(most + 1))
    if len(rows) > most:
        names = ", ".join(attributes)
        raise DomainError("too-many-groups", f"{names}: more than {MAX_GROUP_CELLS} cells; is a column an identifier?")
    divided = asked if fine and table.roles.weight is None else ()
    found = [{name: value / FINE if name in divided else value for name, value in row.items()} for row in rows]
    return sorted(found, key=lambda row: tuple(float(row[name]) for name in sums))


def _add(total: list[float], row: dict[str, Any], names: tuple[str, ...]) -> None:
    for at, name in enumerate(names):
        total[at] += float(row.get(name) or 0.0)
