"""How often was each class predicted where each was true, and how is one class of many seen as a yes or no?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.answers import class_names, is_one_of, named, said_class
from audits.tables.asking import real, rows_of, weight_sums
from audits.tables.cells import outcome_cells
from audits.tables.contract import ColumnRoles, EvaluationTable
from audits.tables.remembered import remembered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HIT, GIVEN = "cadastre_hit", "cadastre_probability"


@dataclass(frozen=True)
class Confusion:
    """Rows by true class (first axis) and predicted class (second): counts, weights and squared weights.

    ``labels`` names the classes in order; of a binary model they are "0" and "1".
    """

    labels: tuple[str, ...]
    n: Floats
    weight: Floats
    square: Floats

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.n.sum())

    @property
    def scaled(self) -> Floats:
        """Weights scaled so that they add up to Kish's effective number of rows."""
        total = float(self.weight.sum())
        return self.weight * (total / float(self.square.sum())) if total > 0.0 else self.weight


def confusion(table: EvaluationTable) -> Confusion:
    """Return the confusion matrix of a binary or multiclass model, asked in one grouped scan, once a table."""
    return remembered(table, "confusion", lambda: _confusion(table))


def _confusion(table: EvaluationTable) -> Confusion:
    import numpy as np

    if table.task == "binary":
        found = np.zeros((3, 2, 2))
        for cell in outcome_cells(table, ()):
            found[:, int(cell.label or 0), int(cell.selected)] += (cell.n, cell.weight, cell.square)
        return Confusion(("0", "1"), found[0], found[1], found[2])
    target = named(table, table.table[table.roles.target])
    keys = [target.name("target"), said_class(table).name("predicted")]
    rows = rows_of(table.table.group_by(keys).aggregate(**weight_sums(table)))
    scored = {name for name, _ in table.roles.class_scores}
    labels = tuple(sorted(scored | {row[side] for row in rows for side in ("target", "predicted")}))
    place = {label: at for at, label in enumerate(labels)}
    found = np.zeros((3, len(labels), len(labels)))
    for row in rows:
        found[:, place[row["target"]], place[row["predicted"]]] += (row["n"], row["weight"], row["square"])
    return Confusion(labels, found[0], found[1], found[2])


def one_against_rest(table: EvaluationTable, label: str) -> EvaluationTable:
    """See one class of a multiclass table as a binary table: is it the class, and which probability was it given?"""
    target = table.table[table.roles.target]
    values = class_names(table, target).get(label, [])
    return _binary(table, is_one_of(target, values), real(table.table[dict(table.roles.class_scores)[label]]))


def top_label(table: EvaluationTable) -> EvaluationTable:
    """See a multiclass table as a binary one: is the likeliest class right, and which probability was it given?"""
    import ibis

    scores = [real(table.table[column]) for _, column in table.roles.class_scores]
    likeliest = said_class(dataclasses.replace(table, roles=dataclasses.replace(table.roles, prediction=None)))
    hit = named(table, table.table[table.roles.target]) == likeliest
    return _binary(table, hit, ibis.greatest(*scores))


def _binary(table: EvaluationTable, hit: Any, given: Any) -> EvaluationTable:
    seen = table.table.mutate(**{HIT: hit.cast("int32"), GIVEN: given})
    roles = ColumnRoles(target=HIT, score=GIVEN, weight=table.roles.weight)
    return dataclasses.replace(table, table=seen, roles=roles, task="binary", threshold=None, favourable=None)


def class_counts(table: EvaluationTable) -> dict[str, float]:
    """Return the weight of the rows of each class that occurs, by name."""
    target = named(table, table.table[table.roles.target])
    rows = rows_of(table.table.group_by(target.name("target")).aggregate(**weight_sums(table)))
    return {row["target"]: float(row["weight"]) for row in sorted(rows, key=lambda row: str(row["target"]))}
